"""Whether a leg's settings fit an index, and which of the leg's fields the index has."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from engine.embedders.base import EmbedderInfo
from engine.embedders.local import FINGERPRINT, pinned
from engine.errors import IndexMismatchError, SettingsError
from engine.records import RanOn
from engine.settings.schema import DenseLeg, GraphLeg, LegSettings, LexicalLeg
from engine.stores.embedded.index import EmbeddedIndex

DEFAULT_FIELDS = frozenset(LexicalLeg().fields)
DEFAULT_ANALYZER = LexicalLeg().analyzer
DEFAULT_TEMPLATE = DenseLeg().text


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
    rebuild = _rebuild(index, f"legs.{name}.embedder={leg.embedder}")
    if built is None:
        raise IndexMismatchError(
            f"The index {index.path} was built without vectors; legs.{name} needs them.",
            hint=f"Set weights.{name} = 0, or build the index again: {rebuild}",
        )
    if leg.text != built.template and (explicit or leg.text != DEFAULT_TEMPLATE):
        raise IndexMismatchError(
            f"legs.{name}.text is {leg.text!r}, but the index {index.path} embeds {built.template!r}.",
            hint=f"Use the index's, or build it again: {_rebuild(index, f'legs.{name}.text={leg.text}')}",
        )
    if embedder is None:
        return
    made = (built.name, built.revision, built.dimension, built.similarity)
    same_files = built.revision.startswith(FINGERPRINT) and built.revision == embedder.revision
    asked = (embedder.name, embedder.revision, embedder.dimension, embedder.similarity.value)
    known = asked
    if not embedder.dimension:  # checked with the first answer of a service, or once the model is loaded
        revision = embedder.revision or (built.revision if embedder.ran_on is RanOn.WORKER else "")
        known = (embedder.name, revision, built.dimension, built.similarity)
    if made != known and not same_files:  # a model's folder may have moved
        way = f"Use the index's embedder ({pinned(built.name, built.revision)})"
        if built.name == embedder.name and built.revision.startswith(FINGERPRINT):
            way = "The files of that folder are others than they were: put the earlier ones back"
        raise IndexMismatchError(
            f"legs.{name}.embedder is {_describe(*asked)}, but the vectors of {index.path} are by {_describe(*made)}.",
            hint=f"{way}, or build it again: {rebuild}",
        )


def _describe(name: str, revision: str, dimension: int, similarity: str) -> str:
    shape = f" ({dimension} dimensions, {similarity})" if dimension else ""
    return f"{name}{'@' + revision if revision else ''}{shape}"


def _rebuild(index: EmbeddedIndex, change: str) -> str:
    return index.spec.rebuild_command(index.path, change)
