"""The document panel: the account adds up, absent is not zero, text is marked and harmless."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from console.views_document import DocumentView, document_view, text_blocks
from console.widgets.document_panel import DocumentPanel, best_line
from engine.records import Document, Outcome, QueryTerm, Status
from engine.stores.base import Highlight
from tests.console.widgets.bench_app import SETTINGS, TEXT, lines_of, trace, workbench
from tests.corpus import changed

SLEEP = TEXT.index("sleep")
HITS = [Highlight("text", SLEEP, SLEEP + 5, "sleep")]


def view_of(document_id: str = "d0", **more: object) -> DocumentView:
    view = document_view(trace(), document_id, None, HITS, **more)  # type: ignore[arg-type]
    assert view is not None
    return view


async def painted(view: DocumentView | None, width: int = 80, height: int = 50, theme: str = "rankscope") -> list[str]:
    panel = DocumentPanel()
    async with workbench(panel, (width, height), theme) as (app, pilot):
        panel.show(view)
        await pilot.pause()
        return lines_of(app.screen)


@pytest.mark.parametrize("document_id", [f"d{number}" for number in range(6)])
def test_the_shares_add_up_to_the_fused_score(document_id: str) -> None:
    view = view_of(document_id)
    total = sum(leg.contribution for leg in view.legs) + sum(feature.contribution for feature in view.features)
    assert total == pytest.approx(view.fused_score)
    for leg in view.legs:
        if not math.isnan(leg.normalized):
            assert leg.contribution == pytest.approx(leg.normalized * leg.weight)


def test_absent_completed_and_returned_are_told_apart() -> None:
    legs = {leg.name: leg for leg in view_of("d5").legs}
    assert math.isnan(legs["dense"].raw)
    assert "absent" in legs["dense"].note
    completed = {leg.name: leg for leg in view_of("d1").legs}["dense"]
    assert (completed.rank, completed.note[:9]) == (0, "completed")
    returned = {leg.name: leg for leg in view_of("d0").legs}["dense"]
    assert (returned.rank, returned.note) == (2, "")


def test_a_leg_of_weight_0_says_that_it_was_not_run() -> None:
    settings = changed(SETTINGS, weights={"dense": 0.0})
    answered = trace(settings)
    pool = replace(answered.pool, legs=answered.pool.legs[:1], scores=answered.pool.scores[:, :1])
    pool = replace(pool, returned=pool.returned[:, :1])
    from engine.ranking import Weighting, rank

    ranking = rank(pool, answered.rerank, Weighting.of(settings))
    view = document_view(replace(answered, pool=pool, ranking=ranking), "d0")
    assert view is not None
    assert [leg.note for leg in view.legs] == ["", "weight 0: not run"]


def test_why_a_document_is_unscored_or_dropped() -> None:
    view = view_of("d5")
    assert view.rerank is None
    assert "beyond the first 3" in view.rerank_note
    assert "cut.top_k" in view.dropped
    off = document_view(trace(changed(SETTINGS, rerank={"enabled": False})), "d0")
    assert off is not None
    assert off.rerank_note == "reranking is off"
    failed = document_view(trace(rerank=Outcome(Status.FAILED, reason="http", text="401 from cohere")), "d0")
    assert failed is not None
    assert "401 from cohere" in failed.rerank_note


async def test_what_the_models_did_not_see_is_said() -> None:
    cut = Document("d0", {"text": TEXT}, cut=True)
    view = document_view(trace(), "d0", cut)
    assert view is not None
    assert [leg.note for leg in view.legs] == ["", "longer than the embedder sees: of its beginning"]
    assert all(leg.note == "" for leg in view_of("d0").legs)
    first = trace().pool.ids[trace().ranking.fused_order[0]]
    assert "212 of 1,340 tokens · text cut to fit" in "\n".join(await painted(view_of(first)))


def test_the_ranks_stage_by_stage() -> None:
    places = {place.stage: place.rank for place in view_of("d0").places}
    assert places["lexical"] == 1
    assert places["dense"] == 2
    assert places["fused"] >= 1
    assert places["result"] == places["reranked"]


def test_a_document_that_the_pool_does_not_hold_has_no_view() -> None:
    assert document_view(trace(), "nowhere") is None


def test_terms_come_largest_first_and_unknown_contributions_are_not_zero() -> None:
    terms = trace().analysis.terms
    told = view_of(terms=[(terms[1], 0.4), (terms[0], 3.1)]).terms
    assert [(term.text, term.contribution) for term in told] == [("wait", 3.1), ("sleep", 0.4), ("blokc", 0.0)]
    assert all(math.isnan(term.contribution) for term in view_of().terms)


async def test_the_panel_says_it_all_at_80_columns() -> None:
    text = "\n".join(await painted(view_of(terms=[(trace().analysis.terms[0], 3.1)], pinned=True)))
    for part in (
        "★ Title of d0",
        "lexical 1 → dense 2 → fused",
        "● lexical",
        "◆ dense",
        "title 9.00 + text 3.00",
        "+ pagerank",
        "= fused",
        "⇅ rerank",
        "212 of 1,340 tokens",
        "of fused +",
        "(weighted)",
        "synonym of wait ×0.25",
        "blokc not in the index, nearest: block, lock",
        "1 match",
    ):
        assert part in text


async def test_a_word_that_another_field_has_is_not_said_to_be_missing() -> None:
    found = QueryTerm("thread", "text", 1.0, 7, 2.0)
    absent = (QueryTerm("threads", "title", 1.0, 0, 0.0), QueryTerm("the", "title", 1.0, 0, 0.0))
    stop = QueryTerm("the", "text", 1.0, 9, 0.1)
    unknown = QueryTerm("zebra", "text", 1.0, 0, 0.0, nearest=("zero",)), QueryTerm("zebras", "title", 1.0, 0, 0.0)
    lines = await painted(view_of(terms=[(term, 0.0) for term in (found, *absent, stop, *unknown)]))
    text = "\n".join(lines)
    assert "in no title: threads, the" in text
    assert "zebra not in the index, nearest: zero" in " ".join(text.split())
    assert text.count("not in the index") == 2, "and blokc, of the query itself"


@pytest.mark.parametrize("width", [24, 40, 60, 80, 160])
async def test_no_width_breaks_a_row_and_no_text_drives_the_terminal(width: int) -> None:
    for document_id in ("d0", "d5"):
        lines = await painted(view_of(document_id), width)
        assert {sum(2 if ord(c) > 0x2E80 else 1 for c in line) for line in lines} == {width}
        text = "".join(lines)
        assert "\x1b" not in text
        assert "\u202e" not in text
    if width >= 40:
        assert "␛[31msleep" in "".join(lines)


async def test_matches_differ_from_the_text_by_more_than_colour() -> None:
    panel = DocumentPanel()
    async with workbench(panel, (80, 50)) as (app, pilot):
        panel.show(view_of())
        await pilot.pause()
        segments = [s for strip in panel.built(80) for s in strip if s.text == "sleep"]
        marked = [s for s in segments if s.style and s.style.underline]
        assert len(marked) == 1
        assert app.screen is not None


async def test_what_stands_long_before_the_best_passage_is_folded() -> None:
    text = "filler words\n" * 40 + "the needle is here"
    at = text.index("needle")
    base = trace()
    documents = {"d0": replace(base.documents["d0"], fields={"title": "t", "text": text})}
    view = document_view(replace(base, documents=documents), "d0", None, [Highlight("text", at, at + 6, "needl")])
    assert view is not None
    assert best_line(text_blocks(view.source), 78) == ("text", 40)
    panel = DocumentPanel()
    async with workbench(panel, (80, 24)) as (app, pilot):
        panel.show(view)
        panel.focus()
        await pilot.pause()
        await pilot.press("]")
        await pilot.pause()
        assert any("needle" in line for line in lines_of(app.screen))
        folded = len(panel.built(79))
        await pilot.press("enter")
        assert len(panel.built(79)) == folded + 37


async def test_a_turned_knob_leaves_the_text_as_it_was_painted() -> None:
    panel = DocumentPanel()
    first, turned = trace(), trace(changed(SETTINGS, weights={"dense": 0.1}))
    turned = replace(turned, documents=first.documents)
    async with workbench(panel) as (_, pilot):
        panel.show(document_view(first, "d0", None, HITS))
        await pilot.pause()
        before = panel.built(79)[-1].text, panel._text
        panel.show(document_view(turned, "d0", None, HITS))
        await pilot.pause()
        assert panel._text is before[1]
        assert panel.built(79)[-1].text == before[0]
        panel.show(document_view(turned, "d0", None, []))
        await pilot.pause()
        assert panel._text is not before[1]


async def test_another_document_begins_at_its_top() -> None:
    panel = DocumentPanel()
    async with workbench(panel, (60, 8)) as (app, pilot):
        panel.show(view_of("d0"))
        panel.focus()
        await pilot.pause()
        await pilot.press("end")
        await pilot.pause()
        assert panel.scroll_offset.y > 0
        panel.show(view_of("d1"))
        await pilot.pause()
        assert panel.scroll_offset.y == 0
        assert "Title of d1" in lines_of(app.screen)[0]
        panel.show(None)
        await pilot.pause()
        assert "No document" in lines_of(app.screen)[0]
