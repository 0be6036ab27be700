"""``convex``: Σ wₗ·nₗ with weights that sum to 1 (Bruch, Gai, Ingber, ACM TOIS 2023: better than RRF when tuned)."""

from __future__ import annotations

from engine.fusion.combiners.base import Combiner

CONVEX = Combiner("convex", "weighted mean of the normalised scores")
