"""What the engines answer, as arrays and records. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.records import Document, FieldValue, FloatArray, IntArray, QueryTerm, StagePart
from engine.stores.base import FacetCount, Highlight
from engine.stores.elastic.mapping import VectorField

Json = Mapping[str, Any]

OPEN, CLOSE = "\ue000", "\ue001"
"""Marks around a highlighted span: private characters that no text has."""


@dataclass(frozen=True, slots=True)
class Hits:
    """``orders`` are the documents' own numbers, −1 where the index has none."""

    ids: tuple[str, ...]
    scores: FloatArray
    orders: IntArray
    parts: FloatArray
    total: int


def hits_of(answer: Json, names: Sequence[str] = (), id_field: str = "", ordered: bool = False) -> Hits:
    """The hits with the scores of the named clauses, float64[hits, names], 0 where a clause did not match."""
    hits = answer["hits"]["hits"]
    total = answer["hits"].get("total")
    parts = np.zeros((len(hits), len(names)))
    column = {name: i for i, name in enumerate(names)}
    orders = np.full(len(hits), -1, dtype=np.int64)
    for row, hit in enumerate(hits):
        matched = hit.get("matched_queries")
        if isinstance(matched, Mapping):
            for name, score in matched.items():
                if name in column:
                    parts[row, column[name]] = score
        if ordered and hit.get("sort") and isinstance(hit["sort"][1], int) and 0 <= hit["sort"][1] < 2**62:
            orders[row] = hit["sort"][1]
    return Hits(
        ids=tuple(id_of(hit, id_field) for hit in hits),
        scores=np.array([hit.get("_score") or 0.0 for hit in hits], dtype=np.float64),
        orders=orders,
        parts=parts,
        total=int(total["value"]) if isinstance(total, Mapping) else len(hits),
    )


def id_of(hit: Json, id_field: str = "") -> str:
    """The document's id: the engine's own, or the value of the field that identifies it."""
    if not id_field:
        return str(hit["_id"])
    value = first_value(hit, id_field)
    return str(hit["_id"] if value is None else value)


def unique(hits: Hits) -> Hits:
    """The hits without those whose id a better one has."""
    first = {name: row for row, name in reversed(list(enumerate(hits.ids)))}
    if len(first) == len(hits.ids):
        return hits
    rows = sorted(first.values())
    ids = tuple(hits.ids[row] for row in rows)
    return Hits(ids, hits.scores[rows], hits.orders[rows], hits.parts[rows], hits.total)


def aligned(hits: Hits, ids: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """(scores, parts) of the hits in the order of ``ids``; NaN for a document that was not found."""
    at = {name: row for row, name in enumerate(hits.ids)}
    rows = np.array([at.get(name, -1) for name in ids], dtype=np.int64)
    scores = np.full(len(ids), np.nan)
    parts = np.full((len(ids), hits.parts.shape[1]), np.nan)
    found = rows >= 0
    scores[found], parts[found] = hits.scores[rows[found]], hits.parts[rows[found]]
    return scores, parts


def raw_vector_scores(scores: FloatArray, field: VectorField, *, scripted: bool, opensearch: bool) -> FloatArray:
    """The engine's kNN scores as what they stand for: cosines, or dot products; distances stay as reported.

    Cosine: (1 + c)/2, by Elasticsearch's script 1 + c; of nmslib 1/(2 − c).
    Dot: d + 1 from 0 up, 1/(1 − d) below.
    """
    if field.is_cosine:
        if opensearch and field.engine == "nmslib" and not scripted:
            return np.asarray(2.0 - 1.0 / scores)
        return np.asarray(scores - 1.0 if scripted and not opensearch else 2.0 * scores - 1.0)
    if field.similarity in ("max_inner_product", "innerproduct"):
        return np.asarray(np.where(scores >= 1.0, scores - 1.0, 1.0 - 1.0 / np.maximum(scores, 1e-30)))
    return scores


# --- documents ------------------------------------------------------------------------------------------------------


def document_of(name: str, source: Json, title_field: str = "") -> Document:
    """The stored fields with dotted names, lists as lists of texts; ``title_field`` also stands as ``title``."""
    fields = dict(flattened(source))
    if title_field and title_field in fields:
        fields = {"title": fields[title_field], **{k: v for k, v in fields.items() if k != "title"}}
    return Document(name, fields)


def flattened(source: Json, prefix: str = "") -> Iterator[tuple[str, FieldValue]]:
    """(dotted name, value) of every leaf."""
    for key, value in source.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flattened(value, f"{name}.")
        elif isinstance(value, list):
            yield from _listed(name, value)
        else:
            yield name, value


def _listed(name: str, values: Sequence[Any]) -> Iterator[tuple[str, FieldValue]]:
    """A list of texts; of objects, each of their leaves as one."""
    if any(isinstance(value, Mapping) for value in values):
        merged: dict[str, list[str]] = {}
        for value in values:
            for inner, leaf in flattened(value) if isinstance(value, Mapping) else ():
                merged.setdefault(inner, []).extend(leaf if isinstance(leaf, list) else [str(leaf)])
        yield from ((f"{name}.{inner}", leaves) for inner, leaves in merged.items())
    else:
        yield name, [value if isinstance(value, str) else str(value) for value in values if value is not None]


def first_value(hit: Json, field: str) -> Any:
    """The first of the field's values, None where it has none."""
    values = (hit.get("fields") or {}).get(field)
    if isinstance(values, list):
        return values[0] if values else None
    return values


def marked_spans(field: str, marked: str, text: str, start_at: int = 0) -> list[Highlight]:
    """The marked spans as characters of ``text`` from ``start_at`` on; none where the engine marked another text."""
    plain = marked.replace(OPEN, "").replace(CLOSE, "")
    base = text.find(plain, start_at)
    if base < 0:
        return []
    spans, at, start = [], base, base
    for piece in re.split(f"({OPEN}|{CLOSE})", marked):
        if piece == OPEN:
            start = at
        elif piece == CLOSE:
            spans.append(Highlight(field, start, at, text[start:at].casefold()))
        else:
            at += len(piece)
    return spans


def facets_of(answer: Json, fields: Sequence[str]) -> dict[str, list[FacetCount]]:
    """Counts per field, most frequent first."""
    found = answer.get("aggregations") or {}
    return {
        name: [
            FacetCount(str(bucket.get("key_as_string", bucket["key"])), int(bucket["doc_count"]))
            for bucket in (found.get(name) or {}).get("buckets", ())
        ]
        for name in fields
    }


# --- time -----------------------------------------------------------------------------------------------------------


def time_parts(began: float, ended: float, answer: Json) -> tuple[StagePart, ...]:
    """Network against engine, on the clock ``perf_counter`` in milliseconds; with a profile the engine's own phases.

    Nobody knows how much of the network's time was the way back: it stands first.
    """
    took = min(float(answer.get("took", 0)), (ended - began) * 1e3)
    at = ended * 1e3 - took
    parts = [StagePart("network", began * 1e3, at)]
    phases = profile_phases(answer)
    scale = took / total if (total := sum(phases.values())) > took > 0 else 1.0
    for name, ms in phases.items():
        parts.append(StagePart(name, at, at + ms * scale))
        at += ms * scale
    parts.append(StagePart("engine", at, ended * 1e3))
    return tuple(part for part in parts if part.end_ms > part.start_ms)


def profile_phases(answer: Json) -> dict[str, float]:
    """Milliseconds of the slowest shard per phase (query, rewrite, collect, fetch), empty without a profile."""
    best: dict[str, float] = {}
    for shard in (answer.get("profile") or {}).get("shards", ()):
        phases = dict.fromkeys(("rewrite", "query", "collect", "fetch"), 0.0)
        for search in shard.get("searches", ()):
            phases["rewrite"] += search.get("rewrite_time", 0) / 1e6
            phases["query"] += sum(one.get("time_in_nanos", 0) for one in search.get("query", ())) / 1e6
            phases["collect"] += sum(one.get("time_in_nanos", 0) for one in search.get("collector", ())) / 1e6
        phases["collect"] = max(0.0, phases["collect"] - phases["query"])
        phases["fetch"] = (shard.get("fetch") or {}).get("time_in_nanos", 0) / 1e6
        if sum(phases.values()) > sum(best.values()):
            best = phases
    return {name: ms for name, ms in best.items() if ms > 0}


# --- explanations ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Share:
    """What one leaf of an explanation gives: a term in a field, or in ``term`` whatever else scored, without field."""

    field: str
    term: str
    value: float
    df: int = 0
    documents: int = 0


_WEIGHT = re.compile(r"^weight\((?P<what>.*) in \d+\)")
_TERM = re.compile(r"(?P<field>[^\s:()]+):(?P<term>\"[^\"]*\"(?:~\d+)?|[^\s()]+)")
_SUMS = ("sum of", "max of", "max plus", "product of", "function score", "match on required clause")


def shares(node: Json, scale: float = 1.0) -> Iterator[Share]:
    """The leaves of an explanation tree; their values add up to its own."""
    value = float(node.get("value", 0.0)) * scale
    said, details = str(node.get("description", "")), node.get("details") or []
    if found := _WEIGHT.match(said):
        yield _share(found["what"], value, node)
    elif details and said.startswith(_SUMS[:3]) and value:
        below = details
        if not said.startswith("sum of"):
            below = [max(details, key=lambda one: float(one.get("value", 0.0)))]
        inner = [share for one in below for share in shares(one)]
        yield from _scaled(inner, value)
    elif details and said.startswith(_SUMS[3:5]) and value:
        inner = [share for one in details for share in shares(one) if share.field]
        yield from _scaled(inner, value) if inner else [Share("", said.rstrip(":, "), value)]
    elif value and not said.startswith(_SUMS[5]):
        yield Share("", said.rstrip(":, "), value)


def _scaled(inner: Sequence[Share], value: float) -> Iterator[Share]:
    """The leaves so that they add up to ``value``: a boost or a tie-breaker above them is spread over them."""
    total = sum(share.value for share in inner)
    factor = value / total if total else 0.0
    for share in inner:
        same = abs(factor - 1.0) < 1e-6
        yield Share(share.field, share.term, share.value * (1.0 if same else factor), share.df, share.documents)


def _share(what: str, value: float, node: Json) -> Share:
    found = list(_TERM.finditer(what))
    if not found:
        return Share("", what, value)
    field = found[0]["field"]
    text = " ".join(one["term"].strip('"') for one in found)
    df, documents = _statistics(node)
    return Share(field, text, value, df, documents)


def _statistics(node: Json) -> tuple[int, int]:
    """(documents that hold the term, documents that have the field) as the tree says, 0 where it does not."""
    df = documents = 0
    stack = [node]
    while stack:
        one = stack.pop()
        said = str(one.get("description", ""))
        if said.startswith("n, "):
            df = int(one["value"])
        elif said.startswith("N, "):
            documents = int(one["value"])
        stack.extend(one.get("details") or ())
    return df, documents


def explained(trees: Mapping[str, Json], ids: Sequence[str]) -> tuple[tuple[QueryTerm, ...], FloatArray]:
    """(terms, contributions float64[ids, terms]) of the explanations by document id."""
    terms: dict[tuple[str, str], Share] = {}
    found = {name: list(shares(tree)) for name, tree in trees.items()}
    for own in found.values():
        for share in own:
            terms.setdefault((share.field, share.term), share)
    columns = {key: column for column, key in enumerate(terms)}
    matrix = np.zeros((len(ids), len(terms)))
    for row, name in enumerate(ids):
        for share in found.get(name, ()):
            matrix[row, columns[share.field, share.term]] += share.value
    return tuple(
        QueryTerm(share.term, share.field, 1.0, share.df, idf(share.documents, share.df)) for share in terms.values()
    ), matrix


def idf(documents: int, df: int) -> float:
    """Lucene's idf, 0 where nothing is known of the field."""
    return float(np.log1p((documents - df + 0.5) / (df + 0.5))) if 0 <= df <= documents > 0 else 0.0
