"""A recording in the place of an index."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from console.locations import Locations
from console.opening import Wanted, filter_sets, load_settings
from engine.errors import UsageError
from engine.settings.load import Loaded, set_layers
from engine.settings.merge import Layer, Source, SourceKind, merge

if TYPE_CHECKING:
    from engine.pipeline import Pipeline
    from engine.recording import Recording


@dataclass(frozen=True, slots=True)
class RecordedSettings(Loaded):
    """The settings that a recording is looked at with."""

    recording: Recording | None = None

    def pipeline(self) -> Pipeline:
        """What answers from the recording."""
        from engine.recording import Replay

        assert self.recording is not None
        return Replay(self.recording)


def load_recorded(path: Path, wanted: Wanted, places: Locations) -> RecordedSettings:
    """The settings as they were recorded, with ``--set`` and ``--filter`` on top; with ``-c`` those of that file.

    The user's own file and the environment stay out of it, so that a recording shows what was shown. Raises
    ``RecordingError`` and ``SettingsError``.
    """
    from engine.recording import open_recording

    recording = open_recording(path)
    if wanted.config is not None:
        loaded = load_settings(replace(wanted, recording=None), places)
        return RecordedSettings(
            loaded.settings, loaded.sources, loaded.file, loaded.base_dir, loaded.digest, loaded.below, recording
        )
    sets = [*wanted.sets, *filter_sets(wanted.filters)]
    if not sets:
        return RecordedSettings(recording.settings, recording=recording)
    recorded = Layer(Source(SourceKind.FILE, str(path)), recording.settings_tree)
    settings, sources = merge([recorded, *set_layers(sets, [recorded])])
    return RecordedSettings(settings, sources, recording=recording)


def only_query(path: Path) -> str:
    """The text of a recording's single query. Raises ``UsageError`` where it has several."""
    from engine.recording import open_replay

    replay = open_replay(path)
    if len(replay.queries) != 1:
        raise UsageError(f"{path} has {len(replay.queries)} queries: name one", hint=f"it has {replay.listing}")
    return replay.queries[0]
