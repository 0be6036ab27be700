"""A source into a taker, broken off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from engine.indexing import Embedded, fill
from engine.ingest.base import Item, SourceDocument, SourceSchema
from engine.records import Document


class Endless:
    """A source that tells when its reading was ended."""

    name = "endless"
    schema = SourceSchema({"text": "english"})
    ended = False

    def fingerprint(self) -> str:
        return self.name

    def count(self) -> int | None:
        return None

    def documents(self) -> Iterator[Item]:
        try:
            for number in range(1_000_000):
                yield SourceDocument(Document(str(number), {"text": "words"}), f"endless:{number}")
        finally:
            self.ended = True


class Full:
    """A taker that takes nothing."""

    taken = 0

    async def add(self, first: int, documents: Sequence[SourceDocument], embedded: Embedded) -> None:
        raise OSError("no space left on device")


async def test_what_is_read_is_closed_where_the_taker_fails() -> None:
    source = Endless()
    with pytest.raises(OSError, match="no space left") as caught:
        await fill(source, Full(), None, None, lambda progress: None, lambda problem: None)
    assert caught.tb is not None, "the error holds the frames that read"
    assert source.ended, "and not only when some thread collects them"
