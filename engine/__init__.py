"""Rankscope's core: hybrid search, fusion, reranking and their full account, without any user interface."""

__version__ = "0.1.0"
