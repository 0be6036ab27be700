"""Cross-encoders whose score is made by sentence-transformers' own layers, as the Ettin rerankers are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import RerankerError
from engine.local.base import ModelSpec
from engine.local.worker.scoring.load import load_scorer
from tests.tiny_models import HIDDEN, tiny_embedder

torch = pytest.importorskip("torch")
sentence_transformers = pytest.importorskip("sentence_transformers")
pytestmark = pytest.mark.filterwarnings("ignore:Importing from 'sentence_transformers.models':DeprecationWarning")

QUERY = "wait for some seconds without blocking"
TEXTS = ["Suspend the calling thread.", "東京", "Join path segments. " * 30, "asyncio.sleep", "a b c"]


def ettin(folder: Path, family: str = "modernbert") -> Any:
    """sentence-transformers' model, saved in the folder: encoder, first token, Dense, LayerNorm, Dense to one score."""
    from sentence_transformers import CrossEncoder, models

    torch.manual_seed(5)
    words = models.Transformer(str(tiny_embedder(folder / "body", family)))
    steps = [
        words,
        models.Pooling(HIDDEN, pooling_mode="cls"),
        models.Dense(HIDDEN, HIDDEN, bias=False, activation_function=torch.nn.GELU()),
        models.LayerNorm(HIDDEN),
        models.Dense(HIDDEN, 1, activation_function=torch.nn.Identity(), module_output_name="scores"),
    ]
    with torch.no_grad():
        steps[3].norm.weight.uniform_(0.5, 1.5)
        steps[3].norm.bias.uniform_(-0.5, 0.5)
    peer = CrossEncoder(modules=steps, device="cpu")
    peer.save_pretrained(str(folder / "whole"))
    return peer


@pytest.mark.parametrize("backend", ["padded", "packed"])
def test_scores_equal_sentence_transformers(tmp_path: Path, backend: str) -> None:
    peer = ettin(tmp_path)
    folder = tmp_path / "whole"
    scorer = load_scorer(
        ModelSpec(role="reranker", model=str(folder), device="cpu", dtype="fp32", backend=backend),
        folder,
        lambda *at: None,
    )
    ours = scorer.score(scorer.pairs(QUERY, TEXTS), lambda: False)
    theirs = peer.predict([(QUERY, text) for text in TEXTS], activation_fn=torch.nn.Identity())
    assert max(abs(mine - float(other)) for mine, other in zip(ours, theirs, strict=True)) <= 1e-5
    assert scorer.info.backend == backend
    assert scorer.info.revision.startswith("sha256:")


def test_modules_on_another_architecture_are_refused(tmp_path: Path) -> None:
    ettin(tmp_path, "bert")
    folder = tmp_path / "whole"
    with pytest.raises(RerankerError, match="scores by modules on a bert"):
        load_scorer(ModelSpec(role="reranker", model=str(folder), device="cpu"), folder, lambda *at: None)


def test_embedder_is_no_reranker(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "plain", "modernbert")
    assert json.loads((folder / "modules.json").read_text())
    with pytest.raises(RerankerError, match="has no weights for"):
        load_scorer(ModelSpec(role="reranker", model=str(folder), device="cpu"), folder, lambda *at: None)
