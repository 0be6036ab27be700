"""Rerankers that are services: the table of providers, what they speak, and the one reranker that asks them all."""
