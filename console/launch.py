"""What the console is started with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.pipeline import Pipeline
    from engine.settings.load import Loaded


@dataclass(frozen=True, slots=True)
class Launch:
    """``open_index`` is called off the loop once the first frame stands, and again for a newer generation.

    examples queries to offer before the first; none: those of the judgments
    query    asked as soon as the index is open
    history  file of earlier queries, None keeps none
    data     where queries and judgments are, a folder or ``python-docs``; '' takes those of the index
    judgments  the user's folder of judgments, None keeps none
    agreements  file of what may be sent to services, None keeps none
    keymap   the user's keys by action
    themes   folders of theme files, a later one before an earlier one
    theme    name of the theme, '' for the default
    notices  sentences for the message line, as of a key map that cannot be used
    log      the log file, named where a fault is shown
    settled  called once, when screen and index stand
    """

    loaded: Loaded
    open_index: Callable[[], Pipeline]
    query: str = ""
    examples: tuple[str, ...] = ()
    history: Path | None = None
    data: str = ""
    judgments: Path | None = None
    agreements: Path | None = None
    keymap: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    themes: tuple[Path, ...] = ()
    theme: str = ""
    notices: tuple[str, ...] = ()
    log: Path | None = None
    settled: Callable[[], None] = lambda: None
