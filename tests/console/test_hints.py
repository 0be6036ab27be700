"""The keys that the last line names."""

from __future__ import annotations

from dataclasses import replace

from console.actions import Context
from console.hints import hints
from console.session import Session
from tests.console.consoles import QUERY, drained, session_on
from tests.corpus import WatchedStore, pipeline_on

LIST = "reranked"


def named(session: Session, pane: str = LIST, *, busy: bool = False, newer: bool = False) -> list[str]:
    context = Context(session, busy=busy, document="sleep" if session.trace else "", newer=newer)
    return [label for _, label, _ in hints(pane, context, {})]


async def test_a_list_tells_of_its_documents_and_of_what_has_changed(store: WatchedStore) -> None:
    session = session_on(pipeline_on(store))
    before = named(session)
    assert {"rerankers", "export"} <= set(before)
    assert {"why", "carried by", "save", "undo"}.isdisjoint(before)
    await drained(session.ask(QUERY))
    found = named(session)
    assert found[3:6] == ["why", "carried by", "filter"]
    assert {"RAGFlow's way", "its own fusion", "engine's account", "unload models"}.isdisjoint(found)
    session.turn("weights.dense", 0.1)
    assert named(session)[3:6] == ["save", "undo", "why"]
    assert named(session, newer=True)[3] == "read anew"


async def test_an_engine_adds_what_it_alone_can_tell(store: WatchedStore) -> None:
    session = session_on(pipeline_on(store))
    await drained(session.ask(QUERY))
    for kind, told in (
        ("elasticsearch", {"engine's account", "its own fusion"}),
        ("ragflow", {"RAGFlow's way"}),
    ):
        store.info = replace(store.info, kind=kind)
        assert told <= set(named(session)[:8])


async def test_what_is_unscored_is_named_once_nothing_runs(store: WatchedStore) -> None:
    session = session_on(pipeline_on(store))
    session.turn("rerank.top_n", 2)
    await drained(session.ask(QUERY))
    session.turn("rerank.top_n", 5)
    assert named(session)[3] == "score newcomers"
    assert "score newcomers" not in named(session, busy=True)


def test_each_pane_has_its_own_keys_and_the_way_on(store: WatchedStore) -> None:
    session = session_on(pipeline_on(store))
    assert hints("weights", Context(session), {})[1] == ("←→", "turn", "")
    assert "connect" in named(session, "")[:4]
    for pane in ("", LIST, "document", "weights"):
        assert "all keys" in named(session, pane)[:3]


def test_a_key_map_is_heeded() -> None:
    keymap = {"query": ("ctrl+f",), "actions": (), "fused": ("f2",)}
    shown = {label: key for key, label, _ in hints("", Context(), keymap)}
    assert shown["search"] == "^f"
    assert "all keys" not in shown
    assert shown["panes"] == "F2 2 3 4"
