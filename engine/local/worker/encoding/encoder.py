"""A loaded embedder: texts into vectors, in batches of like length, padded on the right."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.local.base import ModelInfo
from engine.local.worker.encoding.layout import Layout
from engine.local.worker.encoding.pooling import pool
from engine.local.worker.encoding.tokens import TextTokenizer, Tokens


class LocalEncoder:
    """``TextEncoder`` of one transformer with its pooling and the layers after it.

    Right padding serves causal models as well: no token looks at what comes after it, and positions count from the
    first token either way.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: TextTokenizer,
        layout: Layout,
        layers: Sequence[nn.Module],
        info: ModelInfo,
        batch: int = 0,
    ) -> None:
        """``batch`` is the most texts of one pass, 0: the budget alone decides."""
        self._model, self._tokenizer, self._layout, self._layers = model, tokenizer, layout, layers
        self._device = torch.device(info.device)
        self._info = info
        self._budget, self._batch = info.budget, batch

    @property
    def info(self) -> ModelInfo:
        return self._info

    def encode(
        self, texts: Sequence[str], as_query: bool, instruction: str = ""
    ) -> tuple[bytes, list[int], list[bool]]:
        """float32[len(texts), dimension] as bytes, the tokens seen of each text (with the prompt's), and whether it
        was cut. A blank text is not computed: its row is NaN, of 0 tokens. Vectors are of unit length where the model
        compares by cosine."""
        rows = [row for row, text in enumerate(texts) if text.strip()]
        prompt = self._layout.prompt(as_query, instruction)
        encoded = self._tokenizer.encode([texts[row] for row in rows], prompt)
        vectors = torch.full((len(texts), self._info.dimension), math.nan)
        tokens, cut = [0] * len(texts), [False] * len(texts)
        for row, each in zip(rows, encoded, strict=True):
            tokens[row], cut[row] = len(each.ids), each.cut
        for batch in batches([len(each.ids) for each in encoded], self._budget, self._batch):
            found = self._forward([encoded[index] for index in batch])
            vectors[[rows[index] for index in batch]] = found
        return vectors.numpy().tobytes(), tokens, cut

    def _forward(self, batch: Sequence[Tokens]) -> Tensor:
        """float32[len(batch), dimension] on the CPU; in halves where the device has no memory for the whole, which is
        then remembered."""
        try:
            return self._vectors(batch)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if len(batch) < 2 or not _no_memory(error):
                raise
        # outside the except block: the traceback would keep the tensors of the failed pass alive
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        self._budget = max(1, len(batch) * max(len(each.ids) for each in batch) // 2)
        half = len(batch) // 2
        return torch.cat([self._forward(batch[:half]), self._forward(batch[half:])])

    @torch.inference_mode()
    def _vectors(self, batch: Sequence[Tokens]) -> Tensor:
        lengths = torch.tensor([len(each.ids) for each in batch])
        longest = int(lengths.max())
        ids = torch.full((len(batch), longest), self._tokenizer.pad)
        for row, each in enumerate(batch):
            ids[row, : len(each.ids)] = torch.tensor(each.ids)
        places = torch.arange(longest)
        mask = (places < lengths[:, None]).to(self._device)
        # no mask where nothing is padded: attention is then computed by its quickest kernel
        hidden = self._model(
            input_ids=ids.to(self._device), attention_mask=None if bool(mask.all()) else mask.long(), return_dict=True
        ).last_hidden_state
        if not self._layout.include_prompt:
            opening = torch.tensor([each.prompt for each in batch])
            mask &= (places >= opening[:, None]).to(self._device)
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


def _no_memory(error: BaseException) -> bool:
    """Whether the device, or on a CPU the system, had no memory left."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
