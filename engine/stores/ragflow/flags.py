"""Which chunks of an answered question each quirk hits, and which quirks hold of the question. Pure.

A chunk is flagged where the quirk changes something about it, not wherever it could: a made-up pair must have matched,
the half cosine must have carried it over the threshold, another idf must have moved it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from engine.records import Document
from engine.stores.ragflow import fields, similarity
from engine.stores.ragflow.comparison import Chunk, Comparison, Found, Parts

SYNONYM_COST = 0.1
"""Token similarity that synonyms must take from a chunk to be told."""


def compared(found: Found) -> Comparison:
    """The answers with every chunk's places and quirks."""
    ranks = {key: {i: place for place, i in enumerate(each.ids, 1)} for key, each in found.rankings.items()}
    scores = {key: dict(zip(each.ids, each.scores.tolist(), strict=True)) for key, each in found.rankings.items()}
    hit = {name: set(flag(found)) for name, flag in FLAGS.items()}
    chunks = {
        i: Chunk(
            document,
            {key: places[i] for key, places in ranks.items() if i in places},
            {key: values[i] for key, values in scores.items() if i in values},
            found.parts.get(i),
            tuple(name for name, ids in hit.items() if i in ids),
        )
        for i, document in found.documents.items()
    }
    return Comparison(found, chunks, tuple(name for name, holds in NOTES.items() if holds(found)))


# ---- of a chunk


def _prefilter(found: Found) -> Iterator[str]:
    yield from found.lost


def _text_zero(found: Found) -> Iterator[str]:
    """On the first page of the first stage while the text had its share, and no more."""
    if found.version.text_boost:
        return
    text, knn = found.rankings["A"], found.rankings["C"]
    earlier = dict(zip(knn.ids, ((1 + knn.scores) / 2).tolist(), strict=True))
    for i, score in zip(text.ids, text.scores.tolist(), strict=True):
        earlier[i] = earlier.get(i, 0.0) + fields.VERSIONS["2026-05"].text_boost * score
    size = found.settings.page_size
    before = sorted(earlier, key=lambda i: -earlier[i])[:size]
    yield from set(before) - set(found.rankings["D"].ids[:size])


def _half_cosine(found: Found) -> Iterator[str]:
    """Over the threshold with (1 + cos)/2, and under it with the cosine."""
    if not found.version.half_cosine:
        return
    weight, threshold = found.settings.vector_similarity_weight, found.settings.similarity_threshold
    for i, parts in found.parts.items():
        honest = parts.total - weight * (parts.knn - found.cosines.get(i, parts.knn))
        if parts.passes and weight > 0 and honest < threshold:
            yield i


def _repetitions(found: Found) -> Iterator[str]:
    for i, parts, document in _scored(found):
        if parts.token > similarity.token_similarity(found.keys, document, repeated=False) + 1e-9:
            yield i


def _synonyms(found: Found) -> Iterator[str]:
    synonyms = set(found.question.synonyms)
    own = [keyword for keyword in found.question.keywords if keyword not in synonyms]
    if not synonyms or not own:
        return
    keys = similarity.question_keys(own)
    for i, parts, document in _scored(found):
        if similarity.token_similarity(keys, document) > parts.token + SYNONYM_COST:
            yield i


def _raw_features(found: Found) -> Iterator[str]:
    yield from (i for i, parts in found.parts.items() if parts.pagerank or parts.tags)


def _blocks(found: Found) -> Iterator[str]:
    """Of the next block, above the last that the page shows."""
    start, size = found.block
    page = found.rankings["E"].ids[: found.settings.page_size]
    if not page:
        return
    least = found.parts[page[-1]].total
    for i in found.rankings["D"].ids[start + size : start + 2 * size]:
        if i in found.parts and found.parts[i].total > least:
            yield i


def _keyword_30(found: Found) -> Iterator[str]:
    terms = {term for term, _ in found.question.terms}
    yield from (i for i, each in found.documents.items() if terms & set(similarity.keywords_of(each)))


def _keyword_whole(found: Found) -> Iterator[str]:
    words = set(found.question.keywords)
    for i, document in found.documents.items():
        several = (keyword.lower().split() for keyword in similarity.keywords_of(document) if " " in keyword)
        if any(all(_held(word, words) for word in keyword) for keyword in several):
            yield i


def _held(word: str, words: set[str]) -> bool:
    """Whether the word, or what is left of it after stemming, is among the question's."""
    from engine.stores.ragflow.tokens import forms

    return any(form in words for form in forms(word))


def _shards(found: Found) -> Iterator[str]:
    """At another place of the text list's first page where all shards count together."""
    if found.text_dfs is None:
        return
    here = {i: place for place, i in enumerate(found.rankings["A"].ids, 1)}
    for i, place in found.text_dfs.ranks().items():
        if i in here and here[i] != place and min(here[i], place) <= found.settings.page_size:
            yield i


def _scored(found: Found) -> Iterator[tuple[str, Parts, Document]]:
    yield from ((i, parts, found.documents[i]) for i, parts in found.parts.items() if i in found.documents)


FLAGS: Mapping[str, Callable[[Found], Iterator[str]]] = {
    "prefilter": _prefilter,
    "text-zero": _text_zero,
    "half-cosine": _half_cosine,
    "repetitions": _repetitions,
    "synonyms": _synonyms,
    "raw-features": _raw_features,
    "blocks": _blocks,
    "keyword-30": _keyword_30,
    "keyword-whole": _keyword_whole,
    "shards": _shards,
}


# ---- of the question


def _latin(found: Found) -> bool:
    return all(term.isascii() for term, _ in found.question.terms)


NOTES: Mapping[str, Callable[[Found], bool]] = {
    "chinese-form": lambda found: found.question.form == "chinese" and len(found.question.terms) > 1 and _latin(found),
    "no-minimum": lambda found: found.question.form == "english",
    "cut-at-32": lambda found: bool(found.question.left_out),
    "retried": lambda found: found.retried,
    "unscored": lambda found: found.unscored,
    "opensearch": lambda found: found.shape.engine.is_opensearch,
    "model-tokens": lambda found: found.model,
    "no-vectors": lambda found: (
        not found.shape.engine.is_opensearch
        and found.shape.engine.version >= (9, 0, 0)
        and not found.version.half_cosine
    ),
}
