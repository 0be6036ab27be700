"""What an index holds, read from its mapping and settings. Pure but for ``read``.

An index that Rankscope wrote says so in its mapping: ``_meta.rankscope`` names the embedder of its vectors, and the
numeric field ``order`` holds the order of the source, the last tie-break of every leg.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.errors import SettingsError

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

META = "rankscope"
ORDER = "order"
NESTED, SEMANTIC = "nested", "semantic_text"
FLAT_OBJECT = "flat_object"
_FLATTENED = ("flattened", FLAT_OBJECT)
_CODED = {"byte": "bytes", "bit": "bits", "binary": "bits"}
"""How the engines call vectors whose parts are no floats, and what their parts are."""

_TEXT = frozenset({"text", "match_only_text", "search_as_you_type"})
_KEYWORD = frozenset({"keyword", "constant_keyword", "wildcard", "boolean", "ip", "version"})
_NUMERIC = frozenset(
    {"long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long"}
)
_SPARSE = frozenset({"sparse_vector", "rank_features"})
_COSINE = ("cosine", "cosinesimil", "dot_product")


@dataclass(frozen=True, slots=True)
class VectorField:
    """A field of dense vectors.

    similarity  the engine's name: cosine, dot_product, l2_norm, max_inner_product, cosinesimil, innerproduct, l2, …
    exact       a search compares every vector, and with its full precision
    indexed     a search without a script is possible at all
    engine      of OpenSearch: lucene, faiss, nmslib
    """

    name: str
    dimension: int
    similarity: str
    exact: bool = False
    indexed: bool = True
    engine: str = ""

    @property
    def is_cosine(self) -> bool:
        """Whether its scores are cosines: ``dot_product`` takes unit vectors only."""
        return self.similarity in _COSINE


@dataclass(frozen=True, slots=True)
class IndexShape:
    """The fields of an index by what can be done with them; dotted names for those inside objects.

    text       field → analyzer of a query
    keywords   field → field that holds its exact values (``title`` → ``title.keyword``)
    vectors    those whose parts are floats, as embedders make them
    coded      field of other vectors → what their parts are
    sparse     field → its type
    aliases    other name of a field → that field
    computed   fields that no document holds: worked out at each search
    k1, b      of the default similarity
    meta       what Rankscope wrote of its own index, empty for any other
    source     whether the engine keeps the documents themselves
    homes      field → the first index behind the name that has it
    """

    name: str
    text: Mapping[str, str] = field(default_factory=dict)
    keywords: Mapping[str, str] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    vectors: Mapping[str, VectorField] = field(default_factory=dict)
    coded: Mapping[str, str] = field(default_factory=dict)
    sparse: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    computed: frozenset[str] = frozenset()
    shards: int = 1
    documents: int = 0
    k1: float = 1.2
    b: float = 0.75
    meta: Mapping[str, str] = field(default_factory=dict)
    source: bool = True
    homes: Mapping[str, str] = field(default_factory=dict)
    indices: tuple[str, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether one plain index is behind the name: some requests take neither several nor a data stream."""
        return len(self.indices) < 2 and not any(one.startswith(".ds-") for one in self.indices)

    def home(self, field_: str) -> str:
        """What to ask about a field's analyzer. A plain alias stays as it is: a key may be good for that name alone."""
        return self.name if self.alone else self.homes.get(field_, self.indices[0])

    @property
    def ordered(self) -> bool:
        """Whether ``order`` is ours, and so each document's own number."""
        return bool(self.meta) and ORDER in self.numbers

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that a setting may name."""
        able = (self.text, self.keywords, self.numbers, self.vectors, self.coded, self.sparse, self.others)
        return tuple(dict.fromkeys(name for names in able for name in names))

    def flattened(self, name: str) -> str:
        """The type of the field that keeps a whole object as values, where ``name`` is it or a key in it; else ''."""
        parts = name.split(".")
        kinds = (self.others.get(".".join(parts[:end]), "") for end in range(1, len(parts) + 1))
        return next((kind for kind in kinds if kind in _FLATTENED), "")

    def vector_field(self, wanted: str, leg: str) -> VectorField:
        """The field that a dense leg searches: the one named, else the only one. Raises ``SettingsError``."""
        path = f"legs.{leg}.field"
        found: VectorField = _one(wanted, self.vectors, self, "vectors", path)
        return found

    def sparse_field(self, wanted: str, leg: str) -> str:
        """The field that a sparse leg searches. Raises ``SettingsError``."""
        names = {name: name for name in self.sparse}
        found: str = _one(wanted, names, self, "sparse vectors", f"legs.{leg}.field")
        return found


def _one(wanted: str, known: Mapping[str, Any], shape: IndexShape, what: str, path: str) -> Any:
    if wanted:
        if wanted in known:
            return known[wanted]
        held = f"holds {shape.others[wanted]}" if wanted in shape.others else "is no field of it"
        if wanted in shape.fields and wanted not in shape.others:
            held = "holds no vectors"
        if wanted in shape.coded:
            held = f"holds vectors of {shape.coded[wanted]}, and an embedder makes floats"
        raise SettingsError(
            f"the index {shape.name} has no {what} in {wanted!r}: it {held}",
            path=path,
            hint=f"fields of {what}: {', '.join(known) or 'none'}",
        )
    if len(known) == 1:
        return next(iter(known.values()))
    leg = path.split(".")[1]
    if not known and what == "vectors" and shape.coded:
        name, parts = next(iter(shape.coded.items()))
        raise SettingsError(
            f"the index {shape.name} has vectors of {parts} alone, in {name}, and an embedder makes floats",
            path=path,
            hint=f"set weights.{leg} = 0, or index the documents with vectors of floats",
        )
    if not known:
        raise SettingsError(
            f"the index {shape.name} has no field of {what}; legs.{leg} needs one",
            path=path,
            hint=f"set weights.{leg} = 0, or index the documents with {what}",
        )
    raise SettingsError(
        f"the index {shape.name} has several fields of {what}", path=path, hint=f"set {path}: {', '.join(known)}"
    )


async def read(client: AsyncElasticsearch, index: str) -> IndexShape:
    """The shape of an index, alias, data stream or pattern: the fields of all the indices behind the name.

    Raises what the client raises.
    """
    answer = (await client.indices.get(index=index, allow_no_indices=False)).body
    counted = (await client.count(index=index)).body
    return shape_of(index, answer, int(counted["count"]))


def shape_of(name: str, answer: Mapping[str, Any], documents: int) -> IndexShape:
    """The shape in the answer of ``GET /INDEX``."""
    properties: dict[str, Any] = {}
    homes: dict[str, str] = {}
    similarity: Mapping[str, Any] = {}
    meta: Mapping[str, Any] = {}
    shards, source, graphs = 0, True, False
    computed: dict[str, Any] = {}
    for index, one in answer.items():
        mappings, settings = one.get("mappings") or {}, one.get("settings", {}).get("index", {})
        made = dict(_computed(mappings))
        own, computed = dict(_leaves(mappings.get("properties") or {})) | made, computed | made
        properties, homes = {**own, **properties}, {**dict.fromkeys(own, index), **homes}
        shards += int(settings.get("number_of_shards", 1))
        similarity = settings.get("similarity", {}).get("default", {}) or similarity
        meta = (mappings.get("_meta") or {}).get(META) or meta
        graphs = graphs or str(settings.get("knn")).lower() == "true"
        source = source and (mappings.get("_source") or {}).get("enabled", True) is not False
    aliases = {field_: str(spec["path"]) for field_, spec in properties.items() if spec.get("type") == "alias"}
    properties = {field_: spec for field_, spec in properties.items() if field_ not in aliases}
    kinds = {field_: spec.get("type", "object") for field_, spec in properties.items()}
    coded = {field_: part for field_, spec in properties.items() if (part := _coded(spec))}
    exact = {field_: field_ for field_, kind in kinds.items() if kind in _KEYWORD}
    for field_ in list(exact):
        parent = field_.rpartition(".")[0]
        if kinds.get(parent) in _TEXT:
            exact.setdefault(parent, field_)
    known = _TEXT | _KEYWORD | _NUMERIC | _SPARSE | {"dense_vector", "knn_vector"}
    return IndexShape(
        name=name,
        text={
            field_: str(spec.get("search_analyzer") or spec.get("analyzer") or "standard")
            for field_, spec in properties.items()
            if kinds[field_] in _TEXT and spec.get("index", True)
        },
        keywords=exact,
        numbers=tuple(field_ for field_, kind in kinds.items() if kind in _NUMERIC),
        vectors={
            field_: _vector(field_, spec, graphs)
            for field_, spec in properties.items()
            if kinds[field_] in ("dense_vector", "knn_vector") and field_ not in coded
        },
        coded=coded,
        sparse={field_: kind for field_, kind in kinds.items() if kind in _SPARSE},
        others={field_: kind for field_, kind in kinds.items() if kind not in known},
        aliases=aliases,
        computed=frozenset(computed),
        shards=shards,
        documents=documents,
        k1=float(similarity.get("k1", 1.2)),
        b=float(similarity.get("b", 0.75)),
        meta={str(key): str(value) for key, value in meta.items()},
        source=source,
        homes=homes,
        indices=tuple(answer),
    )


def _leaves(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(dotted name, mapping) of every field and sub-field; nested objects are searched otherwise: their name alone."""
    for name, spec in properties.items():
        path = f"{prefix}{name}"
        if "properties" in spec and spec.get("type") != NESTED:
            yield from _leaves(spec["properties"], f"{path}.")
        else:
            yield path, spec
            yield from _leaves(spec.get("fields") or {}, f"{path}.")


def _computed(mappings: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Fields that no document has and every search can use: Elasticsearch's runtime, OpenSearch's derived ones."""
    for name, spec in {**(mappings.get("runtime") or {}), **(mappings.get("derived") or {})}.items():
        yield from ((f"{name}.{part}", one) for part, one in (spec.get("fields") or {}).items())
        if spec.get("type") != "composite":
            yield name, spec


def _coded(spec: Mapping[str, Any]) -> str:
    """What the parts of a vector are, '' for floats and for what is no vector."""
    return _CODED.get(str(spec.get("element_type") or spec.get("data_type") or "").lower(), "")


def _vector(name: str, spec: Mapping[str, Any], graphs: bool) -> VectorField:
    """``graphs`` is OpenSearch's ``index.knn``: without it a field of vectors has none, and a script compares them."""
    if spec["type"] == "dense_vector":
        options = spec.get("index_options") or {}
        indexed = spec.get("index", True)
        similarity = str(spec.get("similarity", "cosine")) if indexed else ""
        return VectorField(
            name,
            int(spec.get("dims", 0)),
            similarity or "cosine",
            not indexed or options.get("type") == "flat",
            indexed,
        )
    method = spec.get("method") or {}
    space = spec.get("space_type") or method.get("space_type") or "l2"
    return VectorField(
        name, int(spec.get("dimension", 0)), str(space), not graphs, graphs, str(method.get("engine", ""))
    )
