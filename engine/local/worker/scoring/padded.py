"""The reference: any model by its own forward, short pairs padded on the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from engine.local.worker.scoring.between import BetweenLayers
from engine.local.worker.scoring.encoding import TokenPair
from engine.local.worker.scoring.model import LoadedModel


class Padded:
    """Scores a batch padded to its longest pair.

    Classifiers get their attention mask. A causal model needs none: what stands on the right cannot be seen from the
    left, and the state is read at the last true token, whatever the padding's id is.
    """

    name = "padded"
    shared = False
    pads = True

    def __init__(self, loaded: LoadedModel, types: tuple[int, int]) -> None:
        self._loaded = loaded
        self._types = types if getattr(loaded.config, "type_vocab_size", 0) > 1 else None
        pad = getattr(loaded.config, "pad_token_id", None)
        self._pad = pad if isinstance(pad, int) and pad >= 0 else 0
        self._between = BetweenLayers(loaded.layers)

    def score(self, pairs: Sequence[TokenPair], stopped: Callable[[], bool]) -> list[float]:
        longest = max(pair.size for pair in pairs)
        ids = torch.full((len(pairs), longest), self._pad, dtype=torch.long)
        mask = torch.zeros((len(pairs), longest), dtype=torch.long)
        for at, pair in enumerate(pairs):
            ids[at, : pair.size] = torch.from_numpy(pair.ids())
            mask[at, : pair.size] = 1
        device = self._loaded.device
        with self._between.asks(stopped):
            if self._loaded.row is not None:
                hidden = self._loaded.body(input_ids=ids.to(device), use_cache=False).last_hidden_state
                last = mask.sum(dim=1).to(hidden.device) - 1
                logits = self._loaded.margin(hidden[torch.arange(len(pairs), device=hidden.device), last])
            else:
                given = {"input_ids": ids.to(device), "attention_mask": mask.to(device)}
                if self._types is not None:
                    rest = torch.tensor([len(pair.head) for pair in pairs])
                    second = torch.arange(longest)[None] >= rest[:, None]
                    given["token_type_ids"] = torch.where(second, self._types[1], self._types[0]).mul(mask).to(device)
                logits = self._loaded.model(**given).logits
        return self._loaded.finish(logits)
