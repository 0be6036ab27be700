"""DeepInfra: ``scores[]`` in the order asked, without an index, so that a list of another length is refused whole.

Source: deepinfra.com, the models' API pages. ``queries`` holds the query once for each document, or only once where the
row's ``wire`` says ``repeat = false``.
"""

from __future__ import annotations

from typing import Any

from engine.remote.wire import WireResponse
from engine.rerankers.remote.dialects import answers
from engine.rerankers.remote.dialects.base import Dialect, extended
from engine.rerankers.remote.dialects.call import ParsedScores, RerankCall
from engine.rerankers.remote.dialects.json_paths import dig


class ScoreArray(Dialect):
    """``queries`` and ``documents`` in, one number for each document out."""

    def body(self, call: RerankCall) -> dict[str, Any]:
        times = len(call.documents) if call.provider.wire.get("repeat", True) else 1
        return extended({"queries": [call.query] * times, "documents": list(call.documents)}, call)

    def parse(self, response: WireResponse, call: RerankCall) -> ParsedScores:
        body, n = answers.decoded(response, call), len(call.documents)
        scores = dig(body, "scores")
        if not isinstance(scores, list) or all(score is None for score in scores):
            raise answers.without_scores(call, body, response)
        if len(scores) != n:
            raise answers.refused(
                call, f"{len(scores)} scores for {n} documents, and nothing says whose", answers.AT_FAULT
            )
        best_first = answers.scored(enumerate(scores), call, self.kind(call))
        return answers.complete(best_first, body, response)


SCORE_ARRAY = ScoreArray()
