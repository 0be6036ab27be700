"""The embedded store: an index in a folder, exact BM25 and exact kNN over memory-mapped arrays.

Reading, from the ground up: ``files`` (checked arrays) → ``postings``, ``columns``, ``ids`` → ``index`` (a generation)
→ ``plan``, ``bm25``, ``restrict``, ``knn``, ``topk`` → ``search`` (the legs), ``stored``, ``account`` → ``store``.
Writing: ``staging`` (what came in) → ``inverter`` (segments) → ``merge`` → ``builder`` (a generation) → ``writer``.
"""
