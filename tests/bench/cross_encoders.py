"""Local cross-encoders against sentence-transformers on this machine: pairs per second, interleaved in one run.

``python tests/bench/cross_encoders.py minilm`` (``xlm-roberta-large``, ``qwen3-0.6b``); ``--dtypes fp32,bf16`` sets
formats of ours, ``--peer-dtype`` sets that of the peers, ``--pairs`` and ``--rounds`` the amount. Weights are random at
the real shapes; the tokenizers are small ones, trained on the spot. Ratios by the clock and by processor time: on a
busy machine the second, with ``--threads 1`` (threads that wait for each other spin), is the steadier.
Every round scores a query's documents that nobody saw before, tokenising included, with each variant in turn; medians
of the rounds. ``--warm`` scores the same documents for every query instead, as a console does.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from engine.local.base import ModelSpec
from engine.local.worker.processor import spare_broken_tiles
from tests.tiny_models import sentences, tiny_reranker

SHAPES: dict[str, tuple[str, dict[str, Any], int]] = {
    "minilm": (
        "bert",
        {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 12},
        100,
    ),
    "xlm-roberta-large": (
        "xlm-roberta",
        {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16},
        32,
    ),
    "qwen3-0.6b": (
        "qwen3",
        {
            "hidden_size": 1024,
            "intermediate_size": 3072,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 151_669,
        },
        24,
    ),
}
"""Family, config, pairs of a round."""

QUERY = "how long does a thread wait for the lock"

Variant = Callable[[str, Sequence[str]], Sequence[float]]


@dataclass
class Round:
    seconds: float
    processor: float
    scores: list[float]


def documents(count: int, seed: int) -> list[str]:
    """Texts whose pairs have about 127 tokens, half of them below 112, few beyond 350: passages of a search."""
    rng = random.Random(seed)
    words = " ".join(sentences()).split()
    lengths = [min(int(rng.lognormvariate(3.9, 0.7)), 230) for _ in range(count)]
    return [" ".join(rng.choice(words) for _ in range(length)) for length in lengths]


def ours(folder: Path, dtype: str) -> tuple[Variant, Any]:
    from engine.local.worker.scoring.load import load_scorer

    scorer = load_scorer(ModelSpec(role="reranker", model=folder.name, dtype=dtype, device="cpu"), folder, print_none)
    return (lambda query, texts: scorer.score(scorer.pairs(query, texts))), scorer


def print_none(*_: object) -> None:
    """Progress that nobody watches."""


def sentence_transformers(folder: Path, dtype: str, scorer: Any) -> tuple[Variant, Any]:
    """``CrossEncoder.predict`` as it comes: batches of 32, sorted by characters. A prompt is given to it as text."""
    import torch
    from sentence_transformers import CrossEncoder

    named = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[dtype]
    model = CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": named})
    frame = scorer._encoder.frame
    tokenizer = model.tokenizer

    def predict(query: str, texts: Sequence[str]) -> list[float]:
        if frame.instruction:
            head = tokenizer.decode(scorer._encoder.head(query))
            tail = tokenizer.decode(frame.after)
            pairs = [(head, f" {text}{tail}") for text in texts]
        else:
            pairs = [(query, text) for text in texts]
        return [float(value) for value in model.predict(pairs, activation_fn=torch.nn.Identity())]

    return predict, model


def documented_loop(model: Any, scorer: Any) -> Variant:
    """Qwen's example: eight at a time in the order given, padded on the left, logits at every position."""
    import torch

    inner = model[0].auto_model if hasattr(model[0], "auto_model") else model[0].model
    tokenizer = model.tokenizer
    yes, no = (tokenizer.convert_tokens_to_ids(answer) for answer in ("yes", "no"))

    def score(query: str, texts: Sequence[str]) -> list[float]:
        head, tail = scorer._encoder.head(query).tolist(), scorer._encoder.frame.after.tolist()
        out: list[float] = []
        with torch.no_grad():
            for start in range(0, len(texts), 8):
                bodies = tokenizer([f" {text}" for text in texts[start : start + 8]], add_special_tokens=False)
                rows = [head + body + tail for body in bodies["input_ids"]]
                longest = max(map(len, rows))
                ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
                mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
                logits = inner(input_ids=ids, attention_mask=mask).logits[:, -1, :]
                pair = torch.stack([logits[:, no], logits[:, yes]], dim=1).float()
                out += (pair[:, 1] - pair[:, 0]).tolist()
        return out

    return score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--dtypes", default="fp32")
    parser.add_argument("--peer-dtype", default="fp32")
    parser.add_argument("--pairs", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--warm", action="store_true")
    asked = parser.parse_args()
    spare_broken_tiles()
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    family, config, pairs = SHAPES[asked.shape]
    pairs = asked.pairs or pairs
    with tempfile.TemporaryDirectory() as place:
        shape = config | {"max_position_embeddings": 514 if family == "xlm-roberta" else 512, "initializer_range": 0.05}
        folder = tiny_reranker(Path(place) / asked.shape, family, **shape)
        variants: dict[str, Variant] = {}
        scorers = {}
        for dtype in asked.dtypes.split(","):
            variants[f"rankscope {dtype}"], scorers[dtype] = ours(folder, dtype)
        first = next(iter(scorers.values()))
        peer, model = sentence_transformers(folder, asked.peer_dtype, first)
        peers = {f"sentence-transformers {asked.peer_dtype}": peer}
        if family == "qwen3":
            peers[f"documented loop {asked.peer_dtype}"] = documented_loop(model, first)
        report(asked, peers | variants, list(peers), pairs, scorers)


def report(
    asked: argparse.Namespace, variants: dict[str, Variant], peers: list[str], pairs: int, scorers: dict[str, Any]
) -> None:
    import torch

    first = next(iter(scorers.values()))
    runs: dict[str, list[Round]] = {name: [] for name in variants}
    lengths: list[int] = []
    for at in range(-1, asked.rounds):
        texts = documents(pairs if at >= 0 else max(pairs // 4, 4), 0 if asked.warm and at >= 0 else at)
        query = f"{QUERY} {at}"
        order = list(variants)
        random.Random(at).shuffle(order)
        for name in order:
            begun, used = time.perf_counter(), time.process_time()
            scores = list(variants[name](query, texts))
            if at >= 0:
                runs[name].append(Round(time.perf_counter() - begun, time.process_time() - used, scores))
        lengths += [pair.size for pair in first._encoder.pairs(query, texts)]
    reference = [score for run in runs[peers[0]] for score in run.scores]
    spread = statistics.stdev(reference)
    print(
        f"{asked.shape}, {pairs} pairs a round, {asked.rounds} rounds{', warm' if asked.warm else ''}; tokens of a "
        f"pair: mean {statistics.mean(lengths):.0f}, median {statistics.median(lengths):.0f}, max {max(lengths)}; "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}"
    )
    for dtype, scorer in scorers.items():
        print(
            f"  {dtype}: {scorer.info.backend}, {scorer.info.dtype}, budget {scorer.info.budget}, {scorer.info.parity}"
        )
    for name, rounds in runs.items():
        speed = statistics.median(pairs / run.seconds for run in rounds)
        told = "  ".join(f"{ratio(runs[peer], rounds)} {peer}" for peer in peers if peer != name)
        mine = [score for run in rounds for score in run.scores]
        error = max(abs(one - other) for one, other in zip(reference, mine, strict=True))
        print(f"  {name:<28} {speed:7.2f} pairs/s  max |Δ| {error:.1e} of std {spread:.2f}  {told}")


def ratio(peer: list[Round], own: list[Round]) -> str:
    """How many times as fast, by the clock and by processor time: medians of the rounds' ratios."""
    clock = statistics.median(one.seconds / other.seconds for one, other in zip(peer, own, strict=True))
    used = statistics.median(one.processor / other.processor for one, other in zip(peer, own, strict=True))
    return f"{clock:.2f}x ({used:.2f}x processor)"


if __name__ == "__main__":
    main()
