"""The screen for an empty list: it says why, and every suggestion can be run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from console.messages import ActionRequested, QuerySubmitted
from console.views_empty import empty_view, first_start
from console.widgets.empty import EmptyState
from engine.analysis.query import parse
from engine.records import Analysis, QueryTerm
from engine.settings import knobs
from engine.settings.schema import Settings
from engine.trace import Trace
from tests.console.consoles import answered, running, screen_text, until
from tests.console.widgets.bench_app import SETTINGS, lines_of, trace, workbench
from tests.console.widgets.test_status_chip import empty, leg_failed
from tests.corpus import WatchedStore, build, changed, pipeline_on


def asked(text: str, **tables: object) -> Trace:
    return replace(empty(), query=parse(text, ("title", "text")), settings=changed(SETTINGS, **tables))


def queries(answer: Trace) -> list[str]:
    view = empty_view(answer)
    assert view is not None
    return [suggestion.query for suggestion in view.suggestions if suggestion.query]


def test_a_list_with_results_needs_no_other_screen() -> None:
    assert empty_view(trace()) is None
    assert empty_view(None) is None


def test_an_unknown_word_is_put_right_in_place() -> None:
    view = empty_view(asked("wait Blokcing now"))
    assert view is not None
    assert any("blokc: not in the index, nearest: block, lock" in line for line, _ in view.lines)
    assert queries(asked("wait Blokcing now")) == ["wait block now", "wait lock now"]


def test_exclusions_phrases_fields_and_filters_can_be_taken_away() -> None:
    assert "wait blokcing" in queries(asked("wait blokcing -thread"))
    assert "wait blokcing now" in queries(asked('wait "blokcing now"'))
    assert "wait blokcing" in queries(asked("title:wait blokcing"))
    view = empty_view(asked("wait blokcing", filter={"module": "asyncio"}))
    assert view is not None
    without = [s for s in view.suggestions if s.action == "set"]
    assert knobs.replace_text(changed(SETTINGS, filter={"a": "b"}), *without[0].args).filter == {}


def test_a_threshold_that_left_nothing_is_named() -> None:
    answer = trace(changed(SETTINGS, cut={"threshold": 0.999}))
    view = empty_view(answer)
    assert view is not None
    assert view.heading.startswith("6 documents found")
    assert any("cut.threshold = 0.999" in line for line, _ in view.lines)
    assert ("cut.threshold", "0") in [s.args for s in view.suggestions]


def test_legs_that_all_failed_say_what_they_said() -> None:
    view = empty_view(leg_failed(empty(), "lexical", "dense"))
    assert view is not None
    assert view.heading == "No leg answered"
    assert [line for line, role in view.lines if role == "error"] == ["lexical, dense: 503 from search"]
    assert [suggestion.action for suggestion in view.suggestions] == ["again"]


def test_a_filter_that_an_index_refuses_can_be_taken_away() -> None:
    failed = leg_failed(empty(), "lexical", "dense")
    view = empty_view(replace(failed, settings=changed(failed.settings, filter={"modul": "x"})))
    assert view is not None
    assert view.suggestions[0].args == ("filter", "{}")


async def test_suggestions_are_run_by_key_and_by_click() -> None:
    state = EmptyState()
    async with workbench(state) as (app, pilot):
        state.show(first_start("python-docs", 9412, ["join a path", "sleep\x1b"]))
        state.focus()
        await pilot.pause()
        text = lines_of(app.screen)
        assert any("9,412 documents of python-docs" in line for line in text)
        await pilot.press("down", "enter")
        await pilot.click(state, offset=(10, next(y for y, line in enumerate(text) if "join a path" in line)))
        await pilot.press("up", "enter")
        await pilot.pause()
        assert [type(m) for m in app.posted] == [QuerySubmitted, QuerySubmitted, ActionRequested]
        assert [m.text for m in app.posted if isinstance(m, QuerySubmitted)] == ["sleep\x1b", "join a path"]


def test_a_leg_that_weighs_nothing_can_be_asked() -> None:
    settings = changed(SETTINGS, weights={"lexical": 1.0, "dense": 0.0})
    view = empty_view(replace(asked("wait blokcing"), settings=settings))
    assert view is not None
    assert ("dense weighs nothing and was not asked.", "warning") in view.lines
    (asks,) = [s for s in view.suggestions if s.action == "set"]
    assert knobs.replace_text(settings, *asks.args).weights["dense"] == Settings().weights["dense"]
    assert view.suggestions[-1].action == "query"


def test_a_word_that_one_field_knows_by_its_stem_is_in_the_index() -> None:
    terms = (
        QueryTerm("threads", "title", 1.0, 0, 0.0, nearest=("thread",)),
        QueryTerm("zebras", "title", 1.0, 0, 0.0),
        QueryTerm("thread", "text", 1.0, 7, 2.0),
        QueryTerm("zebra", "text", 1.0, 0, 0.0, nearest=("zero",)),
    )
    view = empty_view(replace(asked("threads zebras"), analysis=Analysis(terms)))
    assert view is not None
    assert [line for line, _ in view.lines if "not in the index" in line] == [
        "zebra: not in the index, nearest: zero",
    ]


async def test_an_empty_index_says_so_and_what_fills_it(tmp_path: Path) -> None:
    store = WatchedStore(build(tmp_path / "empty", []))
    async with running(pipeline_on(store), query="threads") as (app, pilot):
        await answered(app, pilot)
        await until(pilot, lambda: "The index is empty" in screen_text(app))
        assert "rankscope index SOURCE" in screen_text(app)
        assert "empty · 0 docs" in screen_text(app)
    await store.close()
