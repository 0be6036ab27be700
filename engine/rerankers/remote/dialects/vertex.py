"""Google's ranking API: ``records`` with ids of one's own in, ``records[].{id, score}`` out, matched by the id.

Scores come rounded to two decimals, so that there are many ties; ``ParsedScores.positions`` keeps the finer order.
Source: cloud.google.com/generative-ai-app-builder/docs/ranking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.remote.wire import WireResponse
from engine.rerankers.remote.dialects import answers
from engine.rerankers.remote.dialects.base import Dialect, extended
from engine.rerankers.remote.dialects.call import ParsedScores, RerankCall


class Vertex(Dialect):
    """Documents are records whose id is their place in the request; their texts are not wanted back."""

    def headers(self, call: RerankCall) -> Mapping[str, str]:
        project = call.option("project")
        return {**({"X-Goog-User-Project": project} if project else {}), **call.provider.headers}

    def body(self, call: RerankCall) -> dict[str, Any]:
        body = {
            **({"model": call.model} if call.model else {}),
            "query": call.query,
            "records": [{"id": str(place), "content": text} for place, text in enumerate(call.documents)],
            "ignoreRecordDetailsInResponse": True,
        }
        return extended(body, call)

    def parse(self, response: WireResponse, call: RerankCall) -> ParsedScores:
        body = answers.decoded(response, call)
        entries = answers.entries(body, ("records",), call, response)
        pairs = [(entry.get("id"), entry.get("score")) for entry in entries]
        if all(score is None for _, score in pairs):
            raise answers.without_scores(call, body, response)
        return answers.complete(answers.scored(pairs, call, self.kind(call)), body, response)


VERTEX = Vertex()
