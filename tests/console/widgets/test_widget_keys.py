"""Every widget's keys can be changed by the user's key map, and no two of them meet."""

from __future__ import annotations

import pytest
from textual.binding import Binding
from textual.widget import Widget

from console.keymap import WIDGET_KEYS
from console.widgets.document_panel import DocumentPanel
from console.widgets.empty import EmptyState
from console.widgets.knob_panel import KnobPanel
from console.widgets.query_line import QueryLine
from console.widgets.result_list import ResultList

WIDGETS: tuple[type[Widget], ...] = (ResultList, QueryLine, KnobPanel, DocumentPanel, EmptyState)


def bindings(widget: type[Widget]) -> list[Binding]:
    found = [binding for binding in widget.BINDINGS if isinstance(binding, Binding)]
    assert len(found) == len(widget.BINDINGS)
    return found


def test_the_key_map_knows_every_key_of_a_widget() -> None:
    ids = [binding.id for widget in WIDGETS for binding in bindings(widget) if binding.id]
    assert sorted(ids) == sorted(WIDGET_KEYS)


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget.__name__)
def test_no_key_of_a_widget_does_two_things(widget: type[Widget]) -> None:
    keys = [key for binding in bindings(widget) for key in binding.key.split(",")]
    assert len(keys) == len(set(keys))
    assert all(binding.description for binding in bindings(widget) if binding.id)
