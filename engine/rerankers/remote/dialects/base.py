"""What every dialect offers, and the one way to hold a conversation in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from engine.errors import SettingsError
from engine.records import ScoreKind
from engine.remote.wire import WireRequest, WireResponse
from engine.rerankers.remote.dialects import answers, error_bodies
from engine.rerankers.remote.dialects.auth import authorized
from engine.rerankers.remote.dialects.call import FollowUp, ParsedScores, RerankCall
from engine.rerankers.remote.dialects.json_paths import is_free, put
from engine.rerankers.remote.providers import Provider
from engine.rerankers.remote.urls import endpoint


class Dialect(ABC):
    """Requests and answers of one family of services. Pure: no I/O, no state; one object serves every provider."""

    @abstractmethod
    def body(self, call: RerankCall) -> dict[str, Any]:
        """The request's JSON: documented fields only, asking for every document's score and for no echo."""

    @abstractmethod
    def parse(self, response: WireResponse, call: RerankCall) -> ParsedScores:
        """The scores in the order asked. Raises ``RemoteError`` (kind ``body``) for whatever cannot be trusted."""

    def headers(self, call: RerankCall) -> Mapping[str, str]:
        """Header fields beside the key's."""
        return call.provider.headers

    def request(self, call: RerankCall) -> WireRequest:
        """Raises ``SettingsError`` where the provider's row and the settings do not make an address or a body."""
        url = endpoint(call.provider, call.base_url, call.model)
        return authorized(WireRequest.post(url, self.body(call), self.headers(call)), call)

    def follow(self, response: WireResponse, call: RerankCall) -> FollowUp | None:
        """The request that must come next for the same call; None where the answer is whole."""
        return None

    def error_text(self, status: int, body: bytes) -> str:
        """What the service says of an error, '' where it says nothing that is understood."""
        return error_bodies.error_text(status, body)

    def kind(self, call: RerankCall) -> ScoreKind:
        """What the scores are: the row's word."""
        return call.provider.kind_of(call.model)


def extended(body: dict[str, Any], call: RerankCall, replaceable: tuple[str, ...] = ()) -> dict[str, Any]:
    """The body with what the provider's row adds: instruction and token limit under its names, fields always sent.
    Of those only the ``replaceable`` may stand in the body already. Raises ``SettingsError`` for any other."""
    provider = call.provider
    if provider.instruction and call.instruction:
        put(body, provider.instruction, call.instruction)
    if provider.max_tokens and call.max_tokens:
        put(body, provider.max_tokens, call.max_tokens)
    for name in replaceable:
        if name in provider.extra:
            body.pop(name, None)
    add_extra(body, provider)
    return body


def add_extra(body: dict[str, Any], provider: Provider) -> None:
    """Put the fields that are always sent beside those that say what is asked. Raises ``SettingsError`` where they
    would take the place of one."""
    for name, value in provider.extra.items():
        if not is_free(body, name):
            path = f"providers.{provider.name}.extra.{name}"
            raise SettingsError(
                f"{path} would overwrite what the request to {provider.label} says already",
                path=path,
                hint="take it away: extra adds fields, what is asked stands under [rerank] and [legs]",
            )
        put(body, name, value)


_RETRY = "try again: the service may be starting the model"

Send = Callable[[WireRequest], Awaitable[WireResponse]]
Sleep = Callable[[float], Awaitable[None]]


async def converse(dialect: Dialect, call: RerankCall, send: Send, sleep: Sleep) -> ParsedScores:
    """The whole answer to a call: its request, then whatever has to follow, polled or paged, until there is no more."""
    response = await send(dialect.request(call))
    parsed, waited_s = dialect.parse(response, call), 0.0
    while (following := dialect.follow(response, call)) is not None:
        waited_s += following.pause_s
        if waited_s > call.provider.total_s:
            raise answers.refused(call, f"accepted, and no answer within {call.provider.total_s:g} s", _RETRY)
        if following.pause_s:
            await sleep(following.pause_s)
        response = await send(following.request)
        parsed = answers.joined(parsed, dialect.parse(response, call), call)
    return parsed
