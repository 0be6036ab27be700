"""Most services differ by names only: one request and one list of entries, told by a ``Shape``."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.errors import SettingsError
from engine.records import ScoreKind
from engine.remote.wire import WireResponse
from engine.rerankers.remote.dialects import answers
from engine.rerankers.remote.dialects.base import Dialect, extended
from engine.rerankers.remote.dialects.call import ParsedScores, RerankCall
from engine.rerankers.remote.dialects.json_paths import put
from engine.rerankers.remote.providers import Provider


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The names of one family; a provider's ``wire`` replaces single ones. Names may be dotted: ``input.query``.

    model, query, documents  request fields; model '' where the address names it
    text        the field of a document that is an object; '' where documents are strings
    count       the request field that takes the number of documents, where leaving it out would not give all
    results     where the answer's list stands, '' the whole answer; null: wherever a list is known to stand
    index, index_base, score  of an entry; score null: by any known name
    tokens_are  what the service counts as tokens
    """

    model: str = "model"
    query: str = "query"
    documents: str = "documents"
    text: str = ""
    count: str = ""
    results: str | None = None
    index: str = "index"
    index_base: int = 0
    score: str | None = None
    tokens_are: str = "tokens"

    def of(self, provider: Provider) -> Shape:
        """With what the provider's row says otherwise."""
        if not provider.wire:
            return self
        try:
            return msgspec.convert({**msgspec.to_builtins(self), **provider.wire}, Shape)
        except msgspec.ValidationError as error:
            path = f"providers.{provider.name}.wire"
            known = ", ".join(self.__struct_fields__)
            raise SettingsError(f"{path}: {error}", path=path, hint=f"it may hold: {known}") from None


class Shaped(Dialect):
    """A dialect that is a shape."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def body(self, call: RerankCall) -> dict[str, Any]:
        shape = self.shape.of(call.provider)
        body: dict[str, Any] = {}
        if shape.model and call.model:
            put(body, shape.model, call.model)
        put(body, shape.query, call.query)
        put(body, shape.documents, [{shape.text: text} if shape.text else text for text in call.documents])
        if shape.count:
            put(body, shape.count, len(call.documents))
        return extended(body, call)

    def parse(self, response: WireResponse, call: RerankCall) -> ParsedScores:
        shape = self.shape.of(call.provider)
        body = answers.decoded(response, call)
        places = ("", *answers.PLACES) if shape.results is None else (shape.results,)
        names = answers.SCORE_NAMES if shape.score is None else (shape.score,)
        entries = answers.entries(body, places, call, response)
        pairs = [(entry.get(shape.index), answers.score_of(entry, names)) for entry in entries]
        if all(score is None for _, score in pairs):
            raise answers.without_scores(call, body, response)
        parsed = answers.scored(pairs, call, self.kind(call), base=shape.index_base)
        return answers.complete(parsed, body, response, shape.tokens_are)

    def kind(self, call: RerankCall) -> ScoreKind:
        """The row's word, unless the request asks for raw scores."""
        extra = call.provider.extra
        if extra.get("raw_scores") is True or extra.get("use_activation") is False:
            return ScoreKind.LOGIT
        return call.provider.kind_of(call.model)
