"""The Python program and the curl line, run as a user would run them: their order is the console's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.export.registry import export
from engine.settings import knobs
from tests.engine.export.on_servers import Console, load, needs_cranfield, same_order
from tests.servers.engines import Server

pytestmark = needs_cranfield

QUERY = "what similarity laws must be obeyed when constructing aeroelastic models"
ROOT = Path(__file__).parents[3]


def run_all(corpus: tuple[Console, dict], server: Server, folder: Path) -> None:
    console, vectors = corpus
    load(server, vectors)
    trace, given = console.search(QUERY, console.settings)
    there = knobs.replace_all(console.settings, {"store.url": server.url})
    wish = console.wish(there, given)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}

    program = folder / "search.py"
    program.write_text(export(wish, "python", engine=server.kind).text)
    told = subprocess.run(
        [sys.executable, str(program), QUERY], capture_output=True, text=True, env=environment, check=False
    )
    assert told.returncode == 0, told.stderr
    assert same_order(trace, [line.split()[1] for line in told.stdout.splitlines()])

    if shutil.which("curl") is None:
        pytest.skip("the program ran; there is no curl to run the line")
    line = export(wish, "curl", engine=server.kind).text
    answer = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
    assert same_order(trace, [hit["_id"] for hit in json.loads(answer)["hits"]["hits"]])


def test_on_elasticsearch(corpus: tuple[Console, dict], elasticsearch_8: Server, tmp_path: Path) -> None:
    run_all(corpus, elasticsearch_8, tmp_path)


def test_on_opensearch(corpus: tuple[Console, dict], opensearch_2: Server, tmp_path: Path) -> None:
    run_all(corpus, opensearch_2, tmp_path)
