"""A search as curl commands: keys are variables of the shell."""

from __future__ import annotations

import re
import shlex

from engine.export import access, render
from engine.export.base import Export, Request
from engine.settings.schema import StoreSettings

_MARK = "\ue000{}\ue001"
"""Around a variable's name while the body is quoted: private characters, which ``export`` keeps out of queries."""


def text(export: Export, store: StoreSettings) -> str:
    """The commands, the setup's first."""
    if export.engine == "ragflow":
        base, options = '"$RAGFLOW_URL"', ['-H "Authorization: Bearer $RAGFLOW_API_KEY"']
    else:
        base, options = shlex.quote(access.address(store)), _options(store, export.engine)
    return "\n".join(_command(each, base, options) for each in (*export.setup, export.search))


def _command(request: Request, base: str, options: list[str]) -> str:
    lines = [
        f"curl -sS -X {request.method} {base}{shlex.quote(request.path)}",
        *options,
        "-H 'Content-Type: application/json'",
        f"-d {_data(request)}",
    ]
    comment = f"# {request.why}\n" if request.why else ""
    return comment + " \\\n  ".join(lines) + "\n"


def _data(request: Request) -> str:
    """The body in single quotes, its variables in double ones between them."""
    quoted = shlex.quote(render.as_json(request.body, _MARK))
    return re.sub(_MARK.format(r"(\w+)"), lambda found: f"'\"${found[1]}\"'", quoted)


def _options(store: StoreSettings, engine: str) -> list[str]:
    way, user, name = access.signing_in(store, engine)
    signed = {
        "api_key": [f'-H "Authorization: ApiKey ${name}"'],
        "bearer": [f'-H "Authorization: Bearer ${name}"'],
        "basic": [f'-u {shlex.quote(user + ":")}"${name}"'],
        "": [],
    }[way]
    return [*signed, *([f"--cacert {shlex.quote(store.ca_file)}"] if store.ca_file else [])]
