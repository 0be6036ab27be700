"""Amazon Bedrock's Rerank operation: typed ``sources`` in, ``results[].{index, relevanceScore}`` out, in pages.

Signed with Signature Version 4; Bedrock's own API keys do not open it (they open InvokeModel, which is the form of
``cohere`` with ``api_version``). Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html.
"""

from __future__ import annotations

from typing import Any

from engine.remote.wire import WireRequest, WireResponse
from engine.rerankers.remote.dialects import answers
from engine.rerankers.remote.dialects.auth import authorized
from engine.rerankers.remote.dialects.base import Dialect, extended
from engine.rerankers.remote.dialects.call import FollowUp, ParsedScores, RerankCall
from engine.rerankers.remote.dialects.json_paths import dig
from engine.rerankers.remote.urls import endpoint

_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


class Bedrock(Dialect):
    """One query, inline text sources, every result asked for."""

    def body(self, call: RerankCall) -> dict[str, Any]:
        body = {
            "queries": [{"type": "TEXT", "textQuery": {"text": call.query}}],
            "sources": [_source(text) for text in call.documents],
            "rerankingConfiguration": {
                "type": "BEDROCK_RERANKING_MODEL",
                "bedrockRerankingConfiguration": {
                    "numberOfResults": len(call.documents),
                    "modelConfiguration": {"modelArn": model_arn(call.model, call.option("region"))},
                },
            },
        }
        return extended(body, call)

    def parse(self, response: WireResponse, call: RerankCall) -> ParsedScores:
        body = answers.decoded(response, call)
        entries = answers.entries(body, ("results",), call, response)
        pairs = [(entry.get("index"), entry.get("relevanceScore")) for entry in entries]
        if all(score is None for _, score in pairs):
            raise answers.without_scores(call, body, response)
        return answers.complete(answers.scored(pairs, call, self.kind(call)), body, response)

    def follow(self, response: WireResponse, call: RerankCall) -> FollowUp | None:
        """The next page. A page is never empty and never scores a document again, so that pages come to an end."""
        token = dig(answers.decoded(response, call), "nextToken")
        if not isinstance(token, str) or not token:
            return None
        url = endpoint(call.provider, call.base_url, call.model)
        request = WireRequest.post(url, {**self.body(call), "nextToken": token}, self.headers(call))
        return FollowUp(authorized(request, call))


def model_arn(model: str, region: str) -> str:
    """The model's Amazon Resource Name; one that is a name already stays as it is."""
    if model.startswith("arn:"):
        return model
    partition = next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "aws")
    return f"arn:{partition}:bedrock:{region}::foundation-model/{model}"


def _source(text: str) -> dict[str, Any]:
    return {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}}


BEDROCK = Bedrock()
