"""The blends by name. A new one is a file beside this and a row here."""

from __future__ import annotations

from engine.fusion.blends.base import Blend
from engine.fusion.blends.ragflow import RAGFLOW
from engine.fusion.blends.rank_fusion import RANK_FUSION
from engine.fusion.blends.replace import REPLACE
from engine.fusion.blends.weighted import WEIGHTED
from engine.fusion.lookup import find

BLENDS: dict[str, Blend] = {blend.name: blend for blend in (REPLACE, WEIGHTED, RANK_FUSION, RAGFLOW)}


def blend(name: str, path: str = "rerank.blend") -> Blend:
    """The blend of that name. Raises ``SettingsError`` at ``path`` for an unknown one."""
    return find(BLENDS, name, path)


def resolve(name: str, provider: str) -> str:
    """The blend that ``rerank.blend`` means: ``auto`` is weighted for provider ``term`` and replace for a model; for
    ``term``, whose score already is RAGFlow's sum, ``ragflow`` is replace."""
    if name == "auto":
        return WEIGHTED.name if provider == "term" else REPLACE.name
    return REPLACE.name if (name, provider) == (RAGFLOW.name, "term") else name
