"""Whether an embedder is the one that made the vectors of an index: by its name, or by the files that it is.

A model's folder may be moved, and other files may be put in its place: the fingerprint of its files decides.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.embedders.base import EmbedderInfo
from engine.embedders.local import FINGERPRINT, pinned
from engine.errors import IndexMismatchError
from engine.records import RanOn
from engine.settings.schema import DenseLeg
from engine.stores.embedded.schema import EmbeddingSpec

DEFAULT_TEMPLATE = DenseLeg().text


def check_template(
    name: str, leg: DenseLeg, built: EmbeddingSpec, where: str, rebuild: Callable[[str], str], *, explicit: bool
) -> None:
    """Raises ``IndexMismatchError`` where leg ``name`` asks for another text than was embedded; ``explicit``: the
    settings say so themselves. ``rebuild`` is the command that builds the index with a change of settings."""
    if leg.text != built.template and (explicit or leg.text != DEFAULT_TEMPLATE):
        raise IndexMismatchError(
            f"legs.{name}.text is {leg.text!r}, but the index {where} embeds {built.template!r}.",
            hint=f"Use the index's, or build it again: {rebuild(f'legs.{name}.text={leg.text}')}",
        )


def check_embedder(
    name: str,
    leg: DenseLeg,
    built: EmbeddingSpec,
    embedder: EmbedderInfo,
    where: str,
    rebuild: Callable[[str], str],
) -> None:
    """Raises ``IndexMismatchError`` where the leg's embedder did not make the vectors, as far as it is known."""
    made = (built.name, built.revision, built.dimension, built.similarity)
    same_files = built.revision.startswith(FINGERPRINT) and built.revision == embedder.revision
    asked = (embedder.name, embedder.revision, embedder.dimension, embedder.similarity.value)
    known = asked
    if not embedder.dimension:  # checked with the first answer of a service, or once the model is loaded
        revision = embedder.revision or (built.revision if embedder.ran_on is RanOn.WORKER else "")
        known = (embedder.name, revision, built.dimension, built.similarity)
    if made == known or same_files:  # a model's folder may have moved
        return
    way = f"Use the index's embedder ({pinned(built.name, built.revision)})"
    if built.name == embedder.name and built.revision.startswith(FINGERPRINT):
        way = "The files of that folder are others than they were: put the earlier ones back"
    raise IndexMismatchError(
        f"legs.{name}.embedder is {_describe(*asked)}, but the vectors of {where} are by {_describe(*made)}.",
        hint=f"{way}, or build it again: {rebuild(f'legs.{name}.embedder={leg.embedder}')}",
    )


def _describe(name: str, revision: str, dimension: int, similarity: str) -> str:
    shape = f" ({dimension} dimensions, {similarity})" if dimension else ""
    return f"{name}{'@' + revision if revision else ''}{shape}"
