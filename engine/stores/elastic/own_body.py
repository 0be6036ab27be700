"""A query body of the user's own: a JSON file as for ``_search``, with ``{{query}}`` where the words belong.

It is read anew for every search, so that an edit counts at once; the first time when the settings are opened.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.errors import SettingsError
from engine.stores.elastic.bodies import KEPT

QUERY = "{{query}}"
FINDS = ("query", "knn", "retriever")
"""What makes a body find anything."""


def read_body(base_dir: Path, file: str, leg: str) -> dict[str, Any]:
    """The file's object. Raises ``SettingsError`` with the place in it where it is missing, no JSON object, finds
    nothing, or has no ``{{query}}`` in what finds."""
    where, path = f"legs.{leg}.body", base_dir / Path(file).expanduser()
    try:
        text = path.read_text(encoding="utf-8-sig")
        body = json.loads(text)
    except OSError as error:
        hint = (
            f"it is looked for beside the settings file: {base_dir.absolute()}" if not Path(file).is_absolute() else ""
        )
        raise SettingsError(f"{where}: cannot read {path}: {error.strerror}", path=where, hint=hint) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{where}: {path} is no UTF-8 text: byte {error.start}", path=where) from None
    except json.JSONDecodeError as error:
        place = f"{path}, line {error.lineno}, column {error.colno}"
        raise SettingsError(
            f"{where}: {place}: no JSON: {error.msg}", path=where, hint=_mend(text, error.pos)
        ) from None
    if not isinstance(body, dict):
        raise SettingsError(
            f"{where}: {path} holds no JSON object", path=where, hint='write {"query": …} as for _search'
        )
    return checked(body, str(path), where)


def checked(body: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    """The body. Raises ``SettingsError`` where it finds nothing, or asks the same whatever the query is."""
    if not body.keys() & set(FINDS):
        raise SettingsError(f"{where}: {name} has no query", path=where, hint='write {"query": …} as for _search')
    if not any(QUERY in json.dumps(body[key]) for key in KEPT if key in body):
        hint = f'write "{QUERY}" in it where the words of the query belong'
        raise SettingsError(f"{where}: {name} has no place for the query", path=where, hint=hint)
    return body


def _mend(text: str, at: int) -> str:
    """The way out, by what stands where JSON ends."""
    if text.startswith(QUERY, at) or text.startswith(QUERY, max(at - 1, 0)):  # its first brace passes for an object
        return f'"{QUERY}" belongs into quotation marks: it stands for text'
    return "the engine's own console, or `python -m json.tool FILE`, shows it as well"
