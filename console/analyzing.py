"""What ``rankscope analyze`` does: tokens by analyser, and a query's terms in an index."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from console.opening import Wanted, load_for_search, open_index
from console.output import emit, encoded, grid, json_bytes, note, number, readable
from engine.analysis import analyzers as registry
from engine.errors import IndexNotFoundError
from engine.records import Analysis
from engine.report import term_json
from engine.settings.load import Loaded
from engine.settings.schema import LexicalLeg


def analyze_text(text: str, names: Sequence[str], wanted: Wanted, *, as_json: bool) -> None:
    """Print the tokens, and the terms where there is an index. Raises ``SettingsError`` for an unknown analyser."""
    text = readable(text)
    report: dict[str, Any] = {
        "text": text,
        "analyzers": {name: _tokens(name, text) for name in names or registry.ANALYZERS},
        "index": _in_index(text, wanted),
    }
    emit(json_bytes(report) if as_json else encoded(as_table(report)))


def _tokens(name: str, text: str) -> list[dict[str, Any]]:
    return [token._asdict() for token in registry.get(name).tokens(text)]


def _in_index(text: str, wanted: Wanted) -> dict[str, Any] | None:
    """The query's terms, None where no index was named and none lies at hand."""
    try:
        loaded = load_for_search(wanted)
    except IndexNotFoundError as error:
        note(f"note: no document frequencies: {error.message}")
        return None
    documents, analysis = asyncio.run(_analysis(text, loaded))
    store = loaded.settings.store
    return {"path": store.index or store.path, "documents": documents, "terms": [*map(term_json, analysis.terms)]}


async def _analysis(text: str, loaded: Loaded) -> tuple[int, Analysis]:
    async with open_index(loaded, no_cache=True) as pipeline:
        leg = next((leg for leg in loaded.settings.legs.values() if isinstance(leg, LexicalLeg)), LexicalLeg())
        analysis = await pipeline.store.analyze(pipeline.begin(text).query, leg)
        return pipeline.store.info.documents, analysis


def as_table(report: dict[str, Any]) -> str:
    """A line of tokens per analyser, then a row per term and field."""
    rows = [[name, " | ".join(token["text"] for token in tokens)] for name, tokens in report["analyzers"].items()]
    text = grid(["analyzer", "tokens"], rows)
    index = report["index"]
    if index is None:
        return text
    terms = [
        [
            term["field"],
            term["token"],
            f"{term['weight']:g}",
            str(term["df"]),
            number(term["idf"]),
            _remark(term),
        ]
        for term in index["terms"]
    ]
    return text + "\n" + grid(["field", "term", "weight", "df", "idf", ""], terms, numeric=["weight", "df", "idf"])


def _remark(term: dict[str, Any]) -> str:
    if term["synonym_of"]:
        return f"synonym of {term['synonym_of']}"
    if term["df"]:
        return ""
    return "not in the index" + (f"; nearest: {', '.join(term['nearest'])}" if term["nearest"] else "")
