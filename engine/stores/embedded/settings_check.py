"""Whether a leg's settings fit an index, and which of the leg's fields the index has."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import partial

from engine.embedders.base import EmbedderInfo
from engine.errors import IndexMismatchError, SettingsError
from engine.settings.schema import DenseLeg, GraphLeg, LegSettings, LexicalLeg
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.made_by import check_embedder, check_template

DEFAULT_FIELDS = frozenset(LexicalLeg().fields)
DEFAULT_ANALYZER = LexicalLeg().analyzer


def searched_fields(leg: LexicalLeg, text_fields: Mapping[str, str], name: str = "lexical") -> tuple[str, ...]:
    """The leg's fields with a boost above 0, in settings order.

    The default pair title and text stands for those of the two that the index has; any other unknown field raises
    ``SettingsError`` naming the nearest.
    """
    present = [field for field in leg.fields if field in text_fields]
    for field in leg.fields:
        if field not in text_fields and not (leg.fields.keys() <= DEFAULT_FIELDS and present):
            near = get_close_matches(field, text_fields, n=1)
            raise SettingsError(
                f"the index has no text field {field!r}" + (f"; the nearest is {near[0]!r}" if near else ""),
                path=f"legs.{name}.fields",
                hint=f"text fields of the index: {', '.join(text_fields)}",
            )
    return tuple(field for field in present if leg.fields[field] > 0)


def check(index: EmbeddedIndex, name: str, leg: LegSettings, *, embedder: EmbedderInfo | None, explicit: bool) -> None:
    """Raises ``IndexMismatchError`` (hint: the rebuild command) or ``SettingsError`` where the leg does not fit."""
    check_kind(name, leg)
    if isinstance(leg, LexicalLeg):
        _check_lexical(index, name, leg, explicit)
    elif isinstance(leg, DenseLeg):
        _check_dense(index, name, leg, embedder, explicit)


def check_kind(name: str, leg: LegSettings) -> None:
    """Raises ``SettingsError`` for a leg that only a search engine has."""
    if not isinstance(leg, (LexicalLeg, DenseLeg)) or isinstance(leg, GraphLeg):
        raise SettingsError(
            f"legs.{name} is a leg of kind {leg.kind}, which the embedded index does not have",
            path=f"legs.{name}.kind",
            hint=f"set weights.{name} = 0, or store.kind to an engine that has it",
        )
    for key in ("body", "template"):
        if isinstance(leg, LexicalLeg) and getattr(leg, key):
            raise SettingsError(
                f"legs.{name}.{key} is for Elasticsearch and OpenSearch; the embedded index has its own query",
                path=f"legs.{name}.{key}",
                hint="take it away, or set store.kind",
            )


def _check_lexical(index: EmbeddedIndex, name: str, leg: LexicalLeg, explicit: bool) -> None:
    built = index.spec.text_fields
    for field in searched_fields(leg, built, name):
        wanted = leg.analyzers.get(field, leg.analyzer if explicit or leg.analyzer != DEFAULT_ANALYZER else "")
        if wanted and wanted != built[field]:
            key = f"analyzers.{field}" if field in leg.analyzers else "analyzer"
            raise IndexMismatchError(
                f"legs.{name}.{key} is {wanted!r}, but the index {index.path} was built with {built[field]!r} "
                f"for {field!r}.",
                hint=f"Leave it out, or build the index again: {_rebuild(index, f'legs.{name}.{key}={wanted}')}",
            )


def _check_dense(index: EmbeddedIndex, name: str, leg: DenseLeg, embedder: EmbedderInfo | None, explicit: bool) -> None:
    built = index.spec.embedding
    if built is None:
        raise IndexMismatchError(
            f"The index {index.path} was built without vectors; legs.{name} needs them.",
            hint=f"Set weights.{name} = 0, or build the index again: "
            + _rebuild(index, f"legs.{name}.embedder={leg.embedder}"),
        )
    rebuild = partial(_rebuild, index)
    check_template(name, leg, built, str(index.path), rebuild, explicit=explicit)
    if embedder is not None:
        check_embedder(name, leg, built, embedder, str(index.path), rebuild)


def _rebuild(index: EmbeddedIndex, change: str) -> str:
    return index.spec.rebuild_command(index.path, change)
