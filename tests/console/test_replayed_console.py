"""The console on a recording: lists, live sliders, the document's account, and what is greyed."""

from __future__ import annotations

from pathlib import Path

from console.views_knobs import greyed
from engine.recording import open_replay
from engine.replay import FROZEN
from engine.report import to_json
from engine.settings.schema import Settings
from tests.console.consoles import QUERY, answered, running, screen_text
from tests.corpus import WatchedStore, pipeline_on
from tests.engine.recorded_searches import recorded


async def test_the_console_shows_a_recording_and_turns_it(store: WatchedStore, tmp_path: Path) -> None:
    live = pipeline_on(store).begin(QUERY)
    shown = to_json(await live.finish(Settings()))
    await recorded(tmp_path / "r", live, settings=Settings(), texts=20)
    replay = open_replay(tmp_path / "r")
    async with running(replay, query=QUERY) as (app, pilot):
        await answered(app, pilot)
        session = app.main.session
        assert session is not None
        assert session.trace is not None
        assert to_json(session.trace) == shown
        assert shown["results"][0]["title"] in screen_text(app)
        details = await session.details("timer")
        assert details.document is not None
        assert "number of seconds" in details.document.text_of("text")
        assert details.highlights
        assert details.terms
        turned = session.turn("weights.dense", 0.05)
        assert turned is not None
        assert to_json(turned) == to_json(live.turn(session.settings))
        assert not session.unsettled
        reasons = greyed(session.settings, replay.store.info)
        assert reasons["legs.lexical.k1"] == reasons["legs.lexical.fields.title"] == FROZEN
        app.main.ask("nix")
        await answered_with(app, pilot, "is not in the recording")


async def answered_with(app, pilot, text: str) -> None:  # type: ignore[no-untyped-def]
    from tests.console.consoles import until

    await until(pilot, lambda: text in screen_text(app))
