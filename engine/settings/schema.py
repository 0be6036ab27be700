"""The settings as typed records: one struct per TOML table, defaults as in a new file.

Decoding is strict (unknown keys and wrong types are errors); what every key means and its range are in
``engine.settings.table``; where a value came from is kept by ``engine.settings.load``. An instance is a value: the
console changes a knob with ``knobs.replace``.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FieldValue = str | int | float | bool | list[str] | None
"""What a stored field, or a filter on one, can hold. Here and not in ``engine.records``, which needs numpy."""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every TOML table."""


class RagflowSettings(Table, frozen=True):
    """What RAGFlow itself is told for a search, with its defaults."""

    kb_ids: list[str] = []
    doc_ids: list[str] = []
    version: str = "2026-07"
    page: int = 1
    page_size: int = 10
    top: int = 1024
    similarity_threshold: float = 0.2
    vector_similarity_weight: float = 0.3
    tags: dict[str, float] = {}
    prefilter: bool = True
    raw: bool = False


class StoreSettings(Table, frozen=True):
    kind: str = "embedded"
    path: str = "index"
    """Folder of the embedded index, relative to the settings file."""
    url: str = ""
    index: str = ""
    username: str = ""
    password: str = ""
    api_key: str = ""
    bearer: str = ""
    cloud_id: str = ""
    ca_file: str = ""
    fingerprint: str = ""
    id_field: str = ""
    title_field: str = ""
    fields: list[str] = []
    preference: str = ""
    search_type: Literal["auto", "query_then_fetch", "dfs_query_then_fetch"] = "auto"
    profile: bool = False
    ragflow: RagflowSettings = RagflowSettings()


class LexicalLeg(Table, frozen=True):
    kind: Literal["lexical"] = "lexical"
    fields: dict[str, float] = msgspec.field(default_factory=lambda: {"title": 1.0, "text": 1.0})
    """Field → boost; the fields' scores add up."""
    analyzer: str = "english"
    analyzers: dict[str, str] = {}
    """Field → analyser where it differs from ``analyzer``."""
    k1: float = 1.2
    b: float = 0.75
    minimum_should_match: str = "0%"
    synonyms: str = ""
    body: str = ""
    """File of a query body of the user's own, with ``{{query}}`` in it (Elasticsearch, OpenSearch)."""
    template: str = ""
    """Name of a search template that the engine has stored."""
    top_k: int = 1024


class DenseLeg(Table, frozen=True):
    kind: Literal["dense", "graph"] = "dense"
    embedder: str = "static"
    text: str = "{title}\n{text}"
    """Template over stored fields of what is embedded (index-time)."""
    field: str = ""
    """Field of the vectors where the index has several (Elasticsearch, OpenSearch)."""
    num_candidates: int = 0
    exact: bool = False
    top_k: int = 1024
    similarity_threshold: float = 0.0


class GraphLeg(DenseLeg, frozen=True):
    """The dense leg over the chunks of a RAGFlow knowledge graph alone."""

    kind: Literal["graph"] = "graph"
    types: list[str] = msgspec.field(default_factory=lambda: ["entity", "relation", "community_report"])
    similarity_threshold: float = 0.3


class SparseLeg(Table, frozen=True):
    kind: Literal["sparse"] = "sparse"
    field: str = ""
    inference_id: str = ""
    analyzer: str = ""
    top_k: int = 1024


LegSettings = LexicalLeg | DenseLeg | SparseLeg | GraphLeg


class FeatureSettings(Table, frozen=True):
    field: str
    scale: float = 1.0
    weight: float = 0.0


class FusionSettings(Table, frozen=True):
    combiner: str = "convex"
    normalizer: str = "theoretical-min-max"
    rank_constant: int = 60


class RerankStage(Table, frozen=True):
    """One reranker and what its scores do to the order: the first stage, or one of a cascade."""

    enabled: bool = True
    provider: str = "term"
    model: str = ""
    revision: str = ""
    base_url: str = ""
    api_key: str = ""
    dtype: str = "auto"
    device: str = "auto"
    backend: str = "auto"
    batch: int = 0
    token_budget: int = 0
    instruction: str = ""
    text: str = "{title}\n{text}"
    max_chars: int = 0
    max_tokens: int = 0
    top_n: int = 50
    blend: str = "auto"
    weight: float = 0.3
    normalizer: str = "min-max"
    rank_constant: int = 60


class RerankSettings(RerankStage, frozen=True):
    vector_weight: float = 0.3
    auto: bool = True
    required: bool = False
    fallback: Literal["none", "term"] = "none"
    quirks: list[str] = []
    """RAGFlow behaviours to reproduce in provider ``term`` (names in ``engine.rerankers.term``)."""
    cascade: dict[str, RerankStage] = {}
    """Further stages by name, in order, each over the best that the one before it scored."""


class CutSettings(Table, frozen=True):
    threshold: float = 0.0
    offset: int = 0
    top_k: int = 10
    group: str = ""
    """Stored field of which each value may stand in the results once."""


class BudgetSettings(Table, frozen=True):
    leg_ms: int = 10_000
    rerank_ms: int = 30_000
    query_ms: int = 60_000


class LocalSettings(Table, frozen=True):
    """The worker process of local models."""

    keep_alive_s: float = 600.0
    threads: int = 0
    cache_dir: str = ""


class RemoteSettings(Table, frozen=True):
    offline: bool = False
    trusted_hosts: list[str] = []


class ProviderSettings(Table, frozen=True):
    """A provider of the user's own, or what is different about one of the table. A default leaves the row as it is; a
    limit of 0 is none."""

    like: str = ""
    """The row that this one starts from; default: the row of the same name, else ``openai-compatible``."""
    label: str = ""
    base_url: str = ""
    path: str = ""
    dialect: str = ""
    api_key: str = ""
    auth_header: str = ""
    auth_scheme: str = ""
    headers: dict[str, str] = {}
    extra: dict[str, FieldValue] = {}
    options: dict[str, str] = {}
    instruction: str = ""
    max_documents: int = -1
    max_chars: int = -1
    max_query_chars: int = -1
    max_bytes: int = -1
    max_request_tokens: int = -1
    listwise_documents: int = 0
    batch: int = 0
    concurrency: int = -1
    requests_per_minute: float = -1.0
    tokens_per_minute: float = -1.0
    retries: int = -1
    connect_s: float = 0.0
    read_s: float = 0.0
    total_s: float = 0.0
    kind: str = ""
    models: list[str] = []
    listwise: list[str] = []
    price: float = 0.0
    price_unit: str = ""


class Settings(Table, frozen=True):
    store: StoreSettings = StoreSettings()
    legs: dict[str, LegSettings] = msgspec.field(
        default_factory=lambda: {"lexical": LexicalLeg(), "dense": DenseLeg()},
    )
    weights: dict[str, float] = msgspec.field(default_factory=lambda: {"lexical": 0.3, "dense": 0.7})
    features: dict[str, FeatureSettings] = {}
    fusion: FusionSettings = FusionSettings()
    rerank: RerankSettings = RerankSettings()
    filter: dict[str, FieldValue] = {}
    """Field → value, or a list of which one must match."""
    cut: CutSettings = CutSettings()
    budget: BudgetSettings = BudgetSettings()
    local: LocalSettings = LocalSettings()
    remote: RemoteSettings = RemoteSettings()
    providers: dict[str, ProviderSettings] = {}
