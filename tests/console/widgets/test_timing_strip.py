"""The timing strip: one line, the waterfall, progress, failures."""

from __future__ import annotations

import pytest

from console.views_timing import fold, labels_of, lanes_of, waterfall
from console.widgets.timing_strip import TimingStrip
from engine.records import Outcome, Status
from tests.console.widgets.bench_app import lines_of, stage, stages, workbench

LEGS = ("lexical", "dense")


async def shown(width: int = 80, *, expanded: bool = False, **view: object) -> list[str]:
    strip = TimingStrip()
    async with workbench(strip, (width, 20)) as (app, pilot):
        strip.expanded = expanded
        strip.show(**({"stages": stages(), "legs": LEGS} | view))  # type: ignore[arg-type]
        await pilot.pause()
        return lines_of(app.screen)


async def test_one_line_has_every_stage_that_matters_and_the_total() -> None:
    line = (await shown())[0]
    assert len(line) == 80
    for part in ("lexical█", "dense█", "rerank█", "60 ms"):
        assert part in line


async def test_short_stages_are_folded_with_their_time_where_there_is_no_room() -> None:
    narrow, wide = (await shown(60))[0], (await shown(160))[0]
    assert "+" in narrow
    assert "analyse" not in narrow
    assert "analyse" in wide
    assert "fuse" in wide


async def test_a_longer_stage_has_a_longer_bar() -> None:
    line = (await shown())[0]
    assert line.split("rerank")[1].count("█") > 3 * line.split("lexical")[1].split("dense")[0].count("█")


async def test_a_stage_under_way_grows_and_shows_its_progress() -> None:
    view = {"stages": stages()[:5], "running": {"rerank": 14.2}, "said": {"rerank": "32/50"}}
    early, late = (await shown(**view, now_ms=20.0))[0], (await shown(**view, now_ms=200.0))[0]
    assert "32/50" in early
    assert "20 ms" in early
    assert "200 ms" in late
    assert late.split("rerank")[1].count("█") > early.split("rerank")[1].count("█")


async def test_a_failed_stage_is_marked_by_a_sign() -> None:
    failed = [*stages()[:3], stage("dense", 3, 14, Outcome(Status.FAILED, reason="http", text="503"))]
    assert "dense✗" in (await shown(stages=failed))[0]


async def test_a_leg_without_the_query_s_vector_points_to_the_embedder() -> None:
    failed = Outcome(Status.FAILED, reason="rejected", text="401 from the embedder")
    lines = await shown(140, expanded=True, stages=[stage("embed", 0, 3, failed), stage("dense", 3, 3, failed)])
    assert sum("401 from the embedder" in line for line in lines) == 1
    assert any(line.split()[0] == "dense" and "✗ no query vector" in line for line in lines)


async def test_the_waterfall_says_when_how_long_where_and_how_it_ended() -> None:
    lines = await shown(expanded=True, stages=stages(Outcome(Status.PARTIAL, 16, 50, "budget", "budget 800 ms")))
    text = "\n".join(lines)
    by_name = {line.split()[0]: line for line in lines if line.split()}
    assert "+14" in by_name["rerank"]
    assert "46 ms" in by_name["rerank"]
    assert "◐ 16/50, bud" in by_name["rerank"]
    assert "▓" in next(line for line in lines if "top k" in line)
    assert by_name["lexical"].index("█") < by_name["dense"].index("█") < by_name["rerank"].index("█")
    assert "in all" in text


@pytest.mark.parametrize(("width", "when"), [(46, False), (90, True)])
async def test_a_narrow_waterfall_leaves_out_when_and_cuts_no_count(width: int, when: bool) -> None:
    scored = Outcome(Status.OK, 1024, 1024)
    lines = await shown(width, expanded=True, stages=stages(scored))
    by_name = {line.split()[0]: line for line in lines if line.split()}
    assert by_name["rerank"].rstrip().endswith("46 ms  thread  ✓ 1024/1024" if when else "46 ms  ✓ 1024/1024")
    assert ("+14" in by_name["rerank"]) is when
    assert "…" not in "".join(lines)


async def test_before_the_first_query_it_says_so() -> None:
    assert "no query yet" in (await shown(stages=()))[0]


def test_where_labels_leave_no_room_they_are_cut_before_the_bars_the_legs_last() -> None:
    slow = [stage("analyse", 0, 30), *stages()[2:4], stage("rerank", 30, 60)]
    bars = waterfall(slow, {}, 0, {}, LEGS).bars
    assert set(labels_of(bars, 80).values()) == {"analyse", "lexical", "dense", "rerank"}
    assert set(labels_of(bars, 44).values()) == {"ana", "lexical", "dense", "rerank"}
    assert set(labels_of(bars, 26).values()) == {"ana", "lex", "den", "rer"}


async def test_a_narrow_strip_still_has_bars() -> None:
    line = (await shown(30))[0]
    assert "rer█" in line
    assert "60 ms" in line


def test_a_stage_that_ran_again_is_shown_once_as_it_ran_last() -> None:
    view = waterfall((*stages(), stage("rerank", 60, 75)), {}, 0, {}, LEGS)
    assert [(b.start_ms, b.end_ms) for b in view.bars if b.name == "rerank"] == [(60, 75)]


def test_legs_and_the_reranker_are_never_folded() -> None:
    view = waterfall(stages(), {}, 0, {}, LEGS)
    shown_bars, folded = fold(view.bars, 20)
    assert {b.name for b in shown_bars} == {"lexical", "dense", "rerank"}
    assert {b.name for b in folded} == {"analyse", "embed", "fuse", "cut"}


def test_stages_that_overlap_lie_in_two_lanes() -> None:
    above, below = lanes_of(waterfall(stages(), {}, 0, {}, LEGS).bars)
    assert "lexical" in {b.name for b in below}
    assert "dense" in {b.name for b in above}


@pytest.mark.parametrize("width", [12, 30, 200])
async def test_no_width_breaks_it(width: int) -> None:
    for expanded in (False, True):
        assert all(len(line) == width for line in await shown(width, expanded=expanded))
