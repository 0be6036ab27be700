"""The queries that were typed, newest last, kept between runs in one small file of JSON lines."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from engine.errors import SettingsError

LIMIT = 500


class History:
    """Queries in the order of their last use. Without a file they live as long as the program."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self.queries: list[str] = []
        if file is not None:
            with contextlib.suppress(OSError):  # none yet, or none that can be read
                self.queries = _queries(file.read_text(encoding="utf-8", errors="replace"))

    def add(self, query: str) -> None:
        """Put a query last. Raises ``SettingsError`` where the file cannot be written; the query is kept."""
        query = " ".join(query.split())
        if not query:
            return
        older = [old for old in self.queries if old != query]
        self.queries = [*older[-LIMIT + 1 :], query]
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            aside = self._file.with_suffix(".tmp")
            aside.write_text("".join(f"{json.dumps(q, ensure_ascii=False)}\n" for q in self.queries), encoding="utf-8")
            aside.replace(self._file)
        except OSError as error:
            raise SettingsError(f"the query history {self._file} cannot be written: {error.strerror}") from error


def _queries(text: str) -> list[str]:
    """The strings of a file of JSON lines; a line that is none is left out, as a half-written one would be."""
    queries = []
    for line in text.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            query = json.loads(line)
            if isinstance(query, str) and query.strip():
                queries.append(query)
    return queries[-LIMIT:]
