"""Embedders that are services: their table, and the one embedder that asks them all."""
