"""Texts as token ids, cut to what the model sees, with the count of what there was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer
from tokenizers.normalizers import Lowercase
from tokenizers.normalizers import Sequence as Normalizers


@dataclass(frozen=True, slots=True)
class Tokens:
    """``ids`` with special tokens and prompt; ``cut`` where the text went on. ``prompt`` of them are not the text's."""

    ids: list[int]
    cut: bool
    prompt: int = 0


class TextTokenizer:
    """The model's tokenizer. Text is only text: what looks like a special token in it is not one."""

    def __init__(self, tokenizer: Any, max_tokens: int, lower: bool = False) -> None:
        """``tokenizer`` is a fast one of transformers; a copy of its backend is made, so that its state is ours."""
        backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        backend.no_padding()
        backend.enable_truncation(max_length=max_tokens)
        backend.encode_special_tokens = True
        if lower:
            backend.normalizer = (
                Normalizers([Lowercase(), backend.normalizer]) if backend.normalizer is not None else Lowercase()
            )
        self._backend, self._special = backend, frozenset(tokenizer.all_special_ids)
        self.max_tokens = max_tokens
        self.pad = int(tokenizer.pad_token_id or 0)

    def encode(self, texts: Sequence[str], prompt: str = "") -> list[Tokens]:
        """Each text after the prompt."""
        before = self._prompt_tokens(prompt) if prompt else 0
        return [
            Tokens(each.ids, bool(each.overflowing), before)
            for each in self._backend.encode_batch_fast([prompt + text for text in texts])
        ]

    def _prompt_tokens(self, prompt: str) -> int:
        """Tokens of the prompt with those that open every text, without one that closes it."""
        ids = self._backend.encode(prompt).ids
        return len(ids) - 1 if ids and ids[-1] in self._special else len(ids)
