"""Embedders by transformers alone: what a sentence-transformers folder says of pooling, layers, prompts and lengths."""
