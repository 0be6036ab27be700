"""Every error that people meet with these engines, as one sentence with the way out.

``RULES`` is the table: the first row that fits an answer's status and causes names the fault. What no row knows is told
in the engine's own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import EngineError, RankscopeError
from engine.secrets import mask

_EXCERPT = 240


@dataclass(frozen=True, slots=True)
class Place:
    """What was asked: ``host`` as shown, and the index, '' for none."""

    host: str
    index: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of a refusal, as the engine names and describes it."""

    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: where ``status`` (0: any) and the pattern (of ``type: reason``) fit, the fault is ``kind``.

    ``text`` completes "HOST: …" and may use ``{index}``, ``{reason}`` and the pattern's groups; so may ``hint``.
    """

    kind: str
    status: int
    pattern: str
    text: str
    hint: str


_SEE_FIELDS = "`rankscope doctor` lists the fields of the index"

RULES: tuple[Rule, ...] = (
    Rule(
        "unauthorized",
        401,
        r"missing authentication credentials",
        "it wants to know who asks, and nothing was sent",
        "set store.api_key, or store.username and store.password",
    ),
    Rule(
        "unauthorized",
        401,
        "",
        "it does not know this user or key",
        "check store.api_key, or store.username and store.password",
    ),
    Rule(
        "licence",
        403,
        r"non-compliant for \[(?P<feature>[^]]+)\]",
        "its licence does not include {feature}",
        "Rankscope fuses on its own; or start a trial: POST /_license/start_trial?acknowledge=true",
    ),
    Rule(
        "blocked",
        403,
        r"cluster_block_exception: (?P<why>.*)",
        "the index {index} is blocked: {why}",
        "free disk space, or lift the block in the index's settings",
    ),
    Rule(
        "forbidden",
        403,
        r"action \[(?P<action>[^]]+)\] is unauthorized",
        "this user or key may not do {action} on {index}",
        "grant it the privileges read and view_index_metadata on the index",
    ),
    Rule("forbidden", 403, "", "it refuses: {reason}", "check what this user or key may do"),
    Rule(
        "expired",
        404,
        r"search_context_missing_exception|No search context found",
        "its point in time has expired",
        "ask again",
    ),
    Rule(
        "index",
        404,
        r"index_not_found_exception: .*?\[(?P<name>[^]]+)\]",
        "it has no index {name}",
        "check store.index; `rankscope connect URL` lists the indices",
    ),
    Rule("template", 404, r"unable to find script|resource_not_found.*script", "{reason}", "check the template's name"),
    Rule("path", 404, "", "nothing is at this address: {reason}", "check store.url, and the path that a proxy needs"),
    Rule(
        "dimension",
        400,
        r"different (?:number of dimensions|dimension) \[(?P<sent>\d+)\].*?\[(?P<held>\d+)\]",
        "the query's vector has {sent} dimensions, those of the index {held}",
        "set legs.dense.embedder to the one that made the index's vectors",
    ),
    Rule(
        "dimension",
        400,
        r"invalid dimension: (?P<sent>\d+)\. Dimension should be: (?P<held>\d+)",
        "the query's vector has {sent} dimensions, those of the index {held}",
        "set legs.dense.embedder to the one that made the index's vectors",
    ),
    Rule(
        "vectors",
        400,
        r"(?:only supported on|is not (?:a )?)\W*(?:dense_vector|knn_vector)|not knn_vector|not \[?dense_vector",
        "the field searched by vector holds none: {reason}",
        f"set legs.dense.field; {_SEE_FIELDS}",
    ),
    Rule(
        "field",
        400,
        r"(?:field|mapping).*\[(?P<name>[^]]+)\].*(?:does not exist|not found)|"
        r"[Ff]ield '?(?P<other>[\w.]+)'? (?:does not exist|is not)|No mapping found for \[(?P<sorted>[^]]+)\]",
        "it has no such field: {reason}",
        _SEE_FIELDS,
    ),
    Rule(
        "headers",
        400,
        r"media_type_header_exception",
        "it speaks another version: {reason}",
        "something between here and the engine changes the headers: ask the engine directly",
    ),
    Rule(
        "headers",
        406,
        "",
        "it does not take JSON: {reason}",
        "something between here and the engine changes the headers: ask the engine directly",
    ),
    Rule(
        "window",
        400,
        r"[Rr]esult window is too large|num_candidates|\[k\] .*limit",
        "more was asked than it gives at once: {reason}",
        "lower the leg's top_k, or raise index.max_result_window",
    ),
    Rule("closed", 400, r"index_closed_exception", "the index {index} is closed", "open it: POST /{index}/_open"),
    Rule(
        "expensive",
        400,
        r"allow_expensive_queries",
        "the cluster forbids expensive queries: {reason}",
        "set search.allow_expensive_queries, or legs.dense.exact = false",
    ),
    Rule(
        "clauses",
        400,
        r"too_many(?:_nested)?_clauses",
        "the query has too many words for it: {reason}",
        "ask with fewer words",
    ),
    Rule(
        "syntax",
        400,
        r"Failed to parse query \[",
        "a query of your own (query_string) takes the typed text for syntax, and it is none: {reason}",
        "simple_query_string or multi_match takes any text",
    ),
    Rule(
        "value",
        400,
        r"failed to parse date field \[(?P<value>[^]]*)\]",
        "a value asked for is no date: {value}",
        "check [filter], and field:value in the query",
    ),
    Rule(
        "value",
        400,
        r"Can't parse boolean value|is not an IP string literal|NumberFormatException|number_format_exception|"
        r"do not support exact searching",
        "a value asked for does not fit its field: {reason}",
        "check [filter], and field:value in the query",
    ),
    Rule(
        "group",
        400,
        r"collapse is not supported for the field \[(?P<name>[^]]+?)(?:\._keyed)?\]|collapse field `(?P<other>[^`]+)`",
        "it groups by keywords and numbers that the documents hold, and {name}{other} is none",
        "set cut.group to such a field",
    ),
    Rule("body", 400, r"parsing_exception|x_content_parse|json_parse", "it does not take the query: {reason}", ""),
    Rule(
        "size",
        413,
        "",
        "the request is larger than it, or a proxy before it, takes",
        "raise http.max_content_length, or the proxy's limit",
    ),
    Rule("wrong-server", 405, "", "it does not take such requests: {reason}", "check store.url"),
    Rule(
        "overloaded",
        429,
        r"circuit_breaking_exception",
        "its memory is at the limit (circuit breaker): {reason}",
        "ask for less: a lower legs.*.top_k; or give it more memory",
    ),
    Rule("overloaded", 429, "", "it is too busy: {reason}", "wait, or ask fewer queries at once"),
    Rule(
        "shards",
        503,
        r"no_shard_available|all shards failed|search_phase_execution|primary shard is not active|"
        r"all shards.*unavailable",
        "no shard of {index} can answer",
        "GET /_cluster/allocation/explain says why; a node that is coming back needs a moment",
    ),
    Rule("overloaded", 503, "", "it is not ready: {reason}", "wait a moment; its own log says more"),
    Rule("overloaded", 502, "", "the proxy before it got no answer", "is the engine running?"),
    Rule("timeout", 504, "", "the proxy before it waited in vain", "is the engine overloaded?"),
)


def engine_error(error: Exception, place: Place, stage: str = "") -> RankscopeError:
    """The error for the user of whatever the client raised; an error of ours is itself."""
    from elastic_transport import ApiError, ConnectionTimeout, SerializationError, TransportError

    match error:
        case RankscopeError():
            return error
        case ApiError():
            return refusal(error.meta.status, error.body, place, stage)
        case ConnectionTimeout():
            told = _Told("timeout", "no answer in time", "is the engine overloaded, or paused?")
        case SerializationError():
            told = _Told("wrong-server", "its answer is no JSON", "check store.url: is this the engine's address?")
        case TransportError():
            told = _unreached(error)
        case _:
            told = _Told("connect", f"{type(error).__name__}: {error}", "is the engine running?")
    return EngineError(mask(f"{place.host}: {told.text}"), kind=told.kind, hint=told.hint, stage=stage)


def refusal(status: int, body: object, place: Place, stage: str = "") -> EngineError:
    """The error that an answer with this status means; an item of ``_msearch`` is such an answer as well."""
    found = list(causes(body))
    said = "\n".join(f"{cause.type}: {cause.reason}" for cause in found)
    reason = _line(found[0].reason or found[0].type if found else str(body or f"status {status}"))
    for rule in RULES:
        if rule.status not in (0, status):
            continue
        if match := re.search(rule.pattern, said):
            words = {"index": place.index or "the cluster", "reason": reason} | match.groupdict("")
            text, hint, kind = rule.text.format_map(words), rule.hint.format_map(words), rule.kind
            break
    else:
        text, hint, kind = f"status {status}: {reason}", "the engine's own log says more", "refused"
    return EngineError(mask(f"{place.host}: {text}"), kind=kind, status=status, hint=hint, stage=stage)


def causes(body: object) -> Iterator[Cause]:
    """The causes in an answer: the roots first, then what stands around them."""
    if not isinstance(body, Mapping):
        return
    error = body.get("error", body)
    if isinstance(error, str):
        yield Cause("", error)
    if not isinstance(error, Mapping):
        return
    roots = [*_list(error, "failed_shards"), *_list(error, "failures"), *_list(error, "root_cause")]
    for shard in roots:
        inner = shard.get("reason", shard)
        yield from _chain(inner if isinstance(inner, Mapping) else shard)
    yield from _chain(error)


def _chain(cause: Mapping[str, Any]) -> Iterator[Cause]:
    """A cause's own causes, the innermost first, then itself."""
    if isinstance(inner := cause.get("caused_by"), Mapping):
        yield from _chain(inner)
    yield Cause(str(cause.get("type", "")), str(cause.get("reason", "")))


def _list(error: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [item for item in error.get(name) or () if isinstance(item, Mapping)]


def failed_shards(answer: Mapping[str, Any]) -> str:
    """What to say of an answer from some of the shards only, '' where all of them answered."""
    shards = answer.get("_shards") or {}
    total, failed = int(shards.get("total", 0)), int(shards.get("failed", 0))
    if not failed and not answer.get("timed_out"):
        return ""
    if not failed:
        return "the engine stopped at its own time limit: the answer is incomplete"
    found = list(causes(shards))
    why = f": {_line(found[0].reason or found[0].type)}" if found else ""
    return f"{failed} of {total} shards failed{why}"


@dataclass(frozen=True, slots=True)
class _Told:
    kind: str
    text: str
    hint: str


def _unreached(error: Exception) -> _Told:
    """A fault below HTTP, told by the words of what caused it: the client keeps no more."""
    from elastic_transport import TlsError

    cause: Exception = error
    while errors := getattr(cause, "errors", ()):  # attempts, and what each of them met
        cause = errors[0]
    said = f"{cause}"
    if "plaintext" in said or re.search(r"wrong version number|record layer failure|unknown protocol", said, re.I):
        return _Told("tls", "it does not speak TLS", "write http:// in store.url")
    if "Fingerprint" in type(cause).__name__:
        return _Told("tls", "its certificate has another fingerprint", "check store.fingerprint")
    if isinstance(error, TlsError) or "certificate" in said.lower():
        if "hostname" in said.lower() or "ip address mismatch" in said.lower():
            return _Told("tls", "its certificate is for another host", "use the name that the certificate has")
        return _Told(
            "tls",
            f"its certificate is not trusted{_reason(said)}",
            "set store.ca_file to the cluster's CA certificate, or store.fingerprint",
        )
    if re.search(r"refused|111|Connect call failed", said):
        return _Told("connect", "nothing answers there", "is the engine running, and is store.url its address?")
    if re.search(r"Name or service not known|No address|nodename|Temporary failure|getaddrinfo|Domain name", said):
        return _Told("connect", "there is no such host", "check store.url, and that this machine is online")
    if re.search(r"[Dd]isconnected|reset by peer|Broken pipe|ClientOSError|closing transport|payload", said):
        hint = "it may have stopped: its own log says why; or it speaks https only: try https:// in store.url"
        return _Told("reset", "it closed the connection without an answer", hint)
    return _Told("connect", _line(said) or type(cause).__name__, "is the engine running, and is store.url its address?")


def _reason(said: str) -> str:
    """The verifier's own words in an OpenSSL message."""
    found = re.search(r"certificate verify failed: ([^(\]]+)", said)
    return f": {found[1].strip()}" if found else ""


def _line(text: str) -> str:
    """One line of at most ``_EXCERPT`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT else f"{line[:_EXCERPT]}…"
