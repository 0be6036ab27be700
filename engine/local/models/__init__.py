"""Local models before they are loaded: which there are, where they lie, how they are fetched, whether they fit.

Nothing here imports torch; ``fetch`` alone imports huggingface_hub, where something must be downloaded.
"""
