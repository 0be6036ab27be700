"""Every backend against sentence-transformers and against the loop of Qwen's documentation, on the same token ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from sentence_transformers import CrossEncoder

from engine.local.base import Stopped
from engine.local.worker.scoring.parity import LIMITS
from engine.local.worker.scoring.scorer import LocalScorer
from tests.tiny_models import RERANKERS, sentences

QUERY = "what is a thread"
TEXTS = [text[:length] for text, length in zip(sentences()[:24], [30, 120, 400, 1200] * 6, strict=True)]

EXACT = 1e-5
"""Most |Δlogit| in fp32: what another order of the same sums gives."""

BACKENDS = {
    "bert": ("padded", "packed"),
    "xlm-roberta": ("padded", "packed"),
    "modernbert": ("padded", "packed"),
    "qwen3": ("padded", "causal"),
    "qwen3-seq-cls": ("padded", "causal"),
}
EVERY = [(family, backend) for family, backends in BACKENDS.items() for backend in backends]

Load = Callable[..., LocalScorer]


def scores(scorer: LocalScorer, query: str = QUERY, texts: Sequence[str] = TEXTS, **more: Any) -> np.ndarray:
    return np.asarray(scorer.score(scorer.pairs(query, texts, **more)))


def same(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert np.abs(ours - theirs).max() <= EXACT
    order = np.argsort(-ours, kind="stable")
    assert (np.diff(theirs[order]) <= 2 * EXACT).all(), "the same order, but for ties within the tolerance"
    assert np.ptp(theirs) > 0.5, "scores that all agree prove nothing"


def by_sentence_transformers(folder: Path, rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Its model's own raw scores of these ids, one by one and unpadded."""
    model = CrossEncoder(str(folder), device="cpu")
    out = []
    with torch.inference_mode():
        for row in rows:
            ids = torch.tensor([row])
            out.append(float(model({"input_ids": ids, "attention_mask": torch.ones_like(ids)})["scores"].squeeze()))
    return np.asarray(out)


@pytest.mark.parametrize(("family", "backend"), [each for each in EVERY if not each[0].startswith("qwen3")])
def test_classifiers_score_as_sentence_transformers_does(
    family: str, backend: str, load: Load, folder_of: Callable[..., Path]
) -> None:
    model = CrossEncoder(str(folder_of(family)), device="cpu")
    theirs = model.predict([(QUERY, text) for text in TEXTS], activation_fn=torch.nn.Identity())
    scorer = load(family, backend=backend)
    assert scorer.info.backend == backend
    assert scorer.info.parity is not None
    assert scorer.info.parity.fell_back == ""
    same(scores(scorer), np.asarray(theirs, dtype=np.float64))


@pytest.mark.parametrize(("family", "backend"), [each for each in EVERY if each[0].startswith("qwen3")])
def test_decoders_score_as_sentence_transformers_does(
    family: str, backend: str, load: Load, folder_of: Callable[..., Path]
) -> None:
    scorer = load(family, backend=backend)
    pairs = scorer._encoder.pairs(QUERY, TEXTS)
    theirs = by_sentence_transformers(folder_of(family), [pair.ids().tolist() for pair in pairs])
    same(scores(scorer), theirs)


def documented_loop(folder: Path, query: str, texts: Sequence[str], instruction: str) -> np.ndarray:
    """The margin, as the examples of Qwen3-Reranker compute it: bodies tokenised and cut alone, prefix and suffix
    around them, padded on the left, the whole vocabulary's logits."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    opening = (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
        'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
    )
    closing = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    before, after = (tokenizer.encode(piece, add_special_tokens=False) for piece in (opening, closing))
    limit = 1024 - len(before) - len(after)
    bodies = [f"<Instruct>: {instruction}\n<Query>: {query}\n<Document>: {text}" for text in texts]
    cut = tokenizer(bodies, padding=False, truncation="longest_first", max_length=limit, add_special_tokens=False)
    rows = [before + body + after for body in cut["input_ids"]]
    true, false = (tokenizer.convert_tokens_to_ids(answer) for answer in ("yes", "no"))
    out: list[float] = []
    with torch.no_grad():
        for start in range(0, len(rows), 8):
            batch = tokenizer.pad({"input_ids": rows[start : start + 8]}, padding=True, return_tensors="pt")
            logits = model(**batch).logits[:, -1, :]
            out += (logits[:, true] - logits[:, false]).tolist()
    return np.asarray(out)


@pytest.mark.filterwarnings("ignore:.*Asking to pad.*")
@pytest.mark.parametrize("backend", ["padded", "causal"])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_qwen_scores_as_its_documentation_does(
    backend: str, tied: bool, load: Load, folder_of: Callable[..., Path]
) -> None:
    overrides = {"tie_word_embeddings": tied, "initializer_range": 0.15}
    scorer = load("qwen3", overrides, backend=backend)
    texts = [*TEXTS, "long " * 3000, "東京の待ち時間 🙂 مرحبا\n\n\tx"]
    same(
        scores(scorer, texts=texts),
        documented_loop(folder_of("qwen3", **overrides), QUERY, texts, scorer.info.instruction),
    )


def test_a_converted_checkpoint_scores_as_its_origin(
    load: Load, folder_of: Callable[..., Path], tmp_path: Path
) -> None:
    origin = folder_of("qwen3")
    causal = transformers.AutoModelForCausalLM.from_pretrained(origin, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(origin)
    config = transformers.AutoConfig.from_pretrained(origin, num_labels=1)
    converted = transformers.Qwen3ForSequenceClassification(config)
    converted.model.load_state_dict(causal.model.state_dict())
    yes, no = (tokenizer.convert_tokens_to_ids(answer) for answer in ("yes", "no"))
    with torch.no_grad():
        converted.score.weight[0] = causal.lm_head.weight[yes] - causal.lm_head.weight[no]
    folder = tmp_path / "converted-seq-cls"
    converted.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    scorer = load("", folder=folder)
    assert (scorer.info.family, scorer.info.kind) == ("qwen3-reranker", "logit")
    same(scores(scorer), scores(load("qwen3")))


@pytest.mark.parametrize(("family", "backend"), EVERY)
def test_a_score_does_not_depend_on_its_batch(family: str, backend: str, load: Load) -> None:
    together = scores(load(family, backend=backend, budget=8192))
    alone = scores(load(family, backend=backend, batch=1))
    assert np.abs(together - alone).max() <= EXACT


@pytest.mark.parametrize("family", RERANKERS)
def test_int8_stays_within_its_limit_and_knows_no_batch_mates(family: str, load: Load, monkeypatch: Any) -> None:
    # activations in fp32: in bf16 the order of sums alone moves a score
    monkeypatch.setattr("engine.local.worker.scoring.load.dtype_of", lambda *_: torch.float32)
    exact = load(family)
    scorer = load(family, dtype="int8", budget=4096)
    assert scorer.info.dtype == "int8"
    assert scorer.info.weights_bytes < exact.info.weights_bytes
    rounded, reference = scores(scorer), scores(exact)
    assert 0 < np.abs(rounded - reference).max() <= LIMITS["int8"] * max(1.0, np.ptp(reference))
    alone = load(family, dtype="int8", batch=1)
    assert np.abs(rounded - scores(alone)).max() <= EXACT


@pytest.mark.parametrize("family", RERANKERS)
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision_stays_within_its_limit(family: str, dtype: str, load: Load) -> None:
    scorer = load(family, dtype=dtype)
    assert (scorer.info.dtype, scorer.info.backend) == (dtype, BACKENDS[family][1])
    reference = scores(load(family))
    assert np.abs(scores(scorer) - reference).max() <= LIMITS[dtype] * max(1.0, np.ptp(reference))
    assert len(set(scores(scorer).tolist())) > len(TEXTS) * 0.9, "a score row in half precision would tie"


def test_queries_and_instructions_share_a_batch(load: Load) -> None:
    scorer = load("qwen3", budget=8192)
    asked = [(QUERY, ""), ("how to log", ""), (QUERY, "Find code."), ("日本語", "code")]
    mixed = [pair for query, instruction in asked for pair in scorer.pairs(query, TEXTS[:6], instruction)]
    apart = [
        value for query, instruction in asked for value in scores(scorer, query, TEXTS[:6], instruction=instruction)
    ]
    assert np.abs(np.asarray(scorer.score(mixed[::-1]))[::-1] - apart).max() <= EXACT
    assert len({round(value, 3) for value in apart[::6]}) == len(asked), "the instruction changes the score"


@pytest.mark.parametrize(
    "overrides", [{"classifier_pooling": "mean"}, {"num_hidden_layers": 4}], ids=["pools the mean", "ends on a window"]
)
def test_modernbert_runs_its_last_layer_for_every_token_it_must(
    overrides: dict[str, Any], load: Load, folder_of: Callable[..., Path]
) -> None:
    scorer = load("modernbert", overrides)
    assert scorer.info.backend == "packed"
    folder = folder_of("modernbert", **overrides)
    same(
        scores(scorer),
        by_sentence_transformers(folder, [pair.ids().tolist() for pair in scorer._encoder.pairs(QUERY, TEXTS)]),
    )


def test_two_labels_give_their_difference(load: Load) -> None:
    scorer = load("bert", {"num_labels": 2})
    assert scorer.info.parity is not None
    assert (scorer.info.backend, scorer.info.kind, scorer.info.parity.fell_back) == ("packed", "logit", "")
    same(scores(scorer), scores(load("bert", {"num_labels": 2}, backend="padded")))


@pytest.mark.parametrize(("family", "backend"), EVERY)
def test_it_stops_between_layers(family: str, backend: str, load: Load) -> None:
    scorer = load(family, backend=backend, budget=8192)
    pairs = scorer.pairs(QUERY, TEXTS[:4])
    asked = 0

    def after_the_second_layer() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with pytest.raises(Stopped):
        scorer.score(pairs, after_the_second_layer)
    assert asked == 4
    assert np.abs(np.asarray(scorer.score(pairs)) - scores(scorer, texts=TEXTS[:4])).max() <= EXACT
