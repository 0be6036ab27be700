"""Fixtures of the console's tests: the small index, built once, and a watched store on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.corpus import WatchedStore, build


@pytest.fixture(scope="session")
def index_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("console") / "index")


@pytest.fixture
async def store(index_folder: Path) -> AsyncIterator[WatchedStore]:
    store = WatchedStore(index_folder)
    yield store
    await store.close()
