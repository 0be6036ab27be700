"""How an index that Rankscope writes is laid out: names, analysers, fields, vectors, what its mapping remembers. Pure.

``NAME`` is an alias; behind it stands one index ``NAME-000001``, the next build writes ``NAME-000002``. A half-built
index has the alias ``NAME-000002-building`` instead, and loses it in the very request that gives it ``NAME``. Of two
builds at once the later takes over: documents of the other one, sent to its own alias, cannot get into this index.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from engine.errors import SettingsError, StoreError
from engine.stores.elastic.detect import Engine
from engine.stores.elastic.mapping import META, ORDER
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec

Json = dict[str, Any]
Knn = Literal["exact", "hnsw"]

VECTOR = "vector"
OWN = (ORDER, VECTOR)
"""Fields that a document may not have: they are ours."""
_LONGEST_KEYWORD = 8191
"""Characters; Lucene refuses terms above 32,766 bytes, and a character has four at most."""
_FLAT_SINCE = (8, 13, 0)
_DOT_SINCE = (8, 11, 0)
_SPACE_SINCE = (2, 17, 0)

_IDENTIFIER: Json = {
    "filter": {
        "identifier_parts": {"type": "word_delimiter", "preserve_original": True, "stem_english_possessive": False}
    },
    "analyzer": {
        "identifier": {"type": "custom", "tokenizer": "standard", "filter": ["identifier_parts", "lowercase"]}
    },
}
"""The nearest to our analyser of that name: the whole name, and its parts by case, digits and signs."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a build asks for.

    name    the alias
    knn     ``exact`` compares every vector, ``hnsw`` searches a graph of them
    k1, b   of BM25; the index fixes them
    """

    name: str
    spec: IndexSpec
    knn: Knn = "exact"
    shards: int = 1
    k1: float = 1.2
    b: float = 0.75

    def building(self, index: str) -> str:
        """The alias of that index while it is half built."""
        return f"{index}-building"

    def index(self, number: int) -> str:
        return f"{self.name}-{number:06d}"

    def number(self, index: str) -> int:
        """The number of one of its indices, 0 for any other name."""
        found = re.fullmatch(rf"{re.escape(self.name)}-(\d{{6,}})", index)
        return int(found[1]) if found else 0

    def key(self, fingerprint: str) -> str:
        """Equal keys promise that a build can go on where another one ended."""
        spec = msgspec.structs.replace(self.spec, source="")
        parts = (fingerprint, msgspec.json.encode(spec).decode(), self.knn, self.shards, self.k1, self.b)
        return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]


def index_body(layout: Layout, index: str, engine: Engine, meta: Mapping[str, str]) -> Json:
    """The body of ``PUT /INDEX``. Raises ``StoreError`` for what this version of the engine cannot hold."""
    settings: Json = {
        "number_of_shards": layout.shards,
        "number_of_replicas": 0,  # and no refreshes: both come with the end of the build
        "refresh_interval": "-1",
    }
    if (layout.k1, layout.b) != (1.2, 0.75):
        settings["similarity"] = {"default": {"type": "BM25", "k1": layout.k1, "b": layout.b}}
    if "identifier" in layout.spec.text_fields.values():
        settings["analysis"] = _IDENTIFIER
    fields: Json = {name: {"type": "text", "analyzer": how} for name, how in layout.spec.text_fields.items()}
    fields[ORDER] = {"type": "long"}
    if layout.spec.embedding is not None:
        if engine.is_opensearch and layout.knn == "hnsw":
            settings["knn"] = True
        fields[VECTOR] = vector_field(layout.spec.embedding, layout.knn, engine)
    return {
        "settings": {"index": settings},
        "mappings": {
            "_meta": {META: dict(meta)},
            "date_detection": False,
            "dynamic_templates": [
                {
                    "texts": {
                        "match_mapping_type": "string",
                        "mapping": {"type": "keyword", "ignore_above": _LONGEST_KEYWORD},
                    }
                },
                {"numbers": {"match_mapping_type": "long", "mapping": {"type": "double"}}},
            ],
            "properties": fields,
        },
        "aliases": {layout.building(index): {}},
    }


def vector_field(embedding: EmbeddingSpec, knn: Knn, engine: Engine) -> Json:
    """The mapping of the vectors; OpenSearch compares all of them by a script, over a field without a graph."""
    dot = embedding.similarity == "dot"
    if engine.is_opensearch:
        space = "innerproduct" if dot else "cosinesimil"
        field: Json = {"type": "knn_vector", "dimension": embedding.dimension}
        if knn == "exact" and engine.version < _SPACE_SINCE:
            raise StoreError(
                f"{engine} cannot keep the similarity of vectors without a graph",
                hint="--knn hnsw, or OpenSearch 2.17",
            )
        if knn == "exact":
            return field | {"space_type": space}
        # the engine is always named: OpenSearch's own choice differs between versions, and needs native code
        return field | {"method": {"name": "hnsw", "engine": "lucene", "space_type": space}}
    if dot and engine.version < _DOT_SINCE:
        raise StoreError(
            f"{engine} has no similarity for vectors of any length, which {embedding.name} makes",
            hint="Elasticsearch 8.11 has it, or take an embedder of unit vectors",
        )
    field = {
        "type": "dense_vector",
        "dims": embedding.dimension,
        "index": True,
        "similarity": "max_inner_product" if dot else "cosine",
    }
    if knn == "hnsw":
        return field | {"index_options": {"type": "hnsw"}}
    if engine.version < _FLAT_SINCE:
        return {"type": "dense_vector", "dims": embedding.dimension, "index": False}
    return field | {"index_options": {"type": "flat"}}


def meta_of(spec: IndexSpec, key: str, taken: int) -> dict[str, str]:
    """What the mapping remembers: who made the vectors and of what, and how far the build is."""
    about = {"key": key, "taken": str(taken)}
    if spec.embedding is not None:
        made = spec.embedding
        about |= {"embedder": made.name, "dimension": str(made.dimension), "template": made.template}
        about |= {"revision": made.revision} if made.revision else {}
    return about


def swap(layout: Layout, new: str, old: Iterable[str]) -> Json:
    """The body of ``POST /_aliases`` by which searches see the new index instead of the old ones, in one step."""
    actions: list[Json] = [{"remove": {"index": one, "alias": layout.name}} for one in old]
    actions.append({"add": {"index": new, "alias": layout.name}})
    actions.append({"remove": {"index": new, "alias": layout.building(new)}})
    return {"actions": actions}


def check_fields(names: Iterable[str]) -> None:
    """Refuses fields that are ours. Raises ``SettingsError``."""
    taken = sorted(set(names) & set(OWN))
    if taken:
        raise SettingsError(
            f"the documents have a field {taken[0]!r}, which an index of an engine needs for itself",
            hint=f"take it in under another name: --field my_{taken[0]}={taken[0]}",
        )
