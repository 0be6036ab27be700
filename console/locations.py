"""Where things lie: the user's own files by platformdirs, the files that come with the program.

``RANKSCOPE_HOME`` moves all of the user's into one folder. Nothing is made before it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import SettingsError

NAME = "rankscope"
VARIABLE = "RANKSCOPE_HOME"
_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Locations:
    """The user's four folders; none of them need exist.

    config  settings.toml, keymap.toml, themes/
    data    indexes/, judgments/, history, the account of calls to services, what may be sent to them
    cache   rerank scores and query embeddings; may be deleted at any time
    log     the log file
    """

    config: Path
    data: Path
    cache: Path
    log: Path

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.toml"

    @property
    def keymap_file(self) -> Path:
        return self.config / "keymap.toml"

    @property
    def user_themes(self) -> Path:
        return self.config / "themes"

    @property
    def indexes(self) -> Path:
        return self.data / "indexes"

    @property
    def demo_index(self) -> Path:
        return self.indexes / "demo"

    @property
    def judgments(self) -> Path:
        return self.data / "judgments"

    @property
    def history_file(self) -> Path:
        return self.data / "history.jsonl"

    @property
    def calls_file(self) -> Path:
        """The account of calls to services."""
        return self.data / "calls.sqlite3"

    @property
    def agreements_file(self) -> Path:
        """What may be sent to which service."""
        return self.data / "agreements.json"

    @property
    def log_file(self) -> Path:
        return self.log / "rankscope.log"


def locations(environ: Mapping[str, str] | None = None) -> Locations:
    """The user's folders, all below ``RANKSCOPE_HOME`` where that is set."""
    home = (os.environ if environ is None else environ).get(VARIABLE, "").strip()
    if home:
        root = Path(os.path.abspath(Path(home).expanduser()))
        return Locations(root / "config", root / "data", root / "cache", root / "log")
    import platformdirs

    return Locations(
        platformdirs.user_config_path(NAME, appauthor=False),
        platformdirs.user_data_path(NAME, appauthor=False),
        platformdirs.user_cache_path(NAME, appauthor=False),
        platformdirs.user_log_path(NAME, appauthor=False),
    )


def made(folder: Path) -> Path:
    """The folder, made if it is missing. Raises ``SettingsError`` where it cannot be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error.strerror or str(error)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(folder, "it is not writable")
    return folder


def _unusable(folder: Path, reason: str) -> SettingsError:
    return SettingsError(
        f"cannot use the folder {folder}: {reason}",
        hint=f"mend its permissions, or set {VARIABLE} to a folder of yours",
    )


def themes_dir() -> Path:
    """The themes that come with the program."""
    return _shipped("themes")


def sample_configs_dir() -> Path:
    """The sample settings that come with the program."""
    return _shipped("sample_configs")


def _shipped(name: str) -> Path:
    """A wheel has the folder inside the package (``NAME_data``), a checkout beside it."""
    inside = _PACKAGE / f"{name}_data"
    return inside if inside.is_dir() else _PACKAGE.parent / name
