"""What goes to stdout and what to stderr. The same bytes into a terminal, a file and a pipe.

A *report* is the plain tree of ``engine.report.to_json``: the table is one rendering of it, so that it can never say
anything that the JSON does not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from console.text import clean, fit, pad, width

Report = Mapping[str, Any]
TITLE_COLUMNS = 48


class Format(StrEnum):
    """The values of ``-o``."""

    JSON = "json"
    NDJSON = "ndjson"
    TABLE = "table"
    TREC = "trec"


def emit(data: bytes) -> None:
    """Data, to stdout, as it is: UTF-8 and ``\\n`` whatever the platform's habits."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def note(text: str) -> None:
    """A line for the person watching, to stderr."""
    print(clean(text), file=sys.stderr)


def readable(text: str) -> str:
    """A text off the command line or a pipe as valid Unicode: bytes that are no UTF-8 are U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def encoded(text: str) -> bytes:
    """The text for ``emit``."""
    return text.encode("utf-8", "replace")


def json_bytes(value: object) -> bytes:
    """One JSON document, indented, with a line end. NaN is null; names keep their order."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def json_line(value: object) -> bytes:
    """One line of NDJSON."""
    import msgspec

    return msgspec.json.encode(value) + b"\n"


def grid(header: Sequence[str], rows: Iterable[Sequence[str]], *, numeric: Iterable[str] = ()) -> str:
    """Columns under their names, two spaces apart; those of the ``numeric`` names are aligned on the right.

    Cells are cleaned, never cut; a line ends with its last character.
    """
    right = set(numeric)
    lines = [list(header), *([clean(cell) for cell in row] for row in rows)]
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(
            pad(cell, columns, right=name in right) for cell, columns, name in zip(line, widths, header, strict=True)
        ).rstrip()
        + "\n"
        for line in lines
    )


def table(report: Report) -> str:
    """The results as a table: rank, movement, id, scores, what each leg and feature gave, title."""
    results = report["results"]
    if not results:
        return "no results\n"
    legs = [name for name, leg in results[0]["legs"].items() if leg["weight"]]  # the others took no part
    features = list(results[0]["features"])
    numeric = ["rank", "score", "fused", *legs, *features, "rerank"]
    header = ["rank", "Δ", "id", "score", "fused", *legs, *features, "rerank", "title"]
    return grid(header, (_row(result, legs, features) for result in results), numeric=numeric)


def _row(result: Report, legs: Sequence[str], features: Sequence[str]) -> list[str]:
    rerank = result["rerank"]
    return [
        str(result["rank"]),
        movement(result["fused_rank"], result["rank"]),
        result["id"],
        number(result["score"]),
        number(result["fused_score"]),
        *(number(result["legs"][leg]["contribution"]) for leg in legs),
        *(number(result["features"][feature]) for feature in features),
        number(rerank["score"] if rerank else None),
        fit(result["title"], TITLE_COLUMNS),
    ]


def movement(before: int, after: int) -> str:
    """How far reranking moved a document: ``▲2``, ``▼1``, ``=``."""
    if before == after:
        return "="
    return f"▲{before - after}" if after < before else f"▼{after - before}"


def number(value: float | None) -> str:
    """Four significant places, as many as tell neighbours apart; ``–`` where there is no number."""
    return "–" if value is None else f"{value:.4f}"
