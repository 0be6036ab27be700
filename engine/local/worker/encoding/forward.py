"""Token ids through the transformer: padded for any architecture, packed for those whose layers are known.

Either gives the hidden states as [texts, longest, width], and which of them are tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from engine.local.base import Stopped
from engine.local.worker.scoring.attention import Spans
from engine.local.worker.scoring.between import BetweenLayers, layers_of
from engine.local.worker.scoring.model import LoadedModel
from engine.local.worker.scoring.packed import ENCODERS


class Forward(Protocol):
    """``pads``: whether a batch costs as many tokens as its longest text has, times its texts. ``stopped`` is asked
    between layers; raises ``Stopped``."""

    name: str
    pads: bool

    def __call__(self, texts: Sequence[Sequence[int]], stopped: Callable[[], bool]) -> tuple[Tensor, Tensor]: ...


class Padded:
    """Right padding serves causal models as well: no token looks at what comes after it, and positions count from the
    first token either way."""

    name = "padded"
    pads = True

    def __init__(self, model: nn.Module, pad: int, device: torch.device) -> None:
        self._model, self._pad, self._device = model, pad, device
        self._between = BetweenLayers(layers_of(model))

    def __call__(self, texts: Sequence[Sequence[int]], stopped: Callable[[], bool]) -> tuple[Tensor, Tensor]:
        ids = pad_sequence([torch.tensor(each) for each in texts], batch_first=True, padding_value=self._pad)
        mask = _mask([len(each) for each in texts], self._device)
        # no mask where nothing is padded: attention is then computed by its quickest kernel
        whole = bool(mask.all())
        with self._between.asks(stopped):
            hidden: Tensor = self._model(
                input_ids=ids.to(self._device), attention_mask=None if whole else mask.long(), return_dict=True
            ).last_hidden_state
        return hidden, mask


class Packed:
    """All tokens of a batch in one row, as the packed reranker has them: nothing is computed for padding."""

    name = "packed"
    pads = False

    def __init__(self, model: Any, device: torch.device) -> None:
        self._layers = layers_of(model)
        loaded = LoadedModel("", model, self._layers, device, None, 1.0, 0.0, "cosine", False)
        self._encoder, self._device = ENCODERS[model.config.model_type](loaded), device

    def __call__(self, texts: Sequence[Sequence[int]], stopped: Callable[[], bool]) -> tuple[Tensor, Tensor]:
        lengths = [len(each) for each in texts]
        ids = torch.tensor([token for each in texts for token in each], device=self._device)
        positions = torch.cat([torch.arange(length) for length in lengths]).to(self._device)
        hidden = self._encoder.embed(ids, torch.zeros_like(ids), positions)
        spans = Spans.of(lengths, lengths)
        for layer in self._layers:
            if stopped():
                raise Stopped
            hidden = self._encoder.layer(layer, hidden, spans, None)
        hidden = self._encoder.norm(hidden)
        return pad_sequence(list(torch.split(hidden, lengths)), batch_first=True), _mask(lengths, self._device)


def can_pack(model_type: str) -> bool:
    """Whether the layers of that architecture are known."""
    return model_type in ENCODERS


def _mask(lengths: Sequence[int], device: torch.device) -> Tensor:
    """bool[texts, longest]: where there are tokens."""
    return (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).to(device)
