"""What is refused at load, what gives way to the reference, and what memory allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from engine.errors import MissingExtraError, RerankerError
from engine.local.base import ModelSpec
from engine.local.models.memory import Need
from engine.local.worker.scoring import causal, head
from engine.local.worker.scoring import load as loading
from engine.local.worker.scoring.dtype import device_of, dtype_of
from engine.local.worker.scoring.head import FAMILIES, HeadSpec, family_of
from engine.local.worker.scoring.load import load_scorer
from engine.local.worker.scoring.parity import compare, within
from engine.local.worker.scoring.scorer import LocalScorer
from tests.tiny_models import sentences, tiny_embedder

Load = Callable[..., LocalScorer]
TEXTS = [text[:300] for text in sentences()[:20]]


def test_what_was_loaded_is_told(load: Load) -> None:
    scorer = load("qwen3", budget=700)
    info = scorer.info
    assert (info.family, info.backend, info.dtype, info.device) == ("qwen3-reranker", "causal", "fp32", "cpu")
    assert (info.kind, info.max_tokens, info.budget) == ("logit", 1024, 700)
    assert info.instruction == "Given a web search query, retrieve relevant passages that answer the query"
    assert info.weights_bytes > 100_000
    assert info.load_ms > 0
    assert info.parity is not None
    assert (info.parity.pairs, info.parity.fell_back) == (8, "")
    assert info.parity.difference <= 1e-5
    assert info.parity.tau == 1.0
    bert = load("bert").info
    assert (bert.family, bert.max_tokens, bert.instruction) == ("bert", 256, "")


def test_positions_of_roberta_begin_behind_the_padding(load: Load) -> None:
    scorer = load("xlm-roberta")
    assert scorer.info.max_tokens == 256
    assert np.isfinite(scorer.score(scorer.pairs("q", ["word " * 2000]))).all()


def test_made_up_weights_are_refused(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "embedder", "bert")
    with pytest.raises(RerankerError, match=r"embedder has no weights for classifier\.bias, classifier\.weight"):
        load_scorer(ModelSpec(role="reranker", model="embedder"), folder, lambda *_: None)


def test_a_classifier_of_many_classes_is_refused(load: Load) -> None:
    with pytest.raises(RerankerError, match="tells 3 classes apart"):
        load("bert", {"num_labels": 3})


def test_a_causal_model_of_no_known_family_is_refused() -> None:
    with pytest.raises(RerankerError, match="neither its prompt nor its answer tokens are known"):
        family_of(("somebody/chat",), "llama", causal=True)


def test_an_answer_of_several_tokens_is_refused(load: Load, monkeypatch: Any) -> None:
    odd = replace(FAMILIES[0], head=HeadSpec(("absolutely yes",), ("no",)))
    monkeypatch.setattr(head, "FAMILIES", (odd,))
    with pytest.raises(RerankerError, match=r"makes \d tokens of its answer 'absolutely yes'"):
        load("qwen3")


@pytest.mark.parametrize(
    ("name", "family", "answers"),
    [
        ("Qwen/Qwen3-Reranker-0.6B", "qwen3-reranker", ("yes",)),
        ("tomaarsen/Qwen3-Reranker-4B-seq-cls", "qwen3-reranker", ("yes",)),
        ("mixedbread-ai/mxbai-rerank-large-v2", "mxbai-rerank-v2", ("1",)),
        ("BAAI/bge-reranker-v2-gemma", "bge-reranker-gemma", ("Yes",)),
        ("zeroentropy/zerank-2-reranker", "zerank", ("Yes",)),
    ],
)
def test_a_family_goes_by_its_name(name: str, family: str, answers: tuple[str, ...]) -> None:
    found = family_of((name,), "qwen3", causal=True)
    assert (found.name, found.head.true) == (family, answers)
    assert found.prompt is not None


@pytest.mark.parametrize("family", ["mxbai-rerank-v2", "zerank"])
def test_another_prompt_and_head_run_alike_on_every_backend(family: str, load: Load, monkeypatch: Any) -> None:
    row = next(each for each in FAMILIES if each.name == family)
    monkeypatch.setattr(loading, "family_of", lambda *_: row)
    padded, causal = (load("qwen3", backend=backend) for backend in ("padded", "causal"))
    ours, theirs = (np.asarray(each.score(each.pairs("wait", TEXTS))) for each in (causal, padded))
    assert np.abs(ours - theirs).max() <= 1e-5
    assert causal.info.instruction == ""
    with_task = np.asarray(causal.score(causal.pairs("wait", TEXTS, "Find code.")))
    assert (np.abs(with_task - ours).max() > 0.01) == (family == "mxbai-rerank-v2"), "zerank takes no instruction"


def test_a_backend_that_cannot_run_the_model_is_refused(load: Load) -> None:
    with pytest.raises(RerankerError, match=r"the causal backend cannot run bert \(bert\)"):
        load("bert", backend="causal")


def test_a_windowed_decoder_takes_the_reference(load: Load) -> None:
    window = {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}
    assert load("qwen3", window).info.backend == "padded"


class Off:
    """A packed backend that is wrong by a little, or breaks."""

    name, shared, pads = "packed", False, False

    def __init__(self, by: float) -> None:
        self.by = by

    def score(self, pairs: Any, stopped: Any) -> list[float]:
        if self.by == float("inf"):
            raise RuntimeError("CUDA error: no kernel image\nmore")
        return [self.by * at for at in range(len(pairs))]


@pytest.mark.parametrize(
    ("by", "note"), [(0.1, "packed in fp32 differs by"), (float("inf"), "the packed backend failed: CUDA error: no")]
)
def test_a_backend_that_differs_gives_way(by: float, note: str, load: Load, monkeypatch: Any) -> None:
    monkeypatch.setitem(loading.BACKENDS, "packed", lambda *_: Off(by))  # type: ignore[call-overload]
    scorer = load("bert")
    assert scorer.info.parity is not None
    assert (scorer.info.backend, scorer.info.dtype) == ("padded", "fp32")
    assert (scorer.info.parity.fell_back, scorer.info.parity.difference) == ("packed in fp32", 0.0)
    assert any(each.startswith(note) for each in scorer.info.notes)
    reference = load("bert", backend="padded")
    assert scorer.score(scorer.pairs("q", TEXTS)) == reference.score(reference.pairs("q", TEXTS))


@pytest.mark.parametrize("allowed", [0.5, 1e-9])
def test_int8_is_never_loaded_in_fp32_where_that_does_not_fit(allowed: float, load: Load, monkeypatch: Any) -> None:
    read: list[torch.dtype] = []

    def reading(*given: Any) -> Any:
        read.append(given[5])
        return load_model(*given)

    load_model = loading.load_model
    monkeypatch.setattr(loading, "load_model", reading)
    monkeypatch.setattr(loading, "dtype_of", lambda *_: torch.float32)
    monkeypatch.setattr(loading, "_reference_fits", lambda _: False)
    monkeypatch.setattr("engine.local.worker.scoring.parity.LIMITS", {"int8": allowed})
    if allowed < 1e-3:
        with pytest.raises(RerankerError, match=r"differs by .* and weights in fp32 do not fit in memory"):
            load("qwen3", dtype="int8")
    else:
        info = load("qwen3", dtype="int8").info
        assert info.dtype == "int8"
        assert "compared with bf16: weights in fp32 do not fit in memory" in info.notes
    assert read == [torch.bfloat16]


def test_a_format_that_differs_too_much_gives_way_to_fp32(load: Load, monkeypatch: Any) -> None:
    monkeypatch.setattr("engine.local.worker.scoring.parity.LIMITS", {"fp32": 1e-4, "bf16": 1e-9})
    info = load("bert", dtype="bf16").info
    assert info.parity is not None
    assert (info.backend, info.dtype, info.parity.fell_back) == ("padded", "fp32", "packed in bf16")
    assert len(info.notes) >= 2


@pytest.mark.parametrize(
    ("device", "gpus", "free", "spread"),
    [
        ("auto", 2, 10_000, True),
        ("auto", 2, 30_000, False),  # however large the files are, it is what is loaded that counts
        ("auto", 1, 10_000, False),
        ("cuda:1", 2, 10_000, False),
    ],
)
def test_a_model_is_spread_where_one_gpu_cannot_hold_it_as_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch, device: str, gpus: int, free: int, spread: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(loading, "free_bytes", lambda _: free)
    monkeypatch.setattr(loading, "find_spec", lambda _: object())
    spec = ModelSpec(role="reranker", model="m", device=device)
    assert loading._must_spread(spec, Need("reranker", "bf16", 20_000), torch.device("cuda", 0)) is spread
    if spread:
        monkeypatch.setattr(loading, "find_spec", lambda _: None)
        with pytest.raises(MissingExtraError, match="accelerate"):
            loading._must_spread(spec, Need("reranker", "bf16", 20_000), torch.device("cuda", 0))


def test_a_backend_that_does_not_know_the_layers_is_given_up_with_a_note(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(causal.Causal, "__init__", lambda self, loaded: loaded.layers[0].no_such_part)
    info = load("qwen3").info
    assert info.backend == "padded"
    assert "no_such_part" in info.notes[0]


def test_the_limit_grows_with_the_spread_and_nan_is_over_every_limit() -> None:
    assert compare([0.0, 10.0], [0.0, 10.0], "bf16").limit == pytest.approx(5.0)
    assert not within(compare([0.0, 1.0], [0.0, float("nan")], "int8"))
    assert compare([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], "fp32").tau == -1.0


class Small:
    """A backend that holds so many tokens and no more."""

    name, shared, pads = "packed", False, False

    def __init__(self, holds: int, message: str = "") -> None:
        self.holds, self.message, self.seen = holds, message, [0]

    def score(self, pairs: Any, stopped: Any) -> list[float]:
        tokens = sum(pair.length for pair in pairs)
        if tokens > self.holds:
            raise RuntimeError(self.message) if self.message else torch.OutOfMemoryError("CUDA out of memory")
        self.seen += [pair.size for pair in pairs]
        return [float(pair.size) for pair in pairs]


def shrinking(load: Load, backend: Small) -> LocalScorer:
    made = load("bert", budget=1000)
    return LocalScorer(made.info, made._encoder, backend)


@pytest.mark.parametrize("message", ["", "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"])
def test_out_of_memory_halves_the_budget_and_keeps_what_is_done(message: str, load: Load) -> None:
    backend = Small(300, message)
    scorer = shrinking(load, backend)
    pairs = scorer._encoder.pairs("q", TEXTS)
    assert scorer.score(pairs) == [float(pair.size) for pair in pairs]
    assert len(backend.seen) - 1 == len(pairs), "nothing was scored twice"
    assert 100 <= scorer.info.budget <= 300
    assert len([note for note in scorer.info.notes if "out of memory" in note]) == 1
    calls = len(backend.seen)
    scorer.score(pairs)
    assert len(backend.seen) - calls == len(pairs), "what worked is remembered"


def test_one_pair_too_many_says_so(load: Load) -> None:
    scorer = shrinking(load, Small(3))
    pairs = scorer.pairs("q", TEXTS)
    with pytest.raises(RerankerError, match=r"one pair of \d+ tokens does not fit in the memory of cpu"):
        scorer.score(pairs)


def test_any_other_failure_is_seen(load: Load) -> None:
    scorer = shrinking(load, Small(3, "CUDA error: an illegal memory access was encountered"))
    pairs = scorer.pairs("q", TEXTS)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        scorer.score(pairs)


def test_the_largest_batch_is_tried_where_it_is_asked(load: Load) -> None:
    scorer = shrinking(load, Small(600))
    scorer.try_largest()
    assert scorer.info.budget <= 600


def test_a_device_that_is_not_there_is_refused() -> None:
    assert device_of("cpu") == torch.device("cpu")
    for asked in ("cuda:7", "tpu please"):
        with pytest.raises(RerankerError, match=asked):
            device_of(asked)


def test_auto_halves_what_is_stored_in_half_where_it_pays(monkeypatch: Any) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr("engine.local.worker.scoring.dtype.speedup", lambda half: 2.0)
    assert dtype_of("auto", cpu, torch.bfloat16) == torch.bfloat16
    assert dtype_of("auto", cpu, torch.float32) == torch.float32
    assert dtype_of("int8", cpu, torch.float32) == torch.bfloat16
    monkeypatch.setattr("engine.local.worker.scoring.dtype.speedup", lambda half: 0.7)
    assert dtype_of("auto", cpu, torch.bfloat16) == torch.float32
    assert dtype_of("fp16", cpu, torch.float32) == torch.float16


def test_dynamic_int8_is_refused_with_the_reason() -> None:
    with pytest.raises(RerankerError, match="no number format") as refused:
        dtype_of("int8-dynamic", torch.device("cpu"), torch.float32)
    assert "a score would depend on the other documents" in refused.value.hint


def test_a_cross_encoder_s_own_activation_names_the_kind(
    load: Load, folder_of: Callable[..., Path], tmp_path: Path
) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder_of("bert"))
    for activation, kind in (("Identity", "logit"), ("Sigmoid", "logit"), ("Tanh", "unknown")):
        model.config.sentence_transformers = {"activation_fn": f"torch.nn.modules.activation.{activation}"}
        model.save_pretrained(tmp_path / activation)
        transformers.AutoTokenizer.from_pretrained(folder_of("bert")).save_pretrained(tmp_path / activation)
        assert load("", folder=tmp_path / activation).info.kind == kind
