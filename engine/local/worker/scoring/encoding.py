"""Pairs as token ids, joined by hand from pieces that were tokenised once.

The tokenizer never pads, truncates or sees a pair: a document's ids come from a cache, and a pair is five pieces in a
row. ``check`` proves at load that the pieces give what the tokenizer itself would.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.errors import RerankerError
from engine.local.worker.scoring.probes import PROBES, QUERY
from engine.local.worker.scoring.prompts import Prompt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ids = npt.NDArray[np.int32]

CACHED_TOKENS = 8_000_000
"""Of documents kept, 32 MB."""

QUERY_SHARE = 3 / 4
"""Of the tokens of a pair, the most that a query may take; the document has the rest."""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """``head`` is what stands before the document, the same array for every document of a query."""

    head: Ids
    document: Ids
    tail: Ids
    total: int
    shared: bool = False
    """Whether the head is computed once for all documents, and so costs nothing here."""

    @property
    def size(self) -> int:
        """Tokens of the whole pair."""
        return len(self.head) + len(self.document) + len(self.tail)

    @property
    def length(self) -> int:
        return self.size - (len(self.head) if self.shared else 0)

    @property
    def tokens(self) -> int:
        return len(self.document)

    def ids(self) -> Ids:
        return np.concatenate((self.head, self.document, self.tail))


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the user's text, as ids, and the two templates that hold it. ``types`` are the token types of
    the head and of the rest."""

    before: Ids
    query: str
    between: Ids
    document: str
    after: Ids
    bare: str = ""
    instruction: str = ""
    types: tuple[int, int] = (0, 0)


class PairEncoder:
    """Makes pairs for one model. ``shared`` says that its backend computes the head once."""

    def __init__(self, tokenizer: Any, prompt: Prompt | None, max_tokens: int, name: str) -> None:
        self.max_tokens = max_tokens
        self.shared = False
        self._name = name
        self._documents: OrderedDict[bytes, Ids] = OrderedDict()
        self._cached = 0
        fast: Tokenizer | None = getattr(tokenizer, "backend_tokenizer", None)
        if fast is None:
            raise RerankerError(f"{name} has no fast tokenizer", hint="a tokenizer.json is needed", stage="rerank")
        self._fast = fast
        self._spellings: Mapping[int, Sequence[int]] = {}
        fast.no_padding()
        fast.no_truncation()
        if prompt is None:
            self.frame = _own_frame(tokenizer)
            self._spellings = _spellings(tokenizer)
            _check_pairs(tokenizer, self)
        else:
            self.frame = _prompt_frame(fast, prompt)
            _check_prompt(self)
        if (least := len(self.frame.before) + len(self.frame.between) + len(self.frame.after) + 8) > max_tokens:
            raise RerankerError(f"{name} needs {least} tokens of a pair for its prompt, max_tokens is {max_tokens}")

    def pairs(self, query: str, texts: Sequence[str], instruction: str = "", max_tokens: int = 0) -> list[TokenPair]:
        """Each text with the query, cut at its end to what the model takes and to ``max_tokens`` of its own (0: no such
        limit)."""
        head = self.head(query, instruction)
        tail = self.frame.after
        room = self.max_tokens - len(head) - len(tail)
        room = min(room, max_tokens or room)
        return [TokenPair(head, ids[:room], tail, len(ids), self.shared) for ids in self._ids_of(texts)]

    def head(self, query: str, instruction: str = "") -> Ids:
        """Everything before the document. A query beyond its share of the pair loses its end, never what follows."""
        frame = self.frame
        wanted = instruction or frame.instruction
        template = frame.query if wanted or not frame.bare else frame.bare
        opening, _, rest = template.partition("{query}")
        # partition, not format: braces in the instruction or the query are text
        opening = opening.replace("{instruction}", wanted)
        ids = self.encode([opening + query + rest])[0]
        fixed = len(frame.before) + len(frame.between) + len(frame.after)
        cap = int((self.max_tokens - fixed) * QUERY_SHARE)
        if len(ids) > cap:
            closing = self.encode([rest])[0] if rest else ids[:0]
            kept = self.encode([opening + query])[0][: max(cap - len(closing), 1)]
            ids = np.concatenate((kept, closing))
        return np.concatenate((frame.before, ids, frame.between))

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """The ids of each text alone; special tokens in it are plain text."""
        self._fast.encode_special_tokens = True  # any call of the tokenizer around it sets this back
        encoded = self._fast.encode_batch_fast([_clean(text) for text in texts], add_special_tokens=False)
        return [self._spelled(np.asarray(one.ids, dtype=np.int32)) for one in encoded]

    def _spelled(self, ids: Ids) -> Ids:
        """Ids without special tokens: a Unigram vocabulary has ``</s>`` among its pieces and finds it in plain text."""
        if not self._spellings or not np.isin(ids, list(self._spellings)).any():
            return ids
        return np.asarray([part for at in ids.tolist() for part in self._spellings.get(at, (at,))], dtype=np.int32)

    def _ids_of(self, texts: Sequence[str]) -> list[Ids]:
        keys = [blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
        known = {key: ids for key in keys if (ids := self._documents.get(key)) is not None}
        for key in known:
            self._documents.move_to_end(key)
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        template = self.frame.document
        fresh = self.encode([template.replace("{document}", text) for text in new.values()])
        for key, ids in zip(new, fresh, strict=True):
            known[key] = self._documents[key] = ids
            self._cached += len(ids)
        while self._cached > CACHED_TOKENS and self._documents:
            self._cached -= len(self._documents.popitem(last=False)[1])
        return [known[key] for key in keys]


def _clean(text: str) -> str:
    """Without lone surrogates, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _own_frame(tokenizer: Any) -> Frame:
    """The frame that the tokenizer puts around a pair, read off one."""
    encoded = tokenizer("a", "b")
    ids, parts = encoded["input_ids"], encoded.encodings[0].sequence_ids
    types = encoded.encodings[0].type_ids
    first = [at for at, part in enumerate(parts) if part == 0]
    second = [at for at, part in enumerate(parts) if part == 1]
    return Frame(
        before=np.asarray(ids[: first[0]], dtype=np.int32),
        query="{query}",
        between=np.asarray(ids[first[-1] + 1 : second[0]], dtype=np.int32),
        document="{document}",
        after=np.asarray(ids[second[-1] + 1 :], dtype=np.int32),
        types=(types[first[0]], types[second[0]]),
    )


def _spellings(tokenizer: Any) -> dict[int, list[int]]:
    """Each special token but the unknown one, letter by letter."""
    unknown = tokenizer.unk_token_id
    found = {}
    for token, at in zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True):
        letters = (tokenizer.backend_tokenizer.token_to_id(letter) for letter in token)
        if at != unknown:
            found[at] = [part for letter in letters if (part := unknown if letter is None else letter) is not None]
    return found


def _prompt_frame(fast: Tokenizer, prompt: Prompt) -> Frame:
    """A prompt's pieces as ids. From here on its own markers are special tokens, and user text cannot say them."""
    from tokenizers import AddedToken

    pieces = [fast.encode(piece, add_special_tokens=False) for piece in (prompt.before, prompt.between, prompt.after)]
    before, between, after = (np.asarray(piece.ids, dtype=np.int32) for piece in pieces)
    added = fast.get_added_tokens_decoder()
    markers = {int(at): added[int(at)] for ids in (before, between, after) for at in ids if int(at) in added}
    fast.add_special_tokens([AddedToken(one.content, normalized=False, special=True) for one in markers.values()])
    return Frame(before, prompt.query, between, prompt.document, after, prompt.bare, prompt.instruction)


def _check_pairs(tokenizer: Any, encoder: PairEncoder) -> None:
    """Refuses a tokenizer whose pairs are not their parts in a row."""
    plain = PROBES[:-1]  # the last looks like special tokens, which we spell and the tokenizer may not
    for text, pair in zip(plain, encoder.pairs(QUERY, plain), strict=True):
        whole = tokenizer(QUERY, text, split_special_tokens=True)
        if whole["input_ids"] != pair.ids().tolist():
            raise RerankerError(f"the tokenizer of {encoder._name} does not make a pair from its parts", stage="rerank")


def _check_prompt(encoder: PairEncoder) -> None:
    """Refuses a tokenizer for which cutting the prompt before the document changes tokens."""
    frame = encoder.frame
    if len(frame.between):
        return  # pieces apart by a special token or a line break of their own, as their authors tokenise them
    for text in PROBES:
        head = frame.query.replace("{instruction}", frame.instruction).replace("{query}", QUERY)
        body = frame.document.replace("{document}", text)
        parts = encoder.encode([head, body])
        if np.concatenate(parts).tolist() != encoder.encode([head + body])[0].tolist():
            raise RerankerError(f"the prompt of {encoder._name} cannot be cut before the document", stage="rerank")
