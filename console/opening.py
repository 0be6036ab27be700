"""From what was said on the command line to loaded settings and an opened index."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING

from console.locations import Locations, locations, made, sample_configs_dir
from console.output import note
from engine.errors import IndexNotFoundError, UsageError
from engine.settings.load import Loaded, load
from engine.settings.merge import SourceKind
from engine.settings.paths import quote

if TYPE_CHECKING:
    from engine.pipeline import Pipeline

LOCAL_INDEX = Path("index")
DEMO_DATA = "python-docs"
_MANIFEST = "rankscope-index.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the options -c, --index, --set, --filter, --no-cache, --recording, --data, --offline and --yes say."""

    config: Path | None = None
    index: Path | None = None
    sets: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    no_cache: bool = False
    recording: Path | None = None
    data: str = ""
    offline: bool = False
    yes: bool = False

    @property
    def named(self) -> bool:
        """Whether anything was said of what to search."""
        return replace(self, data="", offline=False, yes=False) != Wanted()


def load_settings(wanted: Wanted, places: Locations | None = None) -> Loaded:
    """The settings of one command, from every layer. Raises ``SettingsError`` and ``UsageError``."""
    places = places or locations()
    sets = [*wanted.sets, *filter_sets(wanted.filters)]
    if wanted.index is not None:
        sets.append(f"store.path={os.path.abspath(wanted.index)}")
    if wanted.offline:
        sets.append("remote.offline=true")
    return load(places.settings_file, wanted.config, os.environ, sets)


def load_for_search(wanted: Wanted, places: Locations | None = None) -> Loaded:
    """The same, with an index that exists where none was named: ``./index``, else the demo's; or with a recording. A
    dense leg whose embedder nobody named has the index's own.

    Raises ``IndexNotFoundError`` where there is neither, ``RecordingError`` for a recording that cannot be opened.
    """
    places = places or locations()
    if wanted.recording is not None:
        from console.replaying import load_recorded

        return load_recorded(wanted.recording, wanted, places)
    loaded = load_settings(wanted, places)
    if wanted.config is not None or loaded.explicit("store.path") or loaded.explicit("store.kind"):
        return _with_its_embedder(loaded, wanted, places)
    if (LOCAL_INDEX / _MANIFEST).exists():
        wanted = _with_index(wanted, LOCAL_INDEX)
        return _with_its_embedder(load_settings(wanted, places), wanted, places)
    if demo_is_built(places):
        note("note: no index was named; this is the demo, Python's documentation (--index DIR or -c FILE name another)")
        return load_settings(replace(wanted, config=demo_settings(places)), places)
    raise IndexNotFoundError(
        f"no index was named, and there is none at {LOCAL_INDEX.absolute()}",
        hint="name one with --index DIR or -c FILE, build one with `rankscope index`, or try `rankscope demo`",
    )


def _with_its_embedder(loaded: Loaded, wanted: Wanted, places: Locations) -> Loaded:
    """The settings with the index's own embedder, at its own revision, where none was named."""
    if loaded.settings.store.kind != "embedded":
        return loaded
    import msgspec

    from engine.embedders.local import pinned
    from engine.settings.schema import DenseLeg
    from engine.stores.embedded.schema import read_manifest

    folder = loaded.base_dir / Path(loaded.settings.store.path).expanduser()
    legs = [name for name, leg in loaded.settings.legs.items() if isinstance(leg, DenseLeg)]
    open_ = [name for name in legs if not loaded.explicit(f"legs.{name}.embedder")]
    if not open_ or not (folder / _MANIFEST).exists():
        return loaded
    built = read_manifest(folder).spec.embedding
    if built is None or built.name == DenseLeg().embedder:
        return loaded
    name = msgspec.json.encode(pinned(built.name, built.revision)).decode()
    sets = (*(f"legs.{quote(leg)}.embedder={name}" for leg in open_), *wanted.sets)
    return load_settings(replace(wanted, sets=sets), places)


def _with_index(wanted: Wanted, index: Path) -> Wanted:
    return replace(wanted, index=index)


def filter_sets(filters: Iterable[str]) -> list[str]:
    """``--filter`` as assignments of settings: a field named twice takes either value. Raises ``UsageError``."""
    values: dict[str, list[str]] = {}
    for text in filters:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"--filter {text}: there is no value", hint="write --filter FIELD=VALUE")
        values.setdefault(name, []).append(value)
    return [f"filter.{quote(name)}={_either(found)}" for name, found in values.items()]


def _either(values: Sequence[str]) -> str:
    """One value as it was typed, a date as text; several as a TOML list of texts."""
    if len(values) > 1:
        return f"[{', '.join(map(_basic_string, values))}]"
    try:
        typed: object = tomllib.loads(f"value = {values[0]}")["value"]
    except tomllib.TOMLDecodeError:
        typed = None
    return _basic_string(values[0]) if isinstance(typed, (date, time)) else values[0]


def _basic_string(text: str) -> str:
    import msgspec

    return msgspec.json.encode(text).decode()


def open_index(loaded: Loaded, *, no_cache: bool = False) -> Pipeline:
    """The pipeline on the settings' index, or on their recording. Raises ``StoreError`` and ``SettingsError``."""
    from console.replaying import RecordedSettings
    from engine.api import open_pipeline

    if isinstance(loaded, RecordedSettings):
        return loaded.pipeline()
    from console.resident import keep

    explicit = [name for name, source in loaded.sources.items() if source.kind is not SourceKind.DEFAULT]
    cache = None if no_cache else locations().cache
    pipeline = open_pipeline(
        loaded.settings, loaded.base_dir, cache_dir=cache, ledger=locations().calls_file, explicit=explicit
    )
    if pipeline.resources.local is not None:
        keep(pipeline.resources.local, locations().cache)
    return pipeline


def demo_is_built(places: Locations) -> bool:
    return (places.demo_index / _MANIFEST).exists()


def demo_settings(places: Locations) -> Path:
    """The demo's settings file, the user's own copy, so that it can be saved to; written when it is missing."""
    file = places.config / "demo.toml"
    if not file.exists():
        import tomlkit

        from engine.files import write_atomically

        document = tomlkit.parse((sample_configs_dir() / "demo.toml").read_text(encoding="utf-8"))
        document["store"]["path"] = str(places.demo_index)
        made(places.config)
        write_atomically(file, tomlkit.dumps(document))
    return file


def judged_data(wanted: Wanted, loaded: Loaded, places: Locations) -> str:
    """Where the console's queries and judgments are: what was named, the demo's for the demo, '' the index's own."""
    store = loaded.settings.store
    demo = store.kind == "embedded" and loaded.base_dir / store.path == places.demo_index
    return wanted.data or (DEMO_DATA if demo else "")


def last_wanted(places: Locations) -> Wanted | None:
    """What the console was opened with last, None where that was never, or is gone."""
    import msgspec

    try:
        raw = msgspec.json.decode(_last_file(places).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return None
    config, index, data = (raw.get(name, "") for name in ("config", "index", "data"))
    if (config and not Path(config).exists()) or (index and not Path(index).exists()) or not (config or index):
        return None
    return Wanted(Path(config) if config else None, Path(index) if index else None, data=data)


def remember(wanted: Wanted, places: Locations) -> None:
    """Keep what the console was opened with, for ``rankscope`` without a command."""
    import msgspec

    from engine.files import write_atomically

    raw = {
        name: os.path.abspath(path)
        for name, path in (("config", wanted.config), ("index", wanted.index))
        if path is not None
    }
    if wanted.data:
        raw["data"] = os.path.abspath(wanted.data) if Path(wanted.data).exists() else wanted.data
    made(places.data)
    write_atomically(_last_file(places), msgspec.json.encode(raw).decode() + "\n")


def _last_file(places: Locations) -> Path:
    return places.data / "last.json"
