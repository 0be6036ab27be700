"""Language-model rerankers: what stands before the document is computed once per query, the rest without padding, and
the last layer for the last token alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engine.local.base import Stopped
from engine.local.worker.scoring.attention import Spans, attend
from engine.local.worker.scoring.encoding import Ids, TokenPair
from engine.local.worker.scoring.model import LoadedModel
from engine.local.worker.scoring.packed import turn

TYPES = ("qwen3", "qwen2", "llama")
"""``model_type`` of decoders with this layer: norm, attention with rotary positions, norm, gated MLP."""

KEPT_BYTES = 256 * 2**20
"""Of keys and values of heads, for queries that come again."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """Keys and values of a head's tokens, one [tokens, kv heads, d] per layer."""

    keys: list[torch.Tensor]
    values: list[torch.Tensor]

    @property
    def bytes(self) -> int:
        return 2 * sum(key.numel() * key.element_size() for key in self.keys)


class Causal:
    """Scores a batch of tails, each behind its query's prefix. Raises ``Stopped`` between layers."""

    name = "causal"
    shared = True
    pads = False

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded, self._body = loaded, loaded.body
        attention = loaded.layers[0].self_attn
        self._width = int(attention.head_dim)
        self._prefixes: OrderedDict[bytes, Prefix] = OrderedDict()

    def score(self, pairs: Sequence[TokenPair], stopped: Callable[[], bool]) -> list[float]:
        keys = [pair.head.tobytes() for pair in pairs]
        prefixes = self._prefixes_of(dict(zip(keys, (pair.head for pair in pairs), strict=True)), stopped)
        before = [prefixes[key] for key in keys]
        lengths = [pair.size - len(pair.head) for pair in pairs]
        ids = np.concatenate([part for pair in pairs for part in (pair.document, pair.tail)])
        places = [np.arange(len(pair.head), pair.size) for pair in pairs]
        spans = Spans.of(lengths, [pair.size for pair in pairs], causal=True)
        hidden, turns = self._embed(ids, np.concatenate(places))
        *others, last = range(len(self._loaded.layers))
        for at in others:
            hidden = self._layer(at, hidden, turns, spans, before, lengths, None, stopped)
        ends = torch.tensor(spans.q[1:], device=hidden.device) - 1
        once = Spans(list(range(len(pairs) + 1)), spans.k, causal=True)
        hidden = self._layer(last, hidden, turns, once, before, lengths, ends, stopped)
        return self._loaded.finish(self._loaded.margin(self._body.norm(hidden)))

    def _prefixes_of(self, heads: dict[bytes, Ids], stopped: Callable[[], bool]) -> dict[bytes, Prefix]:
        """Those of this batch, the new ones computed together; the oldest that it does not need make room."""
        missing = {key: head for key, head in heads.items() if key not in self._prefixes}
        if missing:
            self._prefixes.update(zip(missing, self._compute(list(missing.values()), stopped), strict=True))
        for key in heads:
            self._prefixes.move_to_end(key)
        held = sum(each.bytes for each in self._prefixes.values())
        while held > KEPT_BYTES and len(self._prefixes) > len(heads):
            held -= self._prefixes.popitem(last=False)[1].bytes
        return {key: self._prefixes[key] for key in heads}

    def _compute(self, heads: list[Ids], stopped: Callable[[], bool]) -> list[Prefix]:
        lengths = [len(head) for head in heads]
        hidden, turns = self._embed(np.concatenate(heads), np.concatenate([np.arange(each) for each in lengths]))
        spans = Spans.of(lengths, lengths, causal=True)
        found = [Prefix([], []) for _ in heads]
        for at in range(len(self._loaded.layers)):
            hidden = self._layer(at, hidden, turns, spans, found, lengths, None, stopped, fill=True)
        return found

    def _embed(self, ids: Ids, places: Any) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        device = self._loaded.device
        hidden = self._body.embed_tokens(torch.from_numpy(ids).to(device))
        cos, sin = self._body.rotary_emb(hidden[None], torch.from_numpy(places).to(device)[None])
        return hidden, (cos[0], sin[0])

    def _layer(
        self,
        at: int,
        hidden: torch.Tensor,
        turns: tuple[torch.Tensor, torch.Tensor],
        spans: Spans,
        before: list[Prefix],
        lengths: list[int],
        rows: torch.Tensor | None,
        stopped: Callable[[], bool],
        fill: bool = False,
    ) -> torch.Tensor:
        """One layer over tokens in a row, going on with ``rows`` alone. ``fill`` keeps keys and values in ``before``
        rather than putting those in front."""
        if stopped():
            raise Stopped
        layer = self._loaded.layers[at]
        own = layer.self_attn
        normed = layer.input_layernorm(hidden)
        kept = normed if rows is None else normed[rows]
        query, key, value = (
            project(each).unflatten(1, (-1, self._width))
            for project, each in ((own.q_proj, kept), (own.k_proj, normed), (own.v_proj, normed))
        )
        if (norm := getattr(own, "q_norm", None)) is not None:
            query, key = norm(query), own.k_norm(key)
        cos, sin = turns
        query = turn(query, *(turns if rows is None else (cos[rows], sin[rows])))
        key = turn(key, cos, sin)
        if fill:
            for prefix, one, other in zip(before, torch.split(key, lengths), torch.split(value, lengths), strict=True):
                prefix.keys.append(one.clone())
                prefix.values.append(other.clone())
            if at == len(self._loaded.layers) - 1:
                return hidden
        else:
            parts = zip(before, torch.split(key, lengths), strict=True)
            key = torch.cat([part for prefix, own_part in parts for part in (prefix.keys[at], own_part)])
            parts = zip(before, torch.split(value, lengths), strict=True)
            value = torch.cat([part for prefix, own_part in parts for part in (prefix.values[at], own_part)])
        hidden = (hidden if rows is None else hidden[rows]) + own.o_proj(attend(query, key, value, spans))
        out: torch.Tensor = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        return out
