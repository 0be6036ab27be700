"""Before the console: the demo's index, what was open last, and the way into the application."""

from __future__ import annotations

from functools import partial

from console.locations import locations, made
from console.opening import (
    Wanted,
    demo_is_built,
    demo_settings,
    judged_data,
    last_wanted,
    load_for_search,
    open_index,
    remember,
)
from console.output import note
from engine.settings.load import load


def build_demo(*, rebuild: bool = False) -> Wanted:
    """What opens the demo, with its index built where that is missing."""
    places = locations()
    settings = demo_settings(places)
    if rebuild or not demo_is_built(places):
        from console.indexing import IndexWish, build
        from engine.ingest import python_docs
        from engine.ingest.registry import open_source

        note("building the demo's index: the documentation inside this Python")
        source = open_source(python_docs.NAME)
        build(source, made(places.demo_index), load(file=settings), python_docs.NAME, IndexWish(places.demo_index))
    return Wanted(settings)


def last() -> Wanted | None:
    """What the console was opened with last, None for nothing, or what is gone."""
    return last_wanted(locations())


def open_console(wanted: Wanted, *, theme: str = "") -> None:
    """Run the console until it is left, and again where it names other settings. Raises ``UsageError`` where there is
    no terminal."""
    from console.app import run_app

    places = locations()
    following: Wanted | None = wanted
    while following is not None:
        wanted = following
        loaded = load_for_search(wanted)
        if wanted.recording is None:
            remember(wanted, places)
        file = run_app(loaded, partial(open_index, loaded), theme=theme, data=judged_data(wanted, loaded, places))
        following = Wanted(file, offline=wanted.offline) if file else None
