"""Encoders without padding: the tokens of a batch in one row, the last layer for the pooled token alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch

from engine.local.base import Stopped
from engine.local.worker.scoring.attention import Spans, attend
from engine.local.worker.scoring.encoding import TokenPair
from engine.local.worker.scoring.model import LoadedModel

Rows = torch.Tensor | None
"""Which tokens a layer goes on with; None: all."""


class Encoder(Protocol):
    """The parts of an architecture, over tokens in a row: ``hidden`` is [tokens, width]."""

    pools_mean: bool
    last_in_full: bool
    """Whether the last layer must run for every token, not for the pooled one alone."""

    def embed(self, ids: torch.Tensor, types: torch.Tensor, positions: torch.Tensor) -> torch.Tensor: ...

    def layer(self, layer: Any, hidden: torch.Tensor, spans: Spans, rows: Rows) -> torch.Tensor: ...

    def norm(self, hidden: torch.Tensor) -> torch.Tensor:
        """What follows the last layer, token by token."""
        ...

    def logits(self, pooled: torch.Tensor) -> torch.Tensor: ...


class Bert:
    """BERT, and RoBERTa's line, whose positions begin behind the padding's and whose head sits on the first token."""

    pools_mean = last_in_full = False

    def __init__(self, loaded: LoadedModel) -> None:
        self._model, self._body = loaded.model, loaded.body
        self._heads = int(loaded.config.num_attention_heads)
        pad = getattr(self._body.embeddings, "padding_idx", None)
        self._offset = 0 if pad is None else int(pad) + 1

    def embed(self, ids: torch.Tensor, types: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        places = (positions + self._offset)[None]
        hidden: torch.Tensor = self._body.embeddings(
            input_ids=ids[None], token_type_ids=types[None], position_ids=places
        )
        return hidden[0]

    def layer(self, layer: Any, hidden: torch.Tensor, spans: Spans, rows: Rows) -> torch.Tensor:
        own = layer.attention.self
        kept = hidden if rows is None else hidden[rows]
        query, key, value = (
            project(each).unflatten(1, (self._heads, -1))
            for project, each in ((own.query, kept), (own.key, hidden), (own.value, hidden))
        )
        attended = layer.attention.output(attend(query, key, value, spans), kept)
        out: torch.Tensor = layer.output(layer.intermediate(attended), attended)
        return out

    def norm(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden

    def logits(self, pooled: torch.Tensor) -> torch.Tensor:
        pooler = getattr(self._body, "pooler", None)
        out: torch.Tensor = self._model.classifier(pooled[:, None] if pooler is None else pooler(pooled[:, None]))
        return out


class ModernBert:
    """ModernBERT: rotary positions, layers that see a window and layers that see all."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._model, self._body = loaded.model, loaded.body
        self._heads = int(loaded.config.num_attention_heads)
        self.pools_mean = loaded.config.classifier_pooling == "mean"
        self.last_in_full = self.pools_mean or self._body.layers[-1].attn.sliding_window is not None
        self._turns: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def embed(self, ids: torch.Tensor, types: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self._body.embeddings(input_ids=ids[None])
        kinds = {layer.attention_type for layer in self._body.layers}
        self._turns = {kind: self._body.rotary_emb(hidden, positions[None], kind) for kind in kinds}
        return hidden[0]

    def layer(self, layer: Any, hidden: torch.Tensor, spans: Spans, rows: Rows) -> torch.Tensor:
        window = layer.attn.sliding_window
        spans = spans if window is None else replace(spans, half_window=int(window) - 1)
        qkv = layer.attn.Wqkv(layer.attn_norm(hidden)).unflatten(1, (3, self._heads, -1))
        query, key, value = qkv.unbind(1)
        cos, sin = self._turns[layer.attention_type]
        query, key = turn(query, cos[0], sin[0]), turn(key, cos[0], sin[0])
        if rows is not None:
            query, hidden = query[rows], hidden[rows]
        hidden = hidden + layer.attn.Wo(attend(query, key, value, spans))
        out: torch.Tensor = hidden + layer.mlp(layer.mlp_norm(hidden))
        return out

    def norm(self, hidden: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self._body.final_norm(hidden)
        return out

    def logits(self, pooled: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self._model.classifier(self._model.head(pooled))
        return out


def turn(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions: heads[n, heads, d] turned by cos and sin[n, d], computed in fp32."""
    wide = heads.float()
    left, right = wide.chunk(2, dim=-1)
    turned = wide * cos[:, None] + torch.cat((-right, left), dim=-1) * sin[:, None]
    return turned.to(heads.dtype)


ENCODERS: Mapping[str, Callable[[LoadedModel], Encoder]] = {
    "bert": Bert,
    "roberta": Bert,
    "xlm-roberta": Bert,
    "camembert": Bert,
    "modernbert": ModernBert,
}
"""By ``model_type``."""


class Packed:
    """Scores a batch as one row of tokens. Raises ``Stopped`` between layers."""

    name = "packed"
    shared = False
    pads = False

    def __init__(self, loaded: LoadedModel, types: tuple[int, int]) -> None:
        self._loaded = loaded
        self._encoder = ENCODERS[loaded.config.model_type](loaded)
        self._types = types if getattr(loaded.config, "type_vocab_size", 0) > 1 else (0, 0)

    def score(self, pairs: Sequence[TokenPair], stopped: Callable[[], bool]) -> list[float]:
        device, encoder = self._loaded.device, self._encoder
        lengths = [pair.size for pair in pairs]
        ids = np.concatenate([part for pair in pairs for part in (pair.head, pair.document, pair.tail)])
        types = [each for pair in pairs for each in self._types_of(pair)]
        positions = np.concatenate([np.arange(length) for length in lengths])
        hidden = encoder.embed(
            torch.from_numpy(ids).to(device), torch.tensor(types, device=device), torch.from_numpy(positions).to(device)
        )
        spans = Spans.of(lengths, lengths)
        *others, last = self._loaded.layers
        for layer in others:
            if stopped():
                raise Stopped
            hidden = encoder.layer(layer, hidden, spans, None)
        if stopped():
            raise Stopped
        first = torch.tensor(spans.q[:-1], device=device)
        if encoder.last_in_full:
            hidden = encoder.norm(encoder.layer(last, hidden, spans, None))
            each = torch.split(hidden, lengths)
            hidden = torch.stack([one.mean(dim=0) for one in each]) if encoder.pools_mean else hidden[first]
        else:
            hidden = encoder.norm(encoder.layer(last, hidden, Spans.of([1] * len(pairs), lengths), first))
        return self._loaded.finish(encoder.logits(hidden))

    def _types_of(self, pair: TokenPair) -> list[int]:
        return [self._types[0]] * len(pair.head) + [self._types[1]] * (pair.size - len(pair.head))
