"""Models on the user's own machine: the worker process that alone imports torch, and what stands on either side.

``base`` names the seams: what a worker hosts (``Scorer``, ``TextEncoder``) and the records that cross the pipe. The
front side (``host``) imports no torch; everything below ``worker`` runs in the worker process alone.
"""
