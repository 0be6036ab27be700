"""``rankscope doctor`` and ``rankscope analyze`` on a real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.doctoring import index
from console.findings import Finding
from console.opening import Wanted
from tests.console.cli.conftest import Cli
from tests.corpus import DOCUMENTS
from tests.engine.stores.elastic.parity import Corpus
from tests.servers.engine_index import send
from tests.servers.engines import Server

INDEX = "rankscope-doctor"
SOUND = '[legs.lexical]\n[legs.dense]\nembedder = "static"\n[weights]\nlexical = 0.3\ndense = 0.7\n'


@pytest.fixture
def filled(any_engine: Server) -> Iterator[Server]:
    Corpus.of(list(DOCUMENTS)).into(any_engine, INDEX, "standard")
    yield any_engine
    send(any_engine, "DELETE", f"/{INDEX}", ignore=404)


def config(server: Server, folder: Path, more: str, name: str = INDEX) -> Path:
    file = folder / "engine.toml"
    file.write_text(f'[store]\nkind = "{server.kind}"\nurl = "{server.url}"\nindex = "{name}"\n{more}')
    return file


async def examined(server: Server, folder: Path, more: str, name: str = INDEX) -> list[Finding]:
    return await index(Wanted(config=config(server, folder, more, name)))


def test_terms_are_those_of_the_indexs_own_analyzer(filled: Server, tmp_path: Path, cli: Cli) -> None:
    done = cli("analyze", "Seconds, nowhere", "-c", config(filled, tmp_path, SOUND), "-o", "json")
    found = {(term["field"], term["token"]): term["df"] for term in done.json["index"]["terms"]}
    assert found["text", "seconds"] > 0
    assert found["text", "nowhere"] == 0


async def test_what_it_says_of_an_engine(filled: Server, tmp_path: Path) -> None:
    found = await examined(filled, tmp_path, SOUND)
    assert all(each.ok for each in found), found
    told = {each.what: each.text for each in found}
    assert told["index"].startswith(f"{INDEX}: {len(DOCUMENTS)} documents, vectors")
    assert "answered in" in told["leg lexical"]
    assert "answered in" in told["leg dense"]

    (tmp_path / "own.json").write_text('{"query": {"no_such_query": "{{query}}"}}')
    own = SOUND.replace("[legs.lexical]", '[legs.lexical]\nbody = "own.json"')
    wrong = [each for each in await examined(filled, tmp_path, own) if not each.ok]
    assert [each.what for each in wrong] == ["leg lexical"]
    assert "no_such_query" in wrong[0].text

    (missing,) = await examined(filled, tmp_path, SOUND, "nowhere")
    assert (missing.what, missing.ok) == ("index", False)
    assert "it has no index nowhere" in missing.text
    assert missing.hint
