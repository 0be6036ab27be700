"""Choosing by the values of the index's fields: what is counted, what a choice makes of the filter, and the screen."""

from __future__ import annotations

import pytest
from textual.widgets import Input, OptionList

from console.facets import Facet, facets, filter_text, toggled
from console.screens.facets import FacetScreen
from console.session import Session
from console.ui import ConsoleApp
from engine.settings.schema import FieldValue
from tests.console.consoles import QUERY, answered, drained, running, screen_text, session_on, until
from tests.corpus import WatchedStore, pipeline_on


def told(facet: Facet) -> list[tuple[str, int, bool]]:
    return [(value.text, value.count, value.chosen) for value in facet.values]


@pytest.fixture
async def session(store: WatchedStore) -> Session:
    session = session_on(pipeline_on(store))
    await drained(session.ask("threads seconds wait"))
    return session


async def test_the_values_of_what_matches_are_counted(session: Session) -> None:
    (section,) = await facets(session)
    assert section.field == "section"
    assert told(section)[0] == ("threading", 2, False)
    assert sum(count for _, count, _ in told(section)) == session.trace.totals["lexical"]  # type: ignore[union-attr]


async def test_a_field_that_is_filtered_by_is_counted_without_that(session: Session) -> None:
    (before,) = await facets(session)
    session.change({"filter": {"section": ["queue", "nowhere"], "pagerank": 2}})
    await drained(session.settle())
    section, pagerank = await facets(session)
    assert told(section) == [("queue", 1, True), ("nowhere", 0, True)]
    assert told(pagerank) == [("2", 0, True)]
    session.change({"filter": {"section": "queue"}})
    (section,) = await facets(session)
    assert told(section) == [(text, count, text == "queue") for text, count, _ in told(before)], "each where it stood"


@pytest.mark.parametrize(
    ("before", "field", "text", "after"),
    [
        ({}, "kind", "class", {"kind": "class"}),
        ({"kind": "class"}, "kind", "class", {}),
        ({"kind": "class"}, "kind", "method", {"kind": ["class", "method"]}),
        ({"kind": ["class", "method"], "year": 2}, "kind", "class", {"kind": "method", "year": 2}),
        ({"year": 2020}, "year", "2021", {"year": ["2020", "2021"]}),
        ({"draft": True}, "draft", "true", {}),
        ({"draft": None}, "draft", "true", {"draft": "true"}),
    ],
)
def test_a_choice_is_one_more_value_or_one_less(
    before: dict[str, FieldValue], field: str, text: str, after: dict[str, FieldValue]
) -> None:
    assert toggled(before, field, text) == after


def test_a_filter_in_words() -> None:
    assert filter_text({"module": ["a", "b"], "year": 2, "draft": None}) == "module = a or b, year = 2, draft = none"


async def test_a_choice_moves_the_lists_and_undo_takes_it_back(store: WatchedStore) -> None:
    async with running(pipeline_on(store), query=QUERY) as (app, pilot):
        await answered(app, pilot)
        session, main = app.main.session, app.main
        assert session is not None
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, FacetScreen) and "threading" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: session.settings.filter == {"section": "threading"})
        await until(pilot, lambda: not main.asking.busy and "✓ threading" in screen_text(app))
        assert session.trace is not None
        assert {i.id for i in await store.fetch(session.trace.pool.ids) if i.fields["section"] != "threading"} == set()
        await until(pilot, lambda: "only section = threading" in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: not session.settings.filter and "✓ threading" not in screen_text(app))
        await pilot.press("slash", *"sig")
        await until(pilot, lambda: named(app) == ["signal"])
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is main)


def named(app: ConsoleApp) -> list[str]:
    """The values that are listed."""
    assert app.screen.query_one("#find", Input).has_focus
    return [str(option.prompt).split()[0] for option in app.screen.query_one(OptionList).options if not option.disabled]
