"""Presets: the ranking of other products, and three profiles, as partial settings.

A preset is data: tables as in a settings file, where ``legs`` and ``weights`` go by the kind of leg (they apply to
every leg of that kind, whatever its name) and ``features`` has one entry, ``*``, for every configured feature. What a
preset does not name stays as it is. Facts about RAGFlow are of August 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.fusion.lookup import find
from engine.settings import knobs
from engine.settings.paths import join
from engine.settings.schema import Settings

Tables = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Preset:
    """``summary`` is one line for a person; ``imitates`` the product whose ranking it is, '' for a profile of ours."""

    name: str
    summary: str
    imitates: str
    values: Tables


_RAGFLOW_QUIRKS = ["half-cosine", "synonyms-in-denominator", "repetitions", "raw-features"]
_RAGFLOW_RERANK = {
    "enabled": True,
    "provider": "term",
    "top_n": 64,
    "blend": "ragflow",
    "weight": 0.3,
    "vector_weight": 0.3,
    "quirks": _RAGFLOW_QUIRKS,
}
_RAGFLOW_LEGS = {"lexical": {"top_k": 1024}, "dense": {"top_k": 1024, "similarity_threshold": 0.2}}
_RAW_FEATURES = {"*": {"scale": 1.0, "weight": 1.0}}


def _ragflow(lexical: float, dense: float, fusion: Mapping[str, Any], rerank: Mapping[str, Any]) -> Tables:
    return {
        "legs": _RAGFLOW_LEGS,
        "weights": {"lexical": lexical, "dense": dense},
        "features": _RAW_FEATURES,
        "fusion": fusion,
        "rerank": rerank,
    }


def _profile(leg_top_k: int, rerank: Mapping[str, Any]) -> Tables:
    return {
        "legs": {"lexical": {"top_k": leg_top_k}, "dense": {"top_k": leg_top_k}},
        "weights": {"lexical": 0.3, "dense": 0.7},
        "fusion": {"combiner": "convex", "normalizer": "theoretical-min-max"},
        "rerank": rerank,
    }


_EQUAL = {"lexical": 1.0, "dense": 1.0}
_PLAIN_RRF = {"combiner": "rrf", "rank_constant": 60}

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "ragflow",
            "0.05·BM25 + (1 + cos)/2, then the first 64 by shared terms and vector, quirks included",
            "RAGFlow on Elasticsearch or OpenSearch, until July 2026",
            _ragflow(0.05, 1.0, {"combiner": "ragflow"}, _RAGFLOW_RERANK),
        ),
        Preset(
            "ragflow-2026-07",
            "cosine alone, since the text's boost became 0, then the same rerank",
            "RAGFlow on Elasticsearch or OpenSearch, since July 2026",
            _ragflow(0.0, 1.0, {"combiner": "ragflow"}, _RAGFLOW_RERANK),
        ),
        Preset(
            "ragflow-infinity",
            "0.7·atan(text) + 0.3·atan(vector), no rerank",
            "RAGFlow on Infinity, since August 2026",
            _ragflow(0.7, 0.3, {"combiner": "convex", "normalizer": "infinity-atan"}, {"enabled": False}),
        ),
        Preset(
            "ragflow-oceanbase",
            "cosine alone, then the rerank with the true cosine",
            "RAGFlow on OceanBase, since July 2026",
            _ragflow(
                0.0,
                1.0,
                {"combiner": "convex", "normalizer": "identity"},
                {**_RAGFLOW_RERANK, "quirks": [quirk for quirk in _RAGFLOW_QUIRKS if quirk != "half-cosine"]},
            ),
        ),
        Preset(
            "elasticsearch-linear",
            "sum of min-max scores, equal weights",
            "Elasticsearch's linear retriever with the minmax normalizer",
            {"weights": _EQUAL, "fusion": {"combiner": "convex", "normalizer": "elasticsearch-min-max"}},
        ),
        Preset(
            "elasticsearch-rrf",
            "reciprocal ranks with k = 60, weights 1",
            "Elasticsearch's rrf retriever",
            {"weights": _EQUAL, "fusion": _PLAIN_RRF},
        ),
        Preset(
            "opensearch-hybrid",
            "mean of min-max scores with a floor of 0.001, equal weights",
            "OpenSearch's hybrid query with the default normalization processor",
            {"weights": _EQUAL, "fusion": {"combiner": "convex", "normalizer": "opensearch-min-max"}},
        ),
        Preset(
            "semantik",
            "reciprocal ranks with k = 60, then the reranker alone",
            "Semantik's hybrid mode",
            {"weights": _EQUAL, "fusion": _PLAIN_RRF, "rerank": {"blend": "replace"}},
        ),
        Preset(
            "quality",
            "all candidates of both legs, the first 100 reranked",
            "",
            _profile(1024, {"enabled": True, "top_n": 100, "blend": "auto"}),
        ),
        Preset(
            "balanced",
            "500 candidates of each leg, the first 50 reranked",
            "",
            _profile(500, {"enabled": True, "top_n": 50, "blend": "auto"}),
        ),
        Preset(
            "speed",
            "100 candidates of each leg, nothing reranked",
            "",
            _profile(100, {"enabled": False}),
        ),
    )
}


def preset_values(name: str, settings: Settings) -> dict[str, Any]:
    """Dotted setting → value that preset ``name`` puts in place of these settings'.

    Raises ``SettingsError`` for an unknown preset, naming the nearest.
    """
    preset = find(PRESETS, name, "preset")
    return {join(keys): value for keys, value in _flat(preset.values, settings)}


def _flat(values: Tables, settings: Settings) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Keys and value of everything that the tables say of these settings' legs and features."""
    for table, entries in values.items():
        if table == "legs":
            for name, leg in settings.legs.items():
                yield from (((table, name, key), value) for key, value in entries.get(leg.kind, {}).items())
        elif table == "weights":
            kinds = {name: leg.kind for name, leg in settings.legs.items() if leg.kind in entries}
            yield from (((table, name), entries[kind]) for name, kind in kinds.items())
        elif table == "features":
            yield from (
                ((table, name, key), value) for name in settings.features for key, value in entries["*"].items()
            )
        else:
            yield from (((table, key), value) for key, value in entries.items())


def apply(settings: Settings, name: str) -> Settings:
    """The settings with the preset's values in place.

    Raises ``SettingsError`` for an unknown preset, and where the result makes no sense (a preset that puts every leg
    there is at 0).
    """
    return knobs.replace_all(settings, preset_values(name, settings))
