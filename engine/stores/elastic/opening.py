"""Opening an index: what answers and what it holds is asked at once; the searches' own client is made with the first.

``open_elastic`` is synchronous, as every opener is, and may be called where a loop runs: it asks on one of its own, in
one of the threads of the engine.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Collection
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.embedders import registry as embedders
from engine.embedders.base import EmbedContext, EmbedderInfo
from engine.errors import EngineError, IndexMismatchError, SettingsError
from engine.local.models.cache import cache_folder
from engine.records import ScoreKind
from engine.remote.offline import OfflineRule
from engine.settings.schema import DenseLeg, GraphLeg, LexicalLeg, Settings, SparseLeg, StoreSettings
from engine.stores.elastic.cluster import Cluster
from engine.stores.elastic.connection import connect, place
from engine.stores.elastic.detect import OPENSEARCH, Engine, detect
from engine.stores.elastic.faults import Place, engine_error
from engine.stores.elastic.fields import searched_fields
from engine.stores.elastic.layout import VECTOR
from engine.stores.elastic.mapping import IndexShape, VectorField, read
from engine.stores.elastic.own_body import read_body
from engine.stores.elastic.store import ElasticStore
from engine.stores.embedded.schema import EmbeddingSpec
from engine.stores.made_by import check_embedder, check_template

OPENING_S = 15.0
"""Longest time for finding out what answers."""


@dataclass(frozen=True, slots=True)
class Found:
    """What answered, and what its index holds."""

    engine: Engine
    shape: IndexShape


def open_elastic(settings: Settings, base_dir: Path, executor: Executor, explicit: Collection[str]) -> ElasticStore:
    """The store of the settings' index. Raises ``EngineError``, ``IndexMismatchError`` and ``SettingsError``."""
    store, rule = settings.store, OfflineRule(settings.remote.offline, tuple(settings.remote.trusted_hosts))
    if not store.index:
        raise SettingsError(
            "store.index is empty: it is the index to search",
            path="store.index",
            hint="`rankscope connect URL` lists the indices",
        )
    found = executor.submit(asyncio.run, probe(store, base_dir, rule)).result()
    if found.engine.name != store.kind:
        right = found.engine.name
        raise SettingsError(
            f"store.kind is {store.kind!r}, but {place(store)} is {found.engine}",
            path="store.kind",
            hint=f'write store.kind = "{right}"',
        )
    check(settings, found.shape, executor, base_dir, explicit)
    client = connect(store, base_dir, rule=rule, timeout_s=settings.budget.query_ms / 1e3)
    return ElasticStore(Cluster(client, found.engine, found.shape, store), settings, base_dir)


async def probe(store: StoreSettings, base_dir: Path, rule: OfflineRule | None = None) -> Found:
    """Ask what answers and what the index holds. Raises ``EngineError``, and ``StoreError`` for what is no engine."""
    client = connect(store, base_dir, rule=rule, timeout_s=OPENING_S)
    at = Place(place(store), store.index)
    try:
        async with asyncio.timeout(OPENING_S):
            engine = await detect(client, store.index)
            return Found(engine, await read(client, store.index))
    except TimeoutError:
        raise EngineError(
            f"{at.host}: no answer within {OPENING_S:.0f} s",
            kind="timeout",
            hint="is the engine overloaded, or paused?",
        ) from None
    except Exception as error:
        raise engine_error(error, at) from error
    finally:
        await client.close()


def check(settings: Settings, shape: IndexShape, executor: Executor, base_dir: Path, explicit: Collection[str]) -> None:
    """Refuses legs of weight above 0 that the index cannot answer.

    Raises ``SettingsError`` for fields that it lacks, ``IndexMismatchError`` where it was made with another analyzer or
    embedder.
    """
    for name, leg in settings.legs.items():
        if settings.weights.get(name, 0) <= 0:
            continue
        match leg:
            case LexicalLeg():
                _check_lexical(name, leg, shape, f"legs.{name}.analyzer" in explicit)
                if leg.body:
                    read_body(base_dir, leg.body, name)
            case GraphLeg():
                raise SettingsError(
                    f"legs.{name} searches RAGFlow's knowledge graph, which store.kind {settings.store.kind!r} has not",
                    path=f"legs.{name}.kind",
                    hint='set store.kind = "ragflow", or take the leg away',
                )
            case DenseLeg():
                made = _embedder(name, leg, executor, settings, base_dir)
                _check_dense(name, leg, shape, made, settings.store, f"legs.{name}.text" in explicit)
            case SparseLeg():
                _check_sparse(name, leg, shape, settings.store)


def _check_lexical(name: str, leg: LexicalLeg, shape: IndexShape, explicit: bool) -> None:
    if leg.synonyms:
        raise SettingsError(
            f"legs.{name}.synonyms: this engine expands synonyms by the index's own analyzer",
            path=f"legs.{name}.synonyms",
            hint="take it away, and put a synonym filter into the analyzer of the field",
        )
    if leg.body and leg.template:
        raise SettingsError(
            f"legs.{name}: body and template are both set", path=f"legs.{name}.template", hint="take one of them away"
        )
    if leg.body or leg.template:
        return
    for field in searched_fields(leg, shape, name):
        wanted = leg.analyzers.get(field, leg.analyzer if explicit or leg.analyzer != LexicalLeg().analyzer else "")
        built = shape.text.get(field, wanted)
        if wanted and wanted != built:
            key = f"analyzers.{field}" if field in leg.analyzers else "analyzer"
            raise IndexMismatchError(
                f"legs.{name}.{key} is {wanted!r}, but the index {shape.name} has {built!r} for {field!r}.",
                hint="Leave it out: the index's own is used.",
            )


def _check_sparse(name: str, leg: SparseLeg, shape: IndexShape, store: StoreSettings) -> None:
    field = shape.sparse_field(leg.field, name)
    if store.kind == OPENSEARCH and shape.sparse[field] == "sparse_vector" and not leg.inference_id:
        raise SettingsError(
            f"legs.{name}: {field} of {shape.name} holds numbers of a model's tokens, and no words",
            path=f"legs.{name}.inference_id",
            hint="name the model that made them by its id: it expands the query as well",
        )


def _embedder(name: str, leg: DenseLeg, executor: Executor, settings: Settings, base_dir: Path) -> EmbedderInfo:
    models = cache_folder(settings.local.cache_dir, base_dir=base_dir)
    context = EmbedContext(executor, None, settings.providers, base_dir, models=models)
    return embedders.make(leg.embedder, context, path=f"legs.{name}.embedder").info


def _check_dense(
    name: str, leg: DenseLeg, shape: IndexShape, embedder: EmbedderInfo, store: StoreSettings, explicit: bool
) -> None:
    vectors = shape.vector_field(leg.field, name)
    if built := _embedding(shape, vectors, embedder):
        rebuild = partial(_rebuild, store)
        if built.template:
            check_template(name, leg, built, shape.name, rebuild, explicit=explicit)
        check_embedder(name, leg, built, embedder, shape.name, rebuild)
    if embedder.dimension and vectors.dimension and embedder.dimension != vectors.dimension:
        raise IndexMismatchError(
            f"legs.{name}.embedder makes vectors of {embedder.dimension} dimensions, "
            f"but those in {vectors.name} of {shape.name} have {vectors.dimension}.",
            hint=f"Set legs.{name}.embedder to the one that made them, or weights.{name} = 0.",
        )


def _embedding(shape: IndexShape, vectors: VectorField, embedder: EmbedderInfo) -> EmbeddingSpec | None:
    """What the index remembers of its vectors, None where it was not written here. What it does not remember is taken
    to be as the embedder has it."""
    meta = shape.meta
    if vectors.name != VECTOR or not meta.get("embedder"):
        return None
    cosine = vectors.is_cosine if vectors.indexed else embedder.similarity is ScoreKind.COSINE
    revision, template = meta.get("revision", embedder.revision), meta.get("template", "")
    return EmbeddingSpec(meta["embedder"], vectors.dimension, revision, template, "cosine" if cosine else "dot")


def _rebuild(store: StoreSettings, change: str) -> str:
    """The command that builds the index anew."""
    into = f"{store.kind}:{store.index}"
    return shlex.join(
        ["rankscope", "index", "SOURCE", "--into", into, "--url", store.url, "--rebuild", "--set", change]
    )
