"""Fusion: normalisers, combiners, blends, presets; the arithmetic that turns a pool of leg scores into one order."""
