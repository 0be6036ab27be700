"""Bedrock's Rerank operation: checks the signature as AWS does, answers in pages, in camel case."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import quote

from tests.servers import strict
from tests.servers.loopback import Reply, Request
from tests.servers.strict import RefusedError, each, one_of, record, relevance, reply, text, whole

ACCESS_KEY, SECRET_KEY, TOKEN = "AKIDLOOPBACK", "sEcReT/loopback+key", "session-token-loopback"
PAGE = 3

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/(\w+)/aws4_request, "
    r"SignedHeaders=([\w;-]+), Signature=(\w{64})"
)


def check_signature(request: Request) -> None:
    """Signature Version 4 over what came in."""
    if not (found := _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))):
        raise RefusedError(403, "Missing Authentication Token")
    access, day, region, service, names, signature = found.groups()
    if access != ACCESS_KEY:
        raise RefusedError(403, "The security token included in the request is invalid.")
    if not {"host", "x-amz-date"} <= set(names.split(";")) or names.split(";") != sorted(names.split(";")):
        raise RefusedError(403, "host and x-amz-date must be signed")
    method, target, _ = request.line.split(" ")
    head = "".join(f"{name}:{request.headers[name]}\n" for name in names.split(";"))
    payload = hashlib.sha256(request.body).hexdigest()
    canonical = f"{method}\n{quote(target, safe='/-_.~')}\n\n{head}\n{names}\n{payload}"
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{scope}\n{digest}"
    key = f"AWS4{SECRET_KEY}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest() != signature or service != "bedrock":
        raise RefusedError(403, "The request signature we calculated does not match the signature you provided.")


def bedrock(request: Request) -> Reply:
    """At most ``PAGE`` results a page, the place of the next in ``nextToken``."""
    check_signature(request)
    source = record(
        type=one_of("INLINE"),
        inlineDocumentSource=record(type=one_of("TEXT"), textDocument=record(text=text)),
    )
    arn = re.compile(r"arn:aws:bedrock:[\w-]+::foundation-model/[\w.:-]+")
    model = record(modelArn=lambda value: arn.fullmatch(value) is not None)
    body = strict.fields(
        request,
        {
            "queries": each(record(type=one_of("TEXT"), textQuery=record(text=text))),
            "sources": each(source),
            "rerankingConfiguration": record(
                type=one_of("BEDROCK_RERANKING_MODEL"),
                bedrockRerankingConfiguration=record(numberOfResults=whole(1, 1000), modelConfiguration=model),
            ),
        },
        {"nextToken": text},
    )
    query = body["queries"][0]["textQuery"]["text"]
    documents = [item["inlineDocumentSource"]["textDocument"]["text"] for item in body["sources"]]
    pairs = strict.ranked([relevance(query, document) for document in documents])
    start = int(body.get("nextToken", "0"))
    page = [{"index": i, "relevanceScore": s} for i, s in pairs[start : start + PAGE]]
    more = {"nextToken": str(start + PAGE)} if start + PAGE < len(pairs) else {}
    return reply({"results": page, **more})
