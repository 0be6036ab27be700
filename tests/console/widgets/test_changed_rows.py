"""What a widget asks to have painted again: the rows that changed, and never the layout of the whole screen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.geometry import Region
from textual.screen import Screen

from console.views import views
from console.views_document import document_view
from console.widgets.document_panel import DocumentPanel
from console.widgets.result_list import ResultList
from engine.records import RerankScores
from tests.console.consoles import until
from tests.console.widgets.bench_app import lines_of, trace, workbench


@pytest.fixture
def layouts(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows with every layout of a screen."""
    done: list[None] = []
    lay_out = Screen._refresh_layout

    def counted(self: Screen[object], *args: object, **kwargs: object) -> None:
        done.append(None)
        lay_out(self, *args, **kwargs)

    monkeypatch.setattr(Screen, "_refresh_layout", counted)
    return done


async def test_a_longer_document_moves_nothing_but_the_thumb(layouts: list[None]) -> None:
    panel, base = DocumentPanel(), trace()
    longer = {**base.documents, "d2": replace(base.documents["d2"], fields={"title": "T", "text": "word " * 4000})}
    async with workbench(panel, (60, 12)) as (app, pilot):
        panel.show(document_view(base, "d1", None, (), ()))
        await until(pilot, lambda: "Title of d1" in "\n".join(lines_of(app.screen)))
        layouts.clear()
        panel.show(document_view(replace(base, documents=longer), "d2", None, (), ()))
        await until(pilot, lambda: "Title of d1" not in "\n".join(lines_of(app.screen)))
        assert panel.max_scroll_y == panel.virtual_size.height - panel.size.height > 300
        assert panel.vertical_scrollbar.window_virtual_size == panel.virtual_size.height
        panel.action_edge(1)
        assert panel.scroll_y == panel.max_scroll_y
        panel.show(document_view(base, "d2", None, (), ()))
        assert panel.scroll_y <= panel.max_scroll_y < 300
        assert not layouts


async def test_more_scores_repaint_the_rows_that_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    def lowest_falls(given: RerankScores) -> None:
        given.raw[given.raw == -1.0] = -1.5  # so that, of the normalised scores, the one in the middle rises

    shown = ResultList("reranked")
    async with workbench(shown, (60, 12)) as (app, pilot):
        shown.show(views(trace(), 1)[1], "d0")
        await until(pilot, lambda: "Title of d0" in "\n".join(lines_of(app.screen)))
        asked: list[tuple[Region, ...]] = []
        monkeypatch.setattr(shown, "refresh", lambda *regions, **_: asked.append(regions))
        shown.show(views(trace(), 2)[1], "d0")
        assert asked == []
        shown.show(views(trace(change=lowest_falls), 3)[1], "d0")
        assert [[region.y for region in regions] for regions in asked] == [[0]]
