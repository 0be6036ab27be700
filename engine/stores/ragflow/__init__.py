"""RAGFlow's index inside Elasticsearch or OpenSearch: what it stores, how it asks, and how it ranks."""
