"""Who made the vectors of an index: the dimension says who could have, a stored text beside its vector who has.

An embedder that makes nearly the stored vector of a stored text is the one. Services are not asked: documents would
leave the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from engine.embedders import registry as embedders
from engine.embedders.base import EmbedContext
from engine.embedders.local import PREFIX
from engine.embedders.static import StaticEmbedder
from engine.errors import RankscopeError
from engine.ingest.template import Template
from engine.local.models.catalogue import find, presets
from engine.records import FloatArray
from engine.stores.elastic.listing import Sample
from engine.stores.elastic.proposal import Embedding, Proposal, Suits

PROOF = 0.98
"""Median cosine from which on two vectors are by one embedder; others of its kind stay far below."""
_EXACT = 0.9999
COMPARED = 8
"""Documents, of each of which every template is tried."""

SERVICES = {
    "openai/text-embedding-3-small": 1536,
    "openai/text-embedding-3-large": 3072,
    "cohere/embed-v4.0": 1536,
    "cohere/embed-multilingual-v3.0": 1024,
    "voyage/voyage-3.5": 1024,
    "voyage/voyage-3.5-lite": 1024,
    "jina/jina-embeddings-v3": 1024,
    "jina/jina-embeddings-v4": 2048,
    "dashscope/text-embedding-v4": 1024,
    "dashscope/text-embedding-v3": 1024,
    "ollama/nomic-embed-text": 768,
    "lmstudio/text-embedding-nomic-embed-text-v1.5": 768,
}
"""Models of the table of services, and the dimension that they have unless another one is asked for."""

Telling = Callable[[str], None]


def fitting(dimension: int) -> tuple[str, ...]:
    """The known embedders that make vectors of that dimension: our own, models on this machine, services."""
    if not dimension:
        return ()  # not known before the first document
    found = ["static"] if StaticEmbedder.info.dimension == dimension else []
    found += [f"local/{name}" for name, one in presets().items() if one.dimension == dimension]
    return (*found, *(name for name, size in SERVICES.items() if size == dimension))


def nearness(context: EmbedContext, wanted: str = "") -> Suits:
    """Of a dimension: 2 where an embedder for it can be tried here, 1 where one is known, 0 for none. Where the user
    says who made the vectors only that one's dimension counts."""
    if wanted:
        own = _dimension(wanted, context)
        return lambda dimension: 2 * (0 < dimension == own)
    return lambda dimension: max((1 + _here(name, context) for name in fitting(dimension)), default=0)


def _dimension(name: str, context: EmbedContext) -> int:
    """What that embedder makes, 0 where only its first answer tells. Raises ``SettingsError`` where there is none."""
    embedder = embedders.make(name, context, path="--embedder")
    preset = find(name.removeprefix(PREFIX)) if embedders.is_local(name) else None
    return embedder.info.dimension or SERVICES.get(name, 0) or (preset.dimension if preset else 0)


async def guess(
    proposal: Proposal,
    samples: Sequence[Sample],
    context: EmbedContext,
    *,
    wanted: str = "",
    telling: Telling = lambda text: None,
) -> Proposal:
    """The proposal with its embedder, where it can be found or was named.

    wanted   the one that the user says it is: compared as well, and taken all the same
    telling  told what is tried

    Raises ``SettingsError`` where there is no embedder of the wanted name.
    """
    vector = proposal.vector
    if vector is None or (proposal.embedding.sure and not wanted):
        return proposal
    if wanted:
        embedders.make(wanted, context, path="--embedder")
    fits = fitting(vector.dimension)
    pairs = [one for one in samples if vector.name in one.vectors][:COMPARED]
    tried: list[str] = []
    for name in (wanted,) if wanted else fits:
        if not _here(name, context) or not pairs:
            continue
        telling(f"comparing with {name}")
        try:
            cosine, template = await _compared(name, proposal, pairs, context)
        except RankscopeError as error:
            tried.append(f"{name}: {error.message}")
            continue
        if cosine >= PROOF:
            reason = f"it makes the stored vectors of {len(pairs)} documents from {template!r}: cosine {cosine:.4f}"
            return replace(proposal, embedding=Embedding(name, reason, True, fits, template))
        other = f"others (cosine {cosine:.2f})" if template else "vectors of another dimension"
        tried.append(f"{name} makes {other}")
    reason = _unsure(wanted, tried, fits, bool(pairs), vector.dimension)
    return replace(proposal, embedding=Embedding(wanted, reason, False, fits))


def _here(name: str, context: EmbedContext) -> bool:
    """Whether it can be tried without a download and without documents leaving this machine."""
    if embedders.is_remote(name):
        return False
    if not embedders.is_local(name):
        return True
    try:
        return context.local is not None and bool(embedders.make(name, context).info.revision)
    except RankscopeError:
        return False


def _unsure(wanted: str, tried: Sequence[str], fits: Sequence[str], pairs: bool, dimension: int) -> str:
    """Why the embedder is not known, in one sentence."""
    said = "; ".join(tried)
    if wanted:
        return f"as you say; {said or 'it was not compared with the stored vectors'}"
    left = [name for name in fits if not any(name in one for one in tried)]
    if not fits:
        return (
            f"no embedder in the list makes {dimension} dimensions" if dimension else "its dimension is not known yet"
        )
    if not pairs:
        return f"no vector could be read to compare; {', '.join(fits)} would fit by the dimension"
    could = f"{', '.join(left)} would fit by the dimension, and cannot be tried here" if left else ""
    fetch = "`rankscope models fetch` brings one here" if any(map(embedders.is_local, left)) else ""
    return "; ".join(text for text in (said, could, fetch) if text)


async def _compared(name: str, proposal: Proposal, pairs: Sequence[Sample], context: EmbedContext) -> tuple[float, str]:
    """The best template's median cosine between what the embedder makes and what is stored, and that template."""
    assert proposal.vector is not None
    stored = np.array([one.vectors[proposal.vector.name] for one in pairs], dtype=np.float64)
    embedder, best = embedders.make(name, context), (-1.0, "")
    for template in templates(proposal):
        parsed = Template.parse(template)
        made = await embedder.embed_documents([parsed.fill(one.document).text for one in pairs])
        if made.shape == stored.shape:
            cosine = _cosine(np.asarray(made, dtype=np.float64), stored)
            best = (cosine, template) if cosine > best[0] else best
        if best[0] >= _EXACT:
            break
    return best


def templates(proposal: Proposal) -> list[str]:
    """What may have been embedded: title and texts together, each text alone, all of them."""
    fields, title = list(proposal.fields), proposal.title
    texts = sorted((name for name in fields if name != title), key=lambda name: -proposal.lengths.get(name, 0.0))
    found: list[str] = []
    for text in texts[:3]:
        found += [f"{{{title}}}\n{{{text}}}", f"{{{title}}} {{{text}}}", f"{{{title}}}. {{{text}}}"] if title else []
        found.append(f"{{{text}}}")
    found += [f"{{{title}}}"] if title else []
    if len(texts) > 1:
        found.append("\n".join(f"{{{name}}}" for name in ([title] if title else []) + texts))
    return list(dict.fromkeys(found))


def _cosine(made: FloatArray, stored: FloatArray) -> float:
    """The median over the documents that have both; −1 where none has."""
    return median(_cosines(made, stored)) if len(made) else -1.0


def _cosines(made: FloatArray, stored: FloatArray) -> Iterable[float]:
    norms = np.linalg.norm(made, axis=1) * np.linalg.norm(stored, axis=1)
    products = np.einsum("ij,ij->i", made, stored)
    return [float(product / norm) if norm > 0 else -1.0 for product, norm in zip(products, norms, strict=True)]
