"""Which sentences carry a score: splitting, joining, and the asking through real rerankers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from engine.api import open_pipeline
from engine.errors import UsageError
from engine.executor import make_executor
from engine.local.host import LocalHost
from engine.pipeline import Pipeline
from engine.records import Document, RerankerInfo, ScoreKind
from engine.rerankers.attribution import Attribution, attribute, passages, sentences, variants
from engine.rerankers.base import RerankBatch, RerankDocument
from engine.rerankers.registry import RERANKERS
from engine.resources import Resources
from engine.search import Search
from engine.settings.schema import RerankStage, Settings
from tests import workers
from tests.corpus import DOCUMENTS, WatchedStore, build, changed
from tests.servers.loopback import serving
from tests.servers.vendors import VENDORS
from tests.tiny_models import tiny_reranker

TEXT = "Bees make honey. Suspend a thread for a number of seconds! The sky is blue."
LONG = Document("long", {"title": "honey", "text": TEXT})
ONE = Document("one", {"title": "", "text": "Seconds on a thread"})
QUERY = "suspend a thread for some seconds"


class Together:
    """Reads the list as one."""

    info = RerankerInfo("together", model="list-1", kind=ScoreKind.LOGIT, listwise=True)
    window = 64
    cacheable = False

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        yield RerankBatch.of(0, [float(len(each.text)) for each in documents])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("attribution") / "index", (*DOCUMENTS, LONG, ONE))


@pytest.fixture
async def pipeline(folder: Path) -> AsyncIterator[Pipeline]:
    host = LocalHost(command=workers.command())
    rerankers = {**RERANKERS, "together": lambda *_: Together()}
    pipeline = Pipeline(Resources(WatchedStore(folder), make_executor(), None, rerankers, local=host))
    yield pipeline
    await pipeline.close()


def by(provider: str, model: str = "", **more: object) -> Settings:
    return changed(Settings(), rerank={"provider": provider, "model": model, **more})


async def searched(pipeline: Pipeline, settings: Settings, query: str = QUERY) -> Search:
    search = pipeline.begin(query)
    await search.finish(settings)
    return search


async def last(search: Search, document: str = "long") -> Attribution:
    return [each async for each in attribute(search, document)][-1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "Stop." Then 3.14 was pi.', ['He said "Stop."', "Then 3.14 was pi."]),
        ("Some, e.g. This one, i.e. None of it. and no more", ["Some, e.g. This one, i.e. None of it. and no more"]),
        ("Wrapped\nlines are one.\n\nA paragraph", ["Wrapped\nlines are one.", "A paragraph"]),
        ("Items:\n- one\n* two\n3. three\n>>> four()", ["Items:", "- one", "* two", "3. three", ">>> four()"]),
        ("一つ。二つ!三つ?", ["一つ。", "二つ!三つ?"]),
        (" … \n\n --- \n\n", []),
        ("", []),
    ],
)
def test_sentences(text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == found


def test_more_sentences_than_are_asked_are_joined_with_their_neighbours() -> None:
    text = " ".join(f"Sentence number {n}." for n in range(500))
    document = Document("x", {"title": "A title", "text": text})
    found = passages(document, ("title", "text", "absent"))
    assert found[0].field == "title"
    assert 24 < len(found) <= 48
    assert found[-1].end == len(text)
    assert all(text[a.end : b.start] == " " for a, b in pairwise(found[1:]))


def test_each_variant_lacks_one_passage_and_nothing_else() -> None:
    whole, *without = variants(LONG, passages(LONG, ("title", "text")))
    assert whole.fields == LONG.fields
    assert [each.text_of("title") for each in without] == ["", "honey", "honey", "honey"]
    assert without[2].text_of("text") == "Bees make honey.  The sky is blue."
    assert len({whole.id, LONG.id, *(each.id for each in without)}) == 6


async def test_the_drop_is_what_the_passage_was_worth(pipeline: Pipeline) -> None:
    search = await searched(pipeline, by("local", "test/length"))
    found = await last(search)
    assert found.complete
    assert found.whole == len(f"honey\n{TEXT}")
    # the model scores a text by its length; with the title goes its line
    assert found.drops.tolist() == [6, *(each.end - each.start for each in found.passages[1:])]
    assert found.reranker.model == "test/length"


async def test_term_says_which_sentence_has_the_words(pipeline: Pipeline) -> None:
    search = await searched(pipeline, by("term"))
    found = await last(search)
    best = found.passages[int(np.nanargmax(found.drops))]
    assert TEXT[best.start : best.end] == "Suspend a thread for a number of seconds!"
    assert found.drops[[0, 1, 3]] == pytest.approx([0, 0, 0])
    row = search.trace.pool.ids.index("long")  # type: ignore[union-attr]
    assert found.whole == pytest.approx(search.trace.rerank.raw[row])  # type: ignore[union-attr]


async def test_the_stage_that_spoke_last_is_asked(pipeline: Pipeline) -> None:
    further = {"small": RerankStage(provider="local", model="test/length", top_n=50)}
    search = await searched(pipeline, by("term", cascade=further))
    assert (await last(search)).reranker.provider == "local"


async def test_closing_it_asks_no_more(pipeline: Pipeline) -> None:
    search = await searched(pipeline, by("local", "test/slow"))
    host = pipeline.resources.local
    assert host is not None
    async with aclosing(attribute(search, "long")) as answers:
        first = await anext(answers)
        assert not first.complete
        assert host.state.requests in (0, 1)
    assert host.state.requests == 0


async def test_what_cannot_be_taken_apart_says_why(pipeline: Pipeline) -> None:
    search = await searched(pipeline, by("local", "test/length"))
    with pytest.raises(UsageError, match="one sentence"):
        await last(search, "one")
    with pytest.raises(UsageError, match="no rerank score"):
        await last(search, "nowhere")
    with pytest.raises(UsageError, match="list-1 reads the list as one"):
        await last(await searched(pipeline, by("together")))


async def test_a_real_cross_encoder(folder: Path, tmp_path: Path) -> None:
    model = tiny_reranker(tmp_path / "tiny", "bert")
    host = LocalHost()
    pipeline = Pipeline(Resources(WatchedStore(folder), make_executor(), None, RERANKERS, local=host))
    try:
        search = await searched(pipeline, by("local", str(model)))
        found = await last(search)
        row = search.trace.pool.ids.index("long")  # type: ignore[union-attr]
        assert found.complete
        assert found.whole == pytest.approx(search.trace.rerank.raw[row], abs=1e-5)  # type: ignore[union-attr]
        assert np.isfinite(found.drops).all()
    finally:
        await pipeline.close()


async def test_a_service_gets_every_variant_in_one_request(folder: Path) -> None:
    async with serving(answer=VENDORS["tei"]) as server:
        settings = by("tei", base_url=server.url)
        async with open_pipeline(settings, folder.parent) as pipeline:
            search = await searched(pipeline, settings)
            before = len(server.requests)
            found = await last(search)
            row = search.trace.pool.ids.index("long")  # type: ignore[union-attr]
            assert found.whole == search.trace.rerank.raw[row]  # type: ignore[union-attr]
    (request,) = server.requests[before:]
    assert len(json.loads(request.body)["texts"]) == 1 + len(found.passages)
    assert found.complete
    assert np.isfinite(found.drops).all()
