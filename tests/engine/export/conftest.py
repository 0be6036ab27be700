"""What the tests on real engines share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.export.on_servers import Console, build


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Console, dict]]:
    """Cranfield in an index of ours, made once for each process, and the vectors of its documents."""
    folder = tmp_path_factory.mktemp("export") / "index"
    vectors = build(folder)
    console = Console(folder)
    yield console, vectors
    console.close()
