"""What can be copied: a document's account as JSON, the lists as Markdown, the search as a shell command. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.report import result_json
from engine.settings import knobs
from engine.settings.paths import join

if TYPE_CHECKING:
    from engine.settings.load import Loaded
    from engine.settings.schema import Settings
    from engine.trace import Trace

ROWS = 50
"""Longest table that is copied, where more results are asked for."""


def document_json(trace: Trace, document_id: str) -> str:
    """A pool document as ``search -o json`` has it among its results, and its stored fields as far as they are here."""
    account = result_json(trace, trace.pool.ids.index(document_id))
    document = trace.documents.get(document_id)
    if document is not None:
        account["document"] = dict(document.fields)
    return json.dumps(account, ensure_ascii=False, indent=2)


def lists_markdown(trace: Trace) -> str:
    """Query and settings in a line, and both lists as one table down to the last result."""
    ranking, settings = trace.ranking, trace.settings
    weights = ", ".join(f"{leg} {weight:g}" for leg, weight in settings.weights.items())
    rerank = f"{settings.rerank.provider} over {settings.rerank.top_n}" if settings.rerank.enabled else "off"
    lines = [
        f"**{_cell(trace.query.text)}** · {settings.fusion.combiner}, {weights} · rerank {rerank}",
        "",
        "| # | fused | score | reranked | score | moved |",
        "|--:|---|--:|---|--:|--:|",
    ]
    count = min(settings.cut.offset + settings.cut.top_k, ROWS, len(ranking.order))
    for place, (fused, final) in enumerate(zip(ranking.fused_order[:count], ranking.order[:count], strict=False), 1):
        moved = int(ranking.fused_rank[final]) - place
        lines.append(
            f"| {place} | {_title(trace, int(fused))} | {ranking.fused_score[fused]:.3f} "
            f"| {_title(trace, int(final))} | {ranking.score[final]:.3f} | {f'{moved:+d}' if moved else '='} |"
        )
    return "\n".join(lines) + "\n"


def _title(trace: Trace, row: int) -> str:
    document_id = trace.pool.ids[row]
    document = trace.documents.get(document_id)
    return _cell(document.title if document else document_id)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def command(loaded: Loaded, settings: Settings, query: str) -> str:
    """The ``rankscope search`` command that does the same without the console; a key or a password that is written out
    in the settings is to be filled in."""
    words = ["rankscope", "search", query]
    if loaded.file is not None:
        words += ["-c", str(Path(loaded.file).absolute())]
    for name, value in _differences(loaded.settings, settings):
        words += ["--set", f"{name}={_toml(value)}"]
    return shlex.join(words)


def _differences(saved: Settings, now: Settings) -> Iterator[tuple[str, Any]]:
    """Names and values that the live settings have otherwise than the file."""
    before = {join(keys): value for keys, value, _ in knobs.leaves(saved)}
    for keys, value, _ in knobs.leaves(now):
        name = join(keys)
        if name not in before or before[name] != value:
            yield name, knobs.shown(now, name)


def _toml(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
