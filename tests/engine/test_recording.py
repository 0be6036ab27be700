"""Recordings: what is in them comes back bit for bit, replays as live, and holds nothing secret."""

from __future__ import annotations

import asyncio
import json
import os
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how

from engine.errors import RecordingError, RerankerError, SettingsError, StoreError
from engine.pipeline import Pipeline
from engine.recorder import recorder
from engine.recording import Recording, open_recording, open_replay
from engine.records import CandidatePool, RerankerInfo, RerankScores, ScoreKind, Status
from engine.replay import NOT_RECORDED, ReplayedSearch
from engine.report import to_json
from engine.rerankers.base import RerankBatch, RerankDocument
from engine.search import Search
from engine.settings.schema import DenseLeg, FeatureSettings, LexicalLeg, Settings
from engine.trace import Finished, Fused, Trace
from engine.tracking import track
from tests.corpus import WatchedStore, build, changed, pipeline_on
from tests.engine.recorded_searches import SETTINGS, recorded, searches

QUERY = "wait some seconds on a thread"
DEFAULT = Settings()
TINY = changed(DEFAULT, rerank={"top_n": 2}, legs={"lexical": LexicalLeg(top_k=2), "dense": DenseLeg(top_k=1)})
REFUSED = r"is damaged|is no recording"
LIVE_TURNS: list[dict[str, Any]] = [
    {"weights": {"dense": 0.1, "lexical": 0.9}},
    {"weights": {"dense": 0}},
    {"fusion": {"normalizer": "z-score"}},
    {"fusion": {"combiner": "rrf", "rank_constant": 10}},
    {"rerank": {"blend": "replace"}},
    {"rerank": {"blend": "weighted", "weight": 0.9, "vector_weight": 0.8}},
    {"rerank": {"top_n": 3}},
    {"cut": {"top_k": 3, "offset": 2, "threshold": 0.2}},
]


class Counted:
    """A real reranker, the longer the text the better, with a whole number in its usage."""

    info = RerankerInfo("counted", "by-length", kind=ScoreKind.LOGIT, usage={"tokens": 123, "cost": 0.5})
    window = 4
    cacheable = False

    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        for start in range(0, len(documents), self.window):
            yield RerankBatch.of(start, [float(len(d.text)) for d in documents[start : start + self.window]])


class Broken(Counted):
    async def rerank(self, query: str, documents: list[RerankDocument]) -> AsyncIterator[RerankBatch]:
        raise RerankerError("401 from https://ann:geheim99@example.org/v1?api_key=sk-verborgen")
        yield RerankBatch.of(0, [])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("recorded") / "index")


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[WatchedStore]:
    store = WatchedStore(folder)
    yield store
    await store.close()


@pytest.fixture
def pipeline(store: WatchedStore) -> Pipeline:
    return pipeline_on(store, counted=lambda *_: Counted(), broken=lambda *_: Broken())


async def ran(pipeline: Pipeline, settings: Settings = DEFAULT, text: str = QUERY) -> Search:
    search = pipeline.begin(text)
    await search.finish(settings)
    return search


def as_json(trace: Trace | None) -> bytes:
    assert trace is not None
    return msgspec.json.encode(to_json(trace))


def without_stages(trace: Trace) -> dict[str, Any]:
    return {**to_json(trace), "stages": [], "wall_ms": 0}


def same_pool(one: CandidatePool, other: CandidatePool) -> None:
    assert (one.ids, one.legs, one.groups) == (other.ids, other.legs, other.groups)
    assert (one.feature_names, one.field_names) == (other.feature_names, other.field_names)
    arrays = [(one.scores, other.scores), (one.returned, other.returned), (one.features, other.features)]
    arrays += [(one.field_scores[name], other.field_scores[name]) for name in one.field_scores]
    for mine, theirs in arrays:
        assert (mine.dtype, mine.shape, mine.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())


def same_scores(one: RerankScores, other: RerankScores) -> None:
    assert one.kind == other.kind
    for name in ("raw", "token_similarity", "tokens", "truncated"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    rows = range(len(one.raw))
    assert [one.tokens_of(row) for row in rows] == [other.tokens_of(row) for row in rows]


# --- what comes back ------------------------------------------------------------------------------------------------


@how(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(search=searches())
def test_any_pool_comes_back_bit_for_bit(tmp_path: Path, search: Search) -> None:
    live = search.rank(SETTINGS)
    recording = asyncio.run(recorded(tmp_path / "r", search))
    again = recording.searches[0].search().rank(recording.settings)
    assert recording.settings == SETTINGS
    same_pool(live.pool, again.pool)
    same_scores(live.rerank, again.rerank)
    assert as_json(live) == as_json(again)


async def test_a_replay_is_the_search_byte_for_byte(pipeline: Pipeline, tmp_path: Path) -> None:
    settings = changed(DEFAULT, rerank={"provider": "counted"}, cut={"group": "section"})
    settings = changed(settings, features={"pagerank": FeatureSettings(field="pagerank", weight=0.2)})
    live = await ran(pipeline, settings)
    await recorded(tmp_path / "r", live, settings=settings, texts=3)
    replay = open_replay(tmp_path / "r")
    again = replay.begin(QUERY)
    events = [event async for event in again.run(replay.recording.settings)]
    assert [type(event) for event in events] == [Fused, Finished]
    assert as_json(again.trace) == as_json(live.trace)
    assert b'"usage":{"tokens":123,"cost":0.5}' in as_json(again.trace)
    assert again.analysis == live.analysis


async def test_texts_terms_and_spans_are_those_of_the_index(pipeline: Pipeline, tmp_path: Path) -> None:
    live = await ran(pipeline, text='call "number of seconds" title:time.sleep')
    again = (await recorded(tmp_path / "r", live, settings=DEFAULT, texts=100)).searches[0].search()
    again.rank(DEFAULT)
    assert live.trace is not None
    assert again.query == live.query
    for i in live.trace.pool.ids:
        assert await again.fetch([i]) == await live.fetch([i])
        assert await again.explain(i) == await live.explain(i)
        assert await again.highlights(i) == await live.highlights(i)
    assert await again.explain("sleep")
    assert await again.highlights("sleep")


@pytest.mark.parametrize("turn", LIVE_TURNS, ids=str)
async def test_turned_live_and_turned_on_a_replay(pipeline: Pipeline, tmp_path: Path, turn: dict[str, Any]) -> None:
    live = await ran(pipeline)
    again = (await recorded(tmp_path / "r", live, settings=DEFAULT, texts=9)).searches[0].search()
    turned = changed(DEFAULT, **turn)
    assert as_json(again.turn(turned)) == as_json(live.turn(turned))
    assert as_json(again.turn(DEFAULT)) == as_json(live.turn(DEFAULT)), "and back"


async def test_every_reranker_that_was_tried_is_there(pipeline: Pipeline, tmp_path: Path) -> None:
    live = await ran(pipeline)
    counted = changed(DEFAULT, rerank={"provider": "counted"})
    await live.finish(counted)
    recording = await recorded(tmp_path / "r", live, settings=counted, texts=5)
    again = recording.searches[0].search()
    for settings in (counted, DEFAULT):
        assert without_stages(again.turn(settings)) == without_stages(live.turn(settings))


async def test_what_failed_when_recorded_stays_as_it_failed(
    pipeline: Pipeline, store: WatchedStore, tmp_path: Path
) -> None:
    settings = changed(DEFAULT, rerank={"provider": "broken"})
    store.faults["dense"] = StoreError("the shard is gone")
    live = await ran(pipeline, settings)
    again = (await recorded(tmp_path / "r", live, settings=settings, texts=5)).searches[0].search()
    turned = changed(settings, weights={"lexical": 0.5})
    for trace in (again.rank(settings), again.turn(turned)):
        assert trace.stage("dense") == live.stage("dense")
        assert "401" in (trace.stage("rerank") or pytest.fail("no rerank")).outcome.text


async def test_term_that_stood_in_stands_in(pipeline: Pipeline, tmp_path: Path) -> None:
    settings = changed(DEFAULT, rerank={"provider": "broken", "fallback": "term"})
    live = await ran(pipeline, settings)
    again = (await recorded(tmp_path / "r", live, settings=settings, texts=5)).searches[0].search()
    assert as_json(again.rank(settings)) == as_json(live.trace)
    assert again.rank(settings).reranker == live.rank(settings).reranker


# --- beyond the recording -------------------------------------------------------------------------------------------


@pytest.fixture
async def replayed(pipeline: Pipeline, tmp_path: Path) -> ReplayedSearch:
    settings = changed(DEFAULT, rerank={"top_n": 3})
    live = await ran(pipeline, settings)
    return (await recorded(tmp_path / "r", live, settings=settings, texts=5)).searches[0].search()


async def gap(replayed: ReplayedSearch, stage: str, **turn: Any) -> tuple[Trace, str]:
    settings = changed(replayed.recorded.settings, **turn)
    trace = await replayed.finish(settings)
    report = trace.stage(stage)
    assert report is not None
    assert report.outcome.reason == NOT_RECORDED
    assert replayed.rank(replayed.recorded.settings).stage(stage) != report, "it comes back"
    return trace, report.outcome.text


async def test_newcomers_are_unscored(replayed: ReplayedSearch) -> None:
    trace, text = await gap(replayed, "rerank", rerank={"top_n": 5})
    assert text == "2 not in the recording"
    assert (trace.stage("rerank") or pytest.fail("no rerank")).outcome.status is Status.PARTIAL
    assert np.count_nonzero(~np.isnan(trace.ranking.rerank_score)) == 3
    assert replayed.missing(changed(replayed.recorded.settings, rerank={"top_n": 5})).rerank == 2


async def test_another_reranker_another_leg_another_feature(replayed: ReplayedSearch) -> None:
    assert (await gap(replayed, "rerank", rerank={"provider": "counted"}))[1] == "3 not in the recording"
    lexical = msgspec.structs.replace(DEFAULT.legs["lexical"], k1=2.0)
    trace, text = await gap(replayed, "lexical", legs={"lexical": lexical})
    assert text == "legs.lexical as it is set now is not in the recording"
    assert trace.pool.leg_names == ("dense",)
    trace, _ = await gap(replayed, "dense", filter={"section": "time"})
    assert len(trace.pool) == 0
    feature = FeatureSettings(field="pagerank", weight=1.0)
    assert (await gap(replayed, "complete", features={"p": feature}))[1] == (
        "the values of pagerank are not in the recording"
    )


async def test_off_is_no_gap(replayed: ReplayedSearch) -> None:
    trace = await replayed.finish(changed(replayed.recorded.settings, rerank={"enabled": False}))
    assert (trace.stage("rerank") or pytest.fail("no rerank")).outcome.reason == "off"


async def test_settings_that_cannot_rank_are_refused(replayed: ReplayedSearch) -> None:
    with pytest.raises(SettingsError, match=r"fusion\.normalizer"):
        await replayed.finish(changed(replayed.recorded.settings, fusion={"normalizer": "nix"}))


async def test_queries_and_documents_that_are_not_there(replayed: ReplayedSearch, tmp_path: Path) -> None:
    replay = open_replay(tmp_path / "r")
    assert replay.queries == (QUERY,)
    assert replay.begin(f"  {QUERY} ").query.text == QUERY
    with pytest.raises(RecordingError, match="'nix' is not in the recording") as caught:
        await replay.begin("nix").finish(DEFAULT)
    assert QUERY in caught.value.hint
    assert len((await replay.begin(" ").finish(DEFAULT)).pool) == 0
    await replayed.finish(replayed.recorded.settings)
    assert (await track(replayed, replayed.recorded.settings, "sleep")).rank > 0
    with pytest.raises(RecordingError, match="the document nix is not in the recording"):
        await track(replayed, replayed.recorded.settings, "nix")
    await replay.close()


# --- the file -------------------------------------------------------------------------------------------------------


async def test_many_searches_share_ids_and_texts(pipeline: Pipeline, tmp_path: Path) -> None:
    one, two = await ran(pipeline), await ran(pipeline, text="lock")
    recording = await recorded(tmp_path / "r", one, two, settings=DEFAULT, texts=9)
    assert [(each.id, each.text) for each in recording.searches] == [("1", QUERY), ("2", "lock")]
    for live, each in zip((one, two), recording.searches, strict=True):
        assert as_json(each.search().rank(recording.settings)) == as_json(live.trace)
    content = content_of(tmp_path / "r")
    assert content.count(b"Suspend execution for a number of seconds.") == 1


def content_of(path: Path) -> bytes:
    return zlib.decompress(path.read_bytes(), 31)


async def test_without_texts_there_is_none(pipeline: Pipeline, tmp_path: Path) -> None:
    live = await ran(pipeline)
    recording = await recorded(tmp_path / "r", live, settings=DEFAULT)
    assert not recording.texts
    for text in (b"Suspend", b"time.sleep", b"threading"):
        assert text not in content_of(tmp_path / "r")
    search = recording.searches[0].search()
    search.rank(DEFAULT)
    assert (await search.fetch(["sleep"]))["sleep"].fields == {}
    assert await search.explain("sleep") == []
    assert await search.highlights("sleep") == []


async def test_a_store_that_cannot_tell_costs_texts_only(
    pipeline: Pipeline, store: WatchedStore, tmp_path: Path
) -> None:
    live = await ran(pipeline, changed(DEFAULT, rerank={"enabled": False}))
    live._documents.clear()
    store.faults["fetch"] = StoreError("the shard is gone")
    with recorder(tmp_path / "r", DEFAULT, store.info) as taking:
        assert await taking.add("1", live) == "texts and terms are left out: the shard is gone"
    assert len(open_recording(tmp_path / "r").searches[0].search().rank(DEFAULT).pool) == len(live.rank(DEFAULT).pool)


async def test_no_secret_is_in_it(pipeline: Pipeline, tmp_path: Path) -> None:
    rerank = {
        "provider": "broken",
        "api_key": "sk-offen-im-text",
        "base_url": "https://ann:geheim99@example.org/v1?api_key=sk-verborgen",
    }
    settings = changed(DEFAULT, rerank=rerank)
    live = await ran(pipeline, settings)
    recording = await recorded(tmp_path / "r", live, settings=settings, texts=5)
    replay = as_json(recording.searches[0].search().rank(recording.settings))
    for written in (content_of(tmp_path / "r"), replay, as_json(live.trace)):
        for secret in (b"geheim99", b"sk-offen", b"sk-verborgen", b"ann:"):
            assert secret not in written
        assert b"example.org" in written
    assert replay == as_json(live.trace)
    assert as_json(recording.searches[0].search().rank(settings)) == replay, "also with the secrets at hand"


async def test_a_reference_to_a_secret_is_kept(pipeline: Pipeline, tmp_path: Path) -> None:
    settings = changed(DEFAULT, rerank={"api_key": "env:COHERE_API_KEY"})
    recording = await recorded(tmp_path / "r", await ran(pipeline, settings), settings=settings)
    assert recording.settings == settings


async def test_broken_off_it_leaves_what_was_there(pipeline: Pipeline, store: WatchedStore, tmp_path: Path) -> None:
    live, path = await ran(pipeline), tmp_path / "r"
    path.write_bytes(b"as it was")

    async def broken_off() -> None:
        with recorder(path, DEFAULT, store.info) as taking:
            await taking.add("1", live)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await broken_off()
    assert {name: path.read_bytes() for name in os.listdir(tmp_path)} == {"r": b"as it was"}


async def test_cut_short_anywhere_is_one_clear_error(pipeline: Pipeline, tmp_path: Path) -> None:
    path = tmp_path / "r"
    await recorded(path, await ran(pipeline, TINY), await ran(pipeline, TINY, "lock"), settings=TINY)
    whole, content = path.read_bytes(), content_of(path)
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(RecordingError, match=REFUSED) as caught:
            open_recording(path)
        assert caught.value.hint
    for end in boundaries(content)[:-1]:
        path.write_bytes(zlib.compress(content[:end], 6, 31))
        with pytest.raises(RecordingError, match=REFUSED):
            open_recording(path)
    path.write_bytes(whole + b"\n")
    with pytest.raises(RecordingError, match="1 bytes too many"):
        open_recording(path)


def boundaries(content: bytes) -> list[int]:
    """Where the sections begin and end."""
    ends = [0]
    while ends[-1] < len(content):
        ends.append(ends[-1] + 4 + int.from_bytes(content[ends[-1] : ends[-1] + 4], "little"))
    return ends


async def test_one_byte_changed_is_an_error_or_changes_nothing(pipeline: Pipeline, tmp_path: Path) -> None:
    path = tmp_path / "r"
    live = await ran(pipeline, TINY)
    await recorded(path, live, settings=TINY, texts=1)
    whole, refused = path.read_bytes(), 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            recording = open_recording(path)
        except RecordingError:
            refused += 1
            continue
        assert as_json(recording.searches[0].search().rank(TINY)) == as_json(live.trace)
    # a gzip header has a time, flags of the level and a system that mean nothing, and deflate pads its last bytes
    assert refused >= len(whole) - 9


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\x1f\x8b", zlib.compress(b"hello there, other file", 6, 31)])
def test_another_file_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r").write_bytes(content)
    with pytest.raises(RecordingError, match=REFUSED) as caught:
        open_recording(tmp_path / "r")
    assert str(tmp_path / "r") in caught.value.message


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="there is no recording"):
        open_recording(tmp_path / "r")
    with pytest.raises(RecordingError, match=r"Is a directory|directory"):
        open_recording(tmp_path)


# --- versions -------------------------------------------------------------------------------------------------------

SAMPLE = Path(__file__).parent.parent / "data" / "recording-v1.rankscope"


def assert_only_added(old: Any, new: Any, where: str = "") -> None:
    """The new report says what the old one said; names may have joined."""
    if isinstance(old, dict):
        assert old.keys() <= new.keys(), where
        for key, value in old.items():
            assert_only_added(value, new[key], f"{where}.{key}")
    elif isinstance(old, list):
        assert len(old) == len(new), where
        for place, (before, after) in enumerate(zip(old, new, strict=True)):
            assert_only_added(before, after, f"{where}[{place}]")
    else:
        assert old == new, where


def test_a_recording_of_version_1_opens_and_shows_what_it_showed() -> None:
    recording = open_recording(SAMPLE)
    assert recording.head.version == 1
    shown = [to_json(each.search().rank(recording.settings)) for each in recording.searches]
    assert_only_added(json.loads(SAMPLE.with_suffix(".json").read_bytes()), json.loads(msgspec.json.encode(shown)))


async def test_the_sample_still_explains() -> None:
    search = open_recording(SAMPLE).searches[0].search()
    search.rank(search.recorded.settings)
    assert {term.text for term, value in await search.explain("queue") if value} == {"wait", "second"}
    assert [(h.field, h.term) for h in await search.highlights("sleep")] == [("text", "second")]
    assert (await search.fetch(["sleep"]))["sleep"].fields["pagerank"] == 5


def rewritten(path: Path, to: Path, head: dict[str, object]) -> Recording:
    """The recording with another head."""
    content = content_of(path)
    first = boundaries(content)[1]
    new = msgspec.msgpack.encode(msgspec.msgpack.decode(content[4:first]) | head)
    to.write_bytes(zlib.compress(len(new).to_bytes(4, "little") + new + content[first:], 6, 31))
    return open_recording(to)


def test_a_newer_one_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"written by Rankscope 9\.0, as a recording of version 99") as caught:
        rewritten(SAMPLE, tmp_path / "r", {"version": 99, "rankscope": "9.0"})
    assert caught.value.hint == "pip install --upgrade rankscope"


def test_an_older_one_is_upgraded_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine import recording_format

    def rename(sections: list[Any]) -> list[Any]:
        for search in sections[1:-1]:
            search["id"] = f"{search['id']}+"
        return sections

    monkeypatch.setattr(recording_format, "VERSION", 3)
    monkeypatch.setattr(recording_format, "UPGRADES", {1: rename, 2: rename})
    assert [each.id for each in open_recording(SAMPLE).searches] == ["1++", "2++"]
    assert [each.id for each in rewritten(SAMPLE, tmp_path / "r", {"version": 2}).searches] == ["1+", "2+"]
