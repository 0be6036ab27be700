"""Cranfield beside the project, and many different runs over it; tests that need it skip where it is absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.evaluation.dataset import DataSet, load_dataset

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "cranfield"
needs_cranfield = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is not there")

Run = dict[str, dict[str, float]]
"""Query id → document id → score."""


def data() -> DataSet:
    return load_dataset(str(FOLDER))


def documents() -> list[str]:
    return [line.split('"', 4)[3] for line in (FOLDER / "corpus.jsonl").read_text().splitlines()]


def runs(judged: DataSet, ids: list[str]) -> dict[str, Run]:
    """31 runs by name: random ones, good ones with noise, weightings of these, short, empty, tied and absurd ones. All
    but one know only a third of the documents, so that relevant ones are missing."""
    every, ids = ids, ids[::3]
    random = np.random.default_rng(1400)
    noise = {item.id: random.random((4, len(ids))) for item in judged.queries}
    truth = {item.id: np.array([judged.qrels[item.id].get(i, 0) for i in ids]) for item in judged.queries}

    def run(score) -> Run:  # type: ignore[no-untyped-def]
        return {q: dict(zip(ids, np.float32(score(q)).tolist(), strict=True)) for q in noise}

    found = {f"random-{k}": run(lambda q, k=k: noise[q][k]) for k in range(3)}
    found["whole"] = {q: dict(zip(every, np.float32(random.random(len(every))).tolist(), strict=True)) for q in noise}
    found |= {f"noisy-{w}": run(lambda q, w=w: noise[q][0] + w * truth[q]) for w in (0.05, 0.2, 0.5, 1.0, 3.0)}
    for w in np.linspace(0, 1, 6):
        found[f"weighted-{w:.1f}"] = run(lambda q, w=w: w * (noise[q][1] + 0.3 * truth[q]) + (1 - w) * noise[q][2])
    found["ideal"] = run(lambda q: truth[q] + noise[q][0] / 2)
    found["worst"] = run(lambda q: -truth[q] + noise[q][0] / 2)
    found["all-tied"] = run(lambda q: np.ones(len(ids)))
    for levels in (2, 5, 40):
        found[f"tied-{levels}"] = run(lambda q, n=levels: np.floor(n * (noise[q][3] + 0.2 * truth[q])))
    found["tied-negative"] = run(lambda q: -np.floor(9 * noise[q][3]))
    found["nearly-tied"] = run(lambda q: 1e6 + noise[q][0])
    for depth in (1, 3, 10, 100, 1000):
        found[f"first-{depth}"] = {q: first(s, depth) for q, s in found["noisy-0.5"].items()}
    found["uneven"] = {q: first(s, int(q) * 7 % 50 + 1) for q, s in found["noisy-1.0"].items()}
    found["half-the-queries"] = {q: s for q, s in found["noisy-0.2"].items() if int(q) % 2}
    found["unjudged-only"] = {q: {f"x{i}": float(-i) for i in range(20)} for q in noise}
    return found


def first(scores: dict[str, float], depth: int) -> dict[str, float]:
    return dict(sorted(scores.items(), key=lambda item: -item[1])[:depth])
