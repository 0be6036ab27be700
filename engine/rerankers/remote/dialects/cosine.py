"""No reranker, but what stands in for one where a server only embeds: the cosine of query and document.

One request embeds the query and the documents together. OpenAI's ``/v1/embeddings`` (LM Studio, vLLM, …) answers
``data[].{index, embedding}``, Ollama's ``/api/embed`` ``embeddings[]`` in the order asked; both take the same request.
An instruction goes before the query as the Qwen3 embedders' card has it (``Instruct: …\\nQuery: …``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.records import FloatArray, ScoreKind
from engine.remote.wire import WireResponse
from engine.rerankers.remote.dialects import answers
from engine.rerankers.remote.dialects.base import Dialect, extended
from engine.rerankers.remote.dialects.call import ParsedScores, RerankCall
from engine.rerankers.remote.dialects.json_paths import dig


class Cosine(Dialect):
    """Similarity by a bi-encoder, and said to be that: its scores are cosines whatever the row says."""

    def kind(self, call: RerankCall) -> ScoreKind:
        return ScoreKind.COSINE

    def body(self, call: RerankCall) -> dict[str, Any]:
        query = f"Instruct: {call.instruction}\nQuery: {call.query}" if call.instruction else call.query
        return extended({"model": call.model, "input": [query, *call.documents]}, call)

    def parse(self, response: WireResponse, call: RerankCall) -> ParsedScores:
        body, n = answers.decoded(response, call), len(call.documents)
        vectors = self._vectors(body, response, call)
        if len(vectors) != n + 1:
            raise answers.refused(call, f"{len(vectors)} vectors for {n + 1} texts", answers.AT_FAULT)
        lengths = {len(vector) for vector in vectors}
        if len(lengths) > 1 or lengths == {0}:
            raise answers.refused(call, f"vectors of {', '.join(map(str, sorted(lengths)))} dimensions in one answer")
        cosines = [None if np.isnan(value) else float(value) for value in _cosines(np.stack(vectors))]
        if all(value is None for value in cosines):
            raise answers.refused(call, "vectors of nothing but 0 have no direction", answers.AT_FAULT)
        return answers.complete(answers.scored(enumerate(cosines), call, ScoreKind.COSINE), body, response)

    def _vectors(self, body: Any, response: WireResponse, call: RerankCall) -> list[FloatArray]:
        """The vectors in the order asked."""
        plain = dig(body, "embeddings")
        if isinstance(plain, list):
            return [_vector(value, call) for value in plain]
        entries = answers.entries(body, ("data",), call, response)
        order = answers.rows([entry.get("index") for entry in entries], len(call.documents) + 1, call)
        by_row = dict(zip(order, entries, strict=True))
        return [_vector(by_row[row].get("embedding"), call) for row in sorted(by_row)]


def _vector(value: Any, call: RerankCall) -> FloatArray:
    """float64[d] of a JSON list of numbers."""
    try:
        vector = np.asarray(value if isinstance(value, list) else None)
    except (ValueError, OverflowError):
        vector = np.asarray(None)
    if vector.ndim != 1 or (vector.size and vector.dtype.kind not in "iuf"):
        raise answers.refused(call, "an entry without a vector", "is the model at this address one that embeds?")
    return vector.astype(np.float64)


def _cosines(vectors: FloatArray) -> FloatArray:
    """float64[n] between the first row and each other; NaN where a vector is all zero and has no direction."""
    lengths = np.linalg.norm(vectors, axis=1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        cosines: FloatArray = (vectors[1:] @ vectors[0]) / (lengths[1:] * lengths[0])
    return np.clip(cosines, -1.0, 1.0)


COSINE = Cosine()
