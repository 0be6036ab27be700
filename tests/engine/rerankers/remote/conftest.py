"""What the tests of remote rerankers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import logs


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """What the log file holds by now, from the lowest level on."""
    path = tmp_path / "test.log"
    handler = logs.start(path, "debug")
    yield lambda: path.read_text(encoding="utf-8") if path.exists() else ""
    logs.stop(handler)
