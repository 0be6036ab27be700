"""What RAGFlow does that surprises its users: one sentence each, and where to read on.

Which of a search's chunks a quirk hits is found in ``engine.stores.ragflow.flags``; some hold of the whole question.
"""

from __future__ import annotations

from dataclasses import dataclass

_REPOSITORY = "https://github.com/infiniflow/ragflow"


@dataclass(frozen=True, slots=True)
class Quirk:
    """``label`` is a word or two for a list, ``text`` the sentence, ``where`` an address to read on."""

    name: str
    label: str
    text: str
    where: str

    @property
    def place(self) -> str:
        """``where`` in short: ``ragflow#19949``, ``ragflow: rag/nlp/query.py``, or the host."""
        path = self.where.removeprefix(f"{_REPOSITORY}/")
        if path == self.where:
            return self.where.split("/")[2]
        kind, _, rest = path.partition("/")
        match kind:
            case "issues" | "pull":
                return f"ragflow#{rest}"
            case "commit":
                return f"ragflow@{rest}"
        return f"ragflow: {rest.removeprefix('main/')}"


def _issue(number: int) -> str:
    return f"{_REPOSITORY}/issues/{number}"


def _code(path: str) -> str:
    return f"{_REPOSITORY}/blob/main/{path}"


_SEARCH, _QUERY = _code("rag/nlp/search.py"), _code("rag/nlp/query.py")

QUIRKS: dict[str, Quirk] = {
    quirk.name: quirk
    for quirk in (
        Quirk(
            "prefilter",
            "lost",
            "The kNN search is filtered by the full-text query, so a chunk that means the same in other words is never"
            " found.",
            _issue(19949),
        ),
        Quirk(
            "text-zero",
            "text is 0",
            "Since 23 July 2026 the text's boost is 1 − 1 = 0: the first stage orders by cosine alone, and what this"
            " chunk's words earned is lost.",
            f"{_REPOSITORY}/commit/3e4c6dfc0a",
        ),
        Quirk(
            "half-cosine",
            "½(1+cos)",
            "Since May 2026 the re-rank takes (1 + cos)/2, never below 0.5 for a cosine above 0, and only so does this"
            " chunk pass the threshold.",
            f"{_REPOSITORY}/commit/7cdc74bbe5",
        ),
        Quirk(
            "repetitions",
            "made-up pairs",
            "Title, keywords and questions are repeated 2, 5 and 6 times, which weighs nothing and only makes pairs of"
            " neighbours that stand nowhere in the chunk.",
            _SEARCH,
        ),
        Quirk(
            "synonyms",
            "synonyms cost",
            "The question's synonyms enlarge what the token similarity is divided by, so that a full match stays well"
            " below 1.",
            _QUERY,
        ),
        Quirk(
            "raw-features",
            "raw rank",
            "Page rank, and ten times the tags' cosine, are added as they are to a similarity of 0 to 1: they decide"
            " the order alone.",
            _issue(11234),
        ),
        Quirk(
            "blocks",
            "next block",
            "Only one block of the first stage is re-ranked and sorted at a time: this chunk scores higher than what"
            " the page shows, but stands in the next block.",
            _issue(6140),
        ),
        Quirk(
            "keyword-30",
            "keyword ×30",
            "A keyword of the chunk is exactly one token of the question, which adds 30 at once, whatever its rarity.",
            _QUERY,
        ),
        Quirk(
            "keyword-whole",
            "keyword missed",
            "A keyword of several words is compared as a whole, so it cannot match a question that holds all of them.",
            _QUERY,
        ),
        Quirk(
            "shards",
            "shard's idf",
            "On OpenSearch each shard of the index counts for itself: with one idf for all, this chunk's place in"
            " the text list is another.",
            "https://www.elastic.co/docs/solutions/search/full-text/search-relevance/consistent-scoring",
        ),
        # of the whole question
        Quirk(
            "chinese-form",
            "Chinese form",
            "A question of up to three words takes the form made for Chinese: its words are glued to one piece that is"
            " a keyword too, which no chunk holds.",
            _QUERY,
        ),
        Quirk(
            "no-minimum",
            "no minimum",
            "The English form passes no minimum_should_match: one word of the question is enough.",
            _QUERY,
        ),
        Quirk(
            "cut-at-32",
            "cut at 32",
            "With 32 keywords gathered, the rest of the question is not searched for.",
            _QUERY,
        ),
        Quirk(
            "retried",
            "second try",
            "Nothing matched, so RAGFlow asked again for a tenth of the terms and a cosine of 0.17.",
            _SEARCH,
        ),
        Quirk(
            "unscored",
            "unscored",
            "Nothing in these documents matched, so RAGFlow takes all of their chunks, unscored, into the re-rank.",
            _SEARCH,
        ),
        Quirk(
            "opensearch",
            "OpenSearch",
            "RAGFlow on OpenSearch passes the threshold as the kNN's boost, 0 in its second pass; shown is what it does"
            " on Elasticsearch.",
            f"{_REPOSITORY}/pull/15681",
        ),
        Quirk(
            "no-vectors",
            "no vectors",
            "Elasticsearch 9 leaves vectors out of _source: RAGFlow of before May 2026 then takes every cosine for 0.",
            _issue(13272),
        ),
        Quirk(
            "model-tokens",
            "model's text",
            "A rerank model is sent stemmed, lower-case tokens without the questions, not the chunk's own text.",
            _SEARCH,
        ),
    )
}
