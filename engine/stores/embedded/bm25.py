"""BM25 as Lucene computes it today (no factor k1 + 1), per term and field, with k1, b and boosts free at query time.

score(d) = Σ over fields f and query terms t of
           boost(f) · weight(t) · idf(t, f) · tf / (tf + k1 · (1 − b + b · dl / avgdl))

idf = ln(1 + (N − n + 0.5) / (n + 0.5)) with N the documents that have the field and n those that hold the term there;
dl is the field's length through Lucene's norm byte, avgdl its tokens divided by N. Source: Lucene ``BM25Similarity``;
Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009).

Every sum runs over the terms of a field in plan order, then over the fields, whether for all documents or for a few,
so that a completed score is the score that the search would have given, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.records import FloatArray, IntArray
from engine.settings.schema import LexicalLeg
from engine.stores.embedded import norms
from engine.stores.embedded.postings import Postings

if TYPE_CHECKING:
    from engine.stores.embedded.plan import Plan, PlanTerm


def idf(documents: int, df: int) -> float:
    """Lucene's idf; above 0 for every df ≤ documents."""
    return math.log1p((documents - df + 0.5) / (df + 0.5))


def saturation(postings: Postings, k1: float, b: float) -> FloatArray:
    """float64[pairs]: tf / (tf + k1 · (1 − b + b · dl / avgdl)) of every (tf, length) that the field has."""
    tf = (postings.pairs >> 8).astype(np.float64)
    length = norms.LENGTHS[postings.pairs & 0xFF]
    table: FloatArray = tf / (tf + k1 * (1.0 - b + b * length / postings.average_length))
    return table


def term_weight(term: PlanTerm, leg: LexicalLeg) -> float:
    """What multiplies the saturation: boost · weight · idf."""
    return leg.fields[term.field] * term.weight * term.idf


def field_scores(plan: Plan, postings: Mapping[str, Postings], leg: LexicalLeg, documents: int) -> list[FloatArray]:
    """Per field of the plan float64[documents]; 0 where no term of the field matches."""
    scores = []
    for name in plan.fields:
        score = np.zeros(documents)
        terms = [term for term in plan.of_field(name) if term.slot >= 0]
        table = saturation(postings[name], leg.k1, leg.b) if terms else score
        for term in terms:
            values = (table * term_weight(term, leg)).take(postings[name].codes_of(term.slot))
            # add.at casts its index; handing it the native type is a third faster
            np.add.at(score, postings[name].documents(term.slot).astype(np.intp), values)
        scores.append(score)
    return scores


def contributions(plan: Plan, postings: Mapping[str, Postings], leg: LexicalLeg, rows: IntArray) -> FloatArray:
    """float64[len(rows), terms]: what each of the plan's terms gives each row; rows below 0 get 0."""
    matrix = np.zeros((rows.size, len(plan.terms)))
    wanted = rows.astype(np.uint32)
    tables = {name: saturation(postings[name], leg.k1, leg.b) for name in plan.fields}
    for column, term in enumerate(plan.terms):
        if term.slot < 0:
            continue
        held = postings[term.field].documents(term.slot)
        at = np.minimum(np.searchsorted(held, wanted), held.size - 1)
        hit = (held[at] == wanted) & (rows >= 0)
        codes = postings[term.field].codes_of(term.slot)[at[hit]]
        matrix[hit, column] = (tables[term.field] * term_weight(term, leg)).take(codes)
    return matrix


def sum_fields(plan: Plan, matrix: FloatArray) -> list[FloatArray]:
    """Per field of the plan float64[rows]: the contributions of its terms, added in plan order."""
    sums = [np.zeros(matrix.shape[0]) for _ in plan.fields]
    for column, term in enumerate(plan.terms):
        sums[plan.fields.index(term.field)] += matrix[:, column]
    return sums


def total(parts: Sequence[FloatArray], size: int) -> FloatArray:
    """The fields' scores added up in order; a new array."""
    result = parts[0].copy() if parts else np.zeros(size)
    for part in parts[1:]:
        result += part
    return result


def matched_units(plan: Plan, postings: Mapping[str, Postings], documents: int) -> npt.NDArray[np.uint16]:
    """uint16[documents]: how many optional units of the plan each document matches."""
    counts = np.zeros(documents, dtype=np.uint16)
    for unit in range(plan.units):
        if plan.optional[unit]:
            seen = np.zeros(documents, dtype=bool)
            for term in plan.terms:
                if term.unit == unit and term.slot >= 0:
                    seen[postings[term.field].documents(term.slot)] = True
            counts += seen
    return counts


def matched_of(plan: Plan, matrix: FloatArray) -> npt.NDArray[Any]:
    """int[rows]: the same for the rows of a contribution matrix."""
    counts = np.zeros(matrix.shape[0], dtype=np.int64)
    for unit in range(plan.units):
        if plan.optional[unit]:
            columns = [i for i, term in enumerate(plan.terms) if term.unit == unit]
            counts += np.any(matrix[:, columns] > 0, axis=1)
    return counts
