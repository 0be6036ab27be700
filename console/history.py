"""The queries that were typed, newest last, kept between runs in one small file."""

from __future__ import annotations

import contextlib
from pathlib import Path

from engine.errors import SettingsError

LIMIT = 500


class History:
    """Queries in the order of their last use. Without a file they live as long as the program."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self.queries: list[str] = []
        if file is not None:
            with contextlib.suppress(FileNotFoundError):
                text = file.read_text(encoding="utf-8", errors="replace")
                self.queries = [line for line in text.splitlines() if line.strip()][-LIMIT:]

    def add(self, query: str) -> None:
        """Put a query last. Raises ``SettingsError`` where the file cannot be written; the query is kept all the same."""
        query = " ".join(query.split())
        if not query:
            return
        self.queries = [old for old in self.queries if old != query][-LIMIT + 1 :] + [query]
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            aside = self._file.with_suffix(".tmp")
            aside.write_text("\n".join(self.queries) + "\n", encoding="utf-8")
            aside.replace(self._file)
        except OSError as error:
            raise SettingsError(f"the query history {self._file} cannot be written: {error.strerror}") from error
