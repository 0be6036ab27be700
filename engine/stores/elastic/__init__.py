"""Elasticsearch 8 and 9 and OpenSearch 2 and 3, by one client.

Reading, from the ground up: ``node`` (headers) → ``connection`` (a client) → ``detect`` (which engine) → ``faults`` →
``mapping`` (what an index holds) → ``fields`` → ``bodies`` (requests, pure) → ``answers`` (replies, pure) → ``store``.

Writing: ``layout`` (mapping, names, pure) → ``bulk`` → ``writer`` → ``building``. An index that nobody described:
``listing`` → ``proposal`` (pure) → ``embedder_guess``.
"""
