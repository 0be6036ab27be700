"""NVIDIA's retrieval services, hosted and NIM: ``passages[].text`` in, ``rankings[].{index, logit}`` out.

The hosted ones may answer 202 with a request's id, which is then polled. No number of results is documented, so none is
sent. Source: docs.nvidia.com/nim/nemo-retriever/text-reranking.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from engine.remote.wire import WireRequest, WireResponse
from engine.rerankers.remote.dialects import answers
from engine.rerankers.remote.dialects.auth import authorized
from engine.rerankers.remote.dialects.call import FollowUp, ParsedScores, RerankCall
from engine.rerankers.remote.dialects.shaped import Shape, Shaped
from engine.rerankers.remote.urls import endpoint

STATUS_URL = "https://api.nvcf.nvidia.com/v2/nvcf/pexec/status"
"""Where an accepted request is polled; the option ``status_url`` replaces it."""
PAUSE_S = 0.5
_REQUEST_ID = re.compile(r"[\w-]{1,100}", re.ASCII)


class Nvidia(Shaped):
    """Shaped, and polled while the answer is 202."""

    def parse(self, response: WireResponse, call: RerankCall) -> ParsedScores:
        if response.status == 202:
            return ParsedScores.none(len(call.documents), self.kind(call))
        return super().parse(response, call)

    def follow(self, response: WireResponse, call: RerankCall) -> FollowUp | None:
        if response.status != 202:
            return None
        request_id = response.headers.get("nvcf-reqid", "")
        if not _REQUEST_ID.fullmatch(request_id):
            raise answers.refused(call, "202 without the id to ask for the answer with", status=202)
        url = f"{self._status_url(call)}/{request_id}"
        headers = {"Accept": "application/json", **self.headers(call)}
        return FollowUp(authorized(WireRequest("GET", url, headers), call), PAUSE_S)

    def _status_url(self, call: RerankCall) -> str:
        """Where to ask, and so to send the key: NVIDIA's own address only for a request that went to NVIDIA."""
        host = urlsplit(endpoint(call.provider, call.base_url, call.model)).hostname or ""
        url = call.option("status_url") or (STATUS_URL if host.endswith(".nvidia.com") else "")
        if not url:
            hint = f"set providers.{call.provider.name}.options.status_url"
            raise answers.refused(call, "202, and no address to ask for the answer", hint, status=202)
        return url


NVIDIA = Nvidia(
    Shape(
        query="query.text",
        documents="passages",
        text="text",
        results="rankings",
        score="logit",
    )
)
