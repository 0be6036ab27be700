"""RAGFlow's five rankings as lines of text, and on the application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.theme import BUILTIN_THEMES
from textual.widgets import SelectionList

from console import views_ragflow as views
from console import views_ragflow_chunk as chunk_views
from console.actions import BY_NAME, Context
from console.palette import palette_of
from console.screens.ragflow import KnowledgeScreen, RagflowScreen
from console.ui import ConsoleApp
from console.views_ragflow import Cursor
from engine.api import open_pipeline
from engine.records import Document
from engine.settings.schema import RagflowSettings
from engine.stores.elastic.detect import Engine
from engine.stores.elastic.mapping import IndexShape
from engine.stores.ragflow import flags
from engine.stores.ragflow.comparison import Comparison, Found, Parts, Ranked
from engine.stores.ragflow.index import Hits, Shape
from engine.stores.ragflow.question import Question
from engine.stores.ragflow.quirks import QUIRKS
from tests.console.consoles import running, screen_text, session_on, until
from tests.corpus import WatchedStore, pipeline_on
from tests.servers import ragflow
from tests.servers.engines import Server

QUESTION = "how are failed requests repeated after a delay"
PALETTE = palette_of(BUILTIN_THEMES["textual-dark"])


def ranked(key: str, **scores: float) -> Ranked:
    return Ranked(key, tuple(scores), np.array([*scores.values()]), len(scores), 2.0)


def found(**changes: Any) -> Found:
    """Four chunks: a and b match the text, c and d do not; d is lost, as is c."""
    parts = {
        # 0.7·0.5 + 0.3·0.9 = 0.62; 0.7·0.1 + 0.3·0.6 = 0.25, which with the cosine 0.2 would be 0.13
        "a": Parts(0.5, 0.9, 0.0, 0.0, 0.62, True),
        "b": Parts(0.1, 0.6, 0.0, 0.0, 0.25, True),
    }
    values: dict[str, Any] = {
        "settings": RagflowSettings(kb_ids=["kb"], page_size=2),
        "question": Question("english", "(alpha^0.5 )", (("alpha", 0.5), ("beta", 0.5)), ("alpha", "beta")),
        "shape": Shape(Engine("elasticsearch", (8, 19, 0)), IndexShape("ragflow_x", shards=2)),
        "rankings": {
            "A": ranked("A", b=12.0, a=9.0),
            "B": ranked("B", c=0.9, a=0.8, d=0.7, b=0.2),
            "C": ranked("C", a=0.8, b=0.2),
            "D": ranked("D", a=0.9, b=0.6),
            "E": ranked("E", a=0.62, b=0.25),
        },
        "text_dfs": None,
        "block": (0, 64),
        "parts": parts,
        "cosines": {"a": 0.8, "b": 0.2},
        "lost": ("c", "d"),
        "documents": {
            i: Document(i, {"title": f"{i}.pdf", "text": f"chunk {i} says", "content_ltks": token})
            for i, token in zip("abcd", ("alpha", "beta", "other", "other"), strict=True)
        },
        "keys": {"alpha": 0.5, "beta": 0.1, "gamma": 0.4},
    }
    return Found(**values | changes)


def view(**changes: Any) -> Comparison:
    return flags.compared(found(**changes))


def quirks(comparison: Comparison) -> dict[str, tuple[str, ...]]:
    return {i: chunk.quirks for i, chunk in comparison.chunks.items()}


# ---- quirks


def test_a_quirk_stands_where_it_changes_something():
    assert quirks(view()) == {"a": (), "b": ("half-cosine",), "c": ("prefilter",), "d": ("prefilter",)}
    assert view().notes == ("no-minimum",)


def test_what_the_words_earned_is_lost_by_the_text_that_counts_0():
    # with 0.05 of the text b has 0.05·30 + 0.6 = 2.1 before a's 0.05·1 + 0.9, so one page of one would show b
    rankings = found().rankings | {"A": ranked("A", b=30.0, a=1.0)}
    settings = RagflowSettings(page_size=1)
    assert "text-zero" in view(rankings=rankings, settings=settings).chunks["b"].quirks
    older = RagflowSettings(page_size=1, version="2026-05")
    assert "text-zero" not in view(rankings=rankings, settings=older).chunks["b"].quirks


def test_made_up_pairs_keywords_ranks_and_synonyms():
    documents = {
        "a": Document("a", {"content_ltks": "x", "title_tks": "beta alpha", "important_kwd": ["alpha"]}),
        "b": Document("b", {"content_ltks": "alpha beta", "important_kwd": ["Alpha beta"], "pagerank_fea": 3.0}),
    }
    keys = {"alpha": 0.2, "beta": 0.2, "alphabeta": 0.3}
    parts = {
        "a": Parts(1.0, 0.9, 0.0, 0.0, 0.97, True),  # the pair only through the title's repetition
        "b": Parts(0.6, 0.9, 3.0, 0.0, 3.7, True),
    }
    question = Question("english", "q", (("alpha", 0.5), ("beta", 0.5)), ("alpha", "beta", "syn"), ("syn",))
    hit = quirks(view(documents=documents, keys=keys, parts=parts, question=question, lost=()))
    assert hit["a"] == ("repetitions", "keyword-30")
    # without the synonym b's whole question is there: 1 in place of 0.6
    assert hit["b"] == ("synonyms", "raw-features", "keyword-whole")


def test_the_next_block_and_the_shards():
    rankings = found().rankings | {"D": ranked("D", a=0.9, b=0.6), "E": ranked("E", a=0.25)}
    parts = {"a": Parts(0.1, 0.6, 0, 0, 0.25, True), "b": Parts(0.5, 0.9, 0, 0, 0.62, True)}
    waiting = view(rankings=rankings, parts=parts, block=(0, 1), cosines={})
    assert "blocks" in waiting.chunks["b"].quirks
    other = Hits(("a", "b"), np.array([10.0, 9.0]), 2)
    moved = view(text_dfs=other)
    assert "shards" in moved.chunks["a"].quirks
    assert "shards" in moved.chunks["b"].quirks


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"question": Question("chinese", "q", (("alpha", 0.5), ("beta", 0.5)), ("alpha beta",))}, "chinese-form"),
        ({"question": Question("chinese", "q", (("检索", 1.0),), ("检索",), left_out=("知识",))}, "cut-at-32"),
        ({"retried": True}, "retried"),
        ({"model": True}, "model-tokens"),
        ({"unscored": True}, "unscored"),
        ({"shape": Shape(Engine("opensearch", (2, 19, 1)), IndexShape("x"))}, "opensearch"),
        (
            {
                "shape": Shape(Engine("elasticsearch", (9, 2, 0)), IndexShape("x")),
                "settings": RagflowSettings(version="2026-04"),
            },
            "no-vectors",
        ),
    ],
)
def test_some_hold_of_the_whole_question(changes, note):
    assert note in view(**changes).notes


def test_every_quirk_has_a_sentence_and_a_place():
    assert {*flags.FLAGS, *flags.NOTES} == {*QUIRKS}
    for quirk in QUIRKS.values():
        assert quirk.text.endswith(".")
        assert quirk.where.startswith("https://")
        assert len(quirk.label) <= 14
    assert QUIRKS["prefilter"].place == "ragflow#19949"
    assert QUIRKS["text-zero"].place == "ragflow@3e4c6dfc0a"
    assert QUIRKS["synonyms"].place == "ragflow: rag/nlp/query.py"


# ---- lines


@pytest.mark.parametrize(("width", "height"), [(156, 20), (130, 5), (129, 20), (76, 10), (40, 4)])
def test_the_lists_fill_their_room_exactly(width, height):
    lines = views.lists(view(), Cursor("B", "a"), PALETTE, width, height).plain.split("\n")
    assert len(lines) == height
    assert {len(line) for line in lines} == {width}


def test_side_by_side_all_five_name_the_chunk_under_the_cursor():
    lines = views.lists(view(), Cursor("B", "a"), PALETTE, 156, 8).plain
    assert all(name in lines for name in views.RANKINGS.values())
    assert "✗ 2 lost" in lines
    assert lines.count("chunk a says") == 5
    assert lines.count("chunk c says") == 1


def test_alone_a_chunk_shows_its_places():
    text = views.lists(view(), Cursor("L", "c"), PALETTE, 76, 8).plain
    row = next(line for line in text.split("\n") if "chunk c" in line)
    assert row.split()[:7] == ["1", ".900", "·", "1", "·", "·", "·"]


def test_the_cursor_keeps_its_chunk_from_list_to_list():
    shown = view()
    cursor = views.first_cursor(shown)
    assert cursor == Cursor("L", "c")
    assert views.moved(shown, cursor, 1) == Cursor("L", "d")
    assert views.moved(shown, cursor, 99) == Cursor("L", "d")
    assert views.turned(shown, Cursor("B", "a"), 1) == Cursor("C", "a")
    assert views.turned(shown, Cursor("B", "d"), 1) == Cursor("C", "a")
    assert views.turned(shown, Cursor("L", "d"), 1) == Cursor("A", "b")


def test_details_add_the_similarity_up_and_explain_the_quirk():
    text = chunk_views.detail(view(), Cursor("E", "b"), PALETTE, 90, 12).plain
    assert "b.pdf" in text
    assert "= 0.7×token .100" in text
    assert "+ 0.3×knn .600" in text
    assert "½(1+cos)" in text
    assert "github.com/infiniflow/ragflow/commit/7cdc74bbe5" in text
    lost = chunk_views.detail(view(), Cursor("L", "c"), PALETTE, 90, 12).plain
    assert "not re-ranked: the filter lost it" in lost
    assert "A –" in lost


def test_a_narrow_terminal_cuts_no_line_that_it_can_break():
    """The question and how it is read have a line each, the numbers fit theirs, and a sentence stands whole or not."""
    question = "how are failed requests repeated after a delay that doubles"
    above = views.summary(view(), question, PALETTE, 76, sentences=False).plain.split("\n")
    assert above[0] == f"❯ {question}"
    assert above[1] == "  English form, 2 keywords: alpha .50 beta .50"
    assert above[2] == "RAGFlow 2026-07 · text × 0 · v 0.3 · threshold 0.2 · page 1 of block 1–64"
    note = QUIRKS["no-minimum"]
    for height in range(5, 10):
        below = chunk_views.detail(view(), Cursor("E", "a"), PALETTE, 76, height, sentences=True).plain.split("\n")
        assert len(below) == height
        assert below[-1].startswith("✗ lost by the filter   ⚑ a quirk hits it")
        assert (note.label in "".join(below)) == (note.text.split()[-1] in "".join(below))
    cut = chunk_views.detail(view(), Cursor("E", "b"), PALETTE, 60, 6).plain.split("\n")
    assert cut[-2].endswith("…")


def test_hostile_text_stays_on_its_line():
    documents = {i: Document(i, {"title": "\x1b[31mred", "text": "two\nlines \x1b]0;x\x07 漢字"}) for i in "abcd"}
    shown = view(documents=documents)
    text = views.lists(shown, Cursor("A", "a"), PALETTE, 156, 6).plain
    assert "\x1b" not in text + chunk_views.detail(shown, Cursor("A", "a"), PALETTE, 80, 9).plain
    assert len(text.split("\n")) == 6


# ---- on the application


@asynccontextmanager
async def console(
    server: Server, size: tuple[int, int] = (160, 45), **options: Any
) -> AsyncIterator[tuple[ConsoleApp, Pilot[None], RagflowScreen]]:
    """The screen, open on the question's answer."""
    async with ragflow.embedding() as service:
        settings = ragflow.settings(server.store(ragflow.OWN_INDEX), service.url, **options)
        pipeline = open_pipeline(settings, Path())
        async with running(pipeline, settings, size, query=QUESTION) as (app, pilot):
            await until(pilot, lambda: app.main.session.trace is not None and not app.main.asking.busy)
            app.main.set_focus(app.main.panes.lists.reranked)
            await pilot.press("F")
            await until(pilot, lambda: isinstance(app.screen, RagflowScreen) and app.screen.view is not None)
            await pilot.pause()
            yield app, pilot, app.screen


async def test_the_screen_shows_what_is_lost(ragflow_index):
    async with console(ragflow_index) as (app, pilot, screen):
        assert "retry-3" in screen.view.lost
        text = screen_text(app)
        assert "lost by the filter" in text
        assert "RAGFlow 2026-07" in text
        await pilot.press("down")
        assert screen.cursor == Cursor("L", screen.view.lost[1])
        await pilot.press("v")
        await until(pilot, lambda: screen.view.found.version.name == "2026-05")
        await pilot.pause()
        assert "text × 0.05" in screen_text(app)
        await pilot.press("escape")
        assert app.main.session.settings.store.ragflow.version == "2026-07"


async def test_it_fits_a_small_terminal(ragflow_index):
    async with console(ragflow_index, (80, 24)) as (app, pilot, _):
        await pilot.press("right", "right")
        text = screen_text(app)
        assert "kNN alone" in text
        assert "esc" in text
        assert max(map(len, text.split("\n"))) <= 80


async def test_knowledge_bases_are_picked_and_kept(ragflow_index):
    async with console(ragflow_index) as (app, pilot, screen):
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, KnowledgeScreen))
        shown = app.screen.query_one(SelectionList)
        assert set(shown.selected) == {("kb", ragflow.PAPERS), ("kb", ragflow.MANUALS)}
        shown.deselect(("kb", ragflow.PAPERS))
        await pilot.press("enter")
        await until(pilot, lambda: screen.options.kb_ids == [ragflow.MANUALS])
        await until(pilot, lambda: not any(i.startswith("paper") for i in screen.view.ranking("B").ids))
        await pilot.press("enter")
        session = app.main.session
        await until(pilot, lambda: session.settings.store.ragflow.kb_ids == [ragflow.MANUALS])
        await until(pilot, lambda: not app.main.asking.busy and session.trace is not None)
        await until(pilot, lambda: not any(i.startswith("paper") for i in session.trace.pool.ids))


def test_the_action_is_for_ragflows_index_alone(store: WatchedStore):
    session = session_on(pipeline_on(store))
    assert BY_NAME["ragflow"].when(Context(session)) == "the index is not RAGFlow's"
