"""The status chip says what really ran."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.messages import ActionRequested
from console.searching import trouble
from console.views_status import scored, status_view
from console.widgets.status_chip import StatusChip
from engine.analysis.query import Query
from engine.ranking import Weighting, rank
from engine.records import CandidatePool, Outcome, RerankerInfo, RerankScores, Status
from engine.settings.schema import DenseLeg
from engine.trace import Trace
from tests.console.widgets.bench_app import SETTINGS, lines_of, stage, stages, trace, workbench
from tests.corpus import changed

THREE_LEGS = changed(SETTINGS, legs={"titles": DenseLeg()}, weights={"titles": 0.2})


def empty(settings: object = SETTINGS) -> Trace:
    base = trace()
    pool = CandidatePool.empty(base.pool.legs)
    return replace(base, pool=pool, rerank=RerankScores.none(0), ranking=rank(pool, None, Weighting.of(base.settings)))


def leg_failed(base: Trace, *names: str) -> Trace:
    failed = tuple(stage(name, 0, 5, Outcome(Status.FAILED, reason="http", text="503 from search")) for name in names)
    return replace(base, stages=(*[s for s in stages() if s.name not in names], *failed))


@pytest.mark.parametrize(
    ("answer", "mark", "text"),
    [
        (trace(), "✓", "reranked 3/3 in 46 ms · minilm"),
        (
            trace(rerank=Outcome(Status.PARTIAL, 2, 3, "budget", "budget 800 ms")),
            "◐",
            "reranked 3/3, then: budget 800 ms",
        ),
        (
            trace(rerank=Outcome(Status.PARTIAL, 3, 3, "fallback", "term instead: Cohere needs a key")),
            "◐",
            "reranked 3/3 by term instead: Cohere needs a key",
        ),
        (trace(rerank=Outcome(Status.FAILED, 0, 3, "http", "401 from cohere")), "✗", "fused only: 401 from cohere"),
        (trace(changed(SETTINGS, rerank={"enabled": False})), "–", "fused only (rerank off)"),
        (empty(), "∅", "no hits"),
        (leg_failed(trace(), "dense"), "✗", "dense failed: 503 from search · reranked 3/3 in 46 ms · minilm"),
        (
            leg_failed(replace(trace(), settings=THREE_LEGS), "dense", "titles"),
            "✗",
            "dense, titles failed: 503 from search · reranked 3/3 in 46 ms · minilm",
        ),
        (leg_failed(empty(), "lexical", "dense"), "✗", "no leg answered: 503 from search"),
        (replace(trace(), query=Query.plain("  ")), "·", "blank query: nothing was asked"),
        (None, "·", "no query yet"),
    ],
    ids=[
        "ok",
        "partial",
        "stand-in",
        "failed",
        "off",
        "no hits",
        "leg failed",
        "one cause",
        "no leg",
        "blank",
        "first",
    ],
)
def test_the_chip_says_what_ran(answer: Trace | None, mark: str, text: str) -> None:
    view = status_view(answer)
    assert (view.mark, view.text) == (mark, text)


def test_a_query_that_could_not_be_embedded_is_told_once() -> None:
    failed = Outcome(Status.FAILED, reason="rejected", text="401 from the embedder", hint="set the key")
    told = replace(trace(), stages=(*stages()[:1], stage("embed", 0, 3, failed), stage("dense", 3, 3, failed)))
    assert trouble(told) == ["dense failed: 401 from the embedder → set the key"]


def test_what_is_under_way_comes_first() -> None:
    assert status_view(trace(), "reranking 32/50").text == "reranking 32/50"
    assert status_view(None, True).text == "searching"


def test_newcomers_without_a_score_are_counted() -> None:
    base = trace(changed(SETTINGS, rerank={"top_n": 5}))
    assert scored(base) == (3, 5)
    view = status_view(base)
    assert (view.mark, view.text) == ("◐", "reranked 3/5, 2 new unscored · minilm")


def test_the_detail_has_a_line_per_leg_and_the_warnings() -> None:
    detail = status_view(replace(trace(), warnings=("scores are equal",))).detail
    assert detail[0] == "lexical: ok 6/6 in 8.5 ms, 40 match"
    assert detail[-1] == "scores are equal"
    assert any(line.startswith("  by local · minilm") for line in detail)


def test_the_detail_says_where_a_service_was_asked_and_what_it_took() -> None:
    info = RerankerInfo("jina", "v3", url="https://api.jina.ai/v1/rerank", usage={"tokens": 8577, "usd": 0.0004})
    detail = status_view(replace(trace(), reranker=info)).detail
    assert detail[-2:] == ("  at https://api.jina.ai/v1/rerank", "  used 8,577 tokens · 0.0004 $")


async def test_a_narrow_chip_says_the_short_form_and_a_click_asks_for_all() -> None:
    chip = StatusChip()
    async with workbench(chip, (24, 3)) as (app, pilot):
        chip.show(leg_failed(trace(), "dense"))
        await pilot.pause()
        assert lines_of(app.screen)[0].strip() == "✗ dense failed"
        await pilot.click(chip)
        assert app.posted == [ActionRequested("status")] or [m.name for m in app.posted] == ["status"]  # type: ignore[attr-defined]
