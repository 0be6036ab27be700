"""A loaded embedder: texts into vectors, in batches of like length."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from engine.local.base import ModelInfo, never
from engine.local.worker.encoding.forward import Forward
from engine.local.worker.encoding.layout import Layout
from engine.local.worker.encoding.pooling import pool
from engine.local.worker.encoding.tokens import TextTokenizer, Tokens
from engine.local.worker.planner import plan
from engine.local.worker.shortage import is_shortage, release


class LocalEncoder:
    """``TextEncoder`` of one transformer with its pooling and the layers after it."""

    def __init__(
        self,
        forward: Forward,
        tokenizer: TextTokenizer,
        layout: Layout,
        layers: Sequence[nn.Module],
        info: ModelInfo,
        batch: int = 0,
    ) -> None:
        """``batch`` is the most texts of one pass, 0: the budget alone decides."""
        self._forward, self._tokenizer, self._layout, self._layers = forward, tokenizer, layout, layers
        self._info = info
        self._budget, self._batch = info.budget, batch

    @property
    def info(self) -> ModelInfo:
        return self._info

    def encode(
        self, texts: Sequence[str], as_query: bool, instruction: str = "", stopped: Callable[[], bool] = never
    ) -> tuple[bytes, list[int], list[bool]]:
        """float32[len(texts), dimension] as bytes, the tokens seen of each text (with the prompt's), and whether it
        was cut. A blank text is not computed: its row is NaN, of 0 tokens. Vectors are of unit length where the model
        compares by cosine. Raises ``Stopped`` between layers."""
        rows = [row for row, text in enumerate(texts) if text.strip()]
        prompt = self._layout.prompt(as_query, instruction)
        encoded = self._tokenizer.encode([texts[row] for row in rows], prompt)
        vectors = torch.full((len(texts), self._info.dimension), math.nan)
        tokens, cut = [0] * len(texts), [False] * len(texts)
        for row, each in zip(rows, encoded, strict=True):
            tokens[row], cut[row] = len(each.ids), each.cut
        lengths = [len(each.ids) for each in encoded]
        divide = batches if self._forward.pads else plan
        for batch in divide(lengths, self._budget, self._batch):
            taken = [encoded[index] for index in batch]
            vectors[[rows[index] for index in batch]] = self._within_memory(taken, stopped)
        return vectors.numpy().tobytes(), tokens, cut

    def _within_memory(self, batch: Sequence[Tokens], stopped: Callable[[], bool]) -> Tensor:
        """float32[len(batch), dimension] on the CPU; in halves where the device has no memory for the whole, which is
        then remembered."""
        try:
            return self._vectors(batch, stopped)
        except RuntimeError as error:
            if len(batch) < 2 or not is_shortage(error):
                raise
        # outside the except block: the traceback would keep the tensors of the failed pass alive
        release()
        self._budget = max(1, len(batch) * max(len(each.ids) for each in batch) // 2)
        half = len(batch) // 2
        return torch.cat([self._within_memory(part, stopped) for part in (batch[:half], batch[half:])])

    @torch.inference_mode()
    def _vectors(self, batch: Sequence[Tokens], stopped: Callable[[], bool]) -> Tensor:
        hidden, mask = self._forward([each.ids for each in batch], stopped)
        if not self._layout.include_prompt:
            opening = torch.tensor([each.prompt for each in batch])
            mask = mask & (torch.arange(mask.shape[1]) >= opening[:, None]).to(mask.device)
        vectors = pool(self._layout.poolings, hidden, mask)
        for layer in self._layers:
            vectors = layer(vectors)
        if self._info.kind == "cosine":
            vectors = nn.functional.normalize(vectors, dim=-1)
        return vectors.cpu()


def batches(lengths: Sequence[int], budget: int, most: int = 0) -> list[list[int]]:
    """Indices into ``lengths`` by length, longest first, in batches of at most ``budget`` tokens with their padding and
    of at most ``most`` texts (0: no such limit). A text longer than the budget goes alone."""
    found: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        last = found[-1] if found else []
        if last and (len(last) + 1) * lengths[last[0]] <= budget and len(last) != most:
            last.append(index)
        else:
            found.append([index])
    return found
