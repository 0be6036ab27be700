"""The engine's own account of a document's score: the explanation as it gives it, as indented lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from console.text import clean
from engine.errors import UsageError

if TYPE_CHECKING:
    from console.session import Session

DEPTH = 24


async def account_of(session: Session, document_id: str) -> Mapping[str, Any]:
    """The tree for the first lexical leg; empty where the document does not match.

    Raises ``UsageError`` where there is nothing to explain, ``StoreError`` where the engine does not answer.
    """
    from engine.settings.schema import LexicalLeg
    from engine.stores.elastic.store import ElasticStore

    store, search = session.pipeline.store, session.search
    leg = next((leg for leg in session.settings.legs.values() if isinstance(leg, LexicalLeg)), None)
    if not isinstance(store, ElasticStore) or search is None or leg is None:
        raise UsageError("no engine scored words here", hint="search an index of Elasticsearch or OpenSearch")
    return await store.explanation_tree(search.query, leg, document_id)


def account_lines(tree: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[int, float, str]]:
    """(depth, value, what it is) of every node, a node before what it is made of."""
    yield depth, float(tree.get("value", 0.0)), clean(str(tree.get("description", "")))
    for inner in tree.get("details") or () if depth < DEPTH else ():
        yield from account_lines(inner, depth + 1)
