"""Making a cascade of the live settings: another reranker as a further stage, and the last one taken away. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from console.views_local import model_name
from engine.settings import check
from engine.settings.schema import RerankStage, Settings

_SHARE = 5
"""A further stage begins with one in so many of the documents of the one before."""


def with_stage(settings: Settings, values: Mapping[str, object]) -> tuple[Settings, str]:
    """The settings with one more stage, and its name; ``values`` are what picking that reranker sets. Raises
    ``SettingsError`` for a stage that cannot be."""
    rerank = settings.rerank
    given = {path.removeprefix("rerank."): value for path, value in values.items()}
    before = list(rerank.cascade.values())[-1] if rerank.cascade else rerank
    stage = replace(RerankStage(text=rerank.text, top_n=max(1, before.top_n // _SHARE)), **given)
    name = _name(stage, settings)
    changed = replace(settings, rerank=replace(rerank, enabled=True, cascade={**rerank.cascade, name: stage}))
    check.agreement(changed)
    return changed, name


def without_stage(settings: Settings) -> tuple[Settings, str]:
    """The settings without the last further stage, and its name; '' where there is none."""
    cascade = dict(settings.rerank.cascade)
    if not cascade:
        return settings, ""
    name, _ = cascade.popitem()
    return replace(settings, rerank=replace(settings.rerank, cascade=cascade)), name


def cascade_text(settings: Settings) -> str:
    """``MiniLM-L6 (50) → large: Qwen3-Reranker-0.6B (10)``; '' where there is one stage."""
    rerank = settings.rerank
    if not rerank.cascade:
        return ""
    first = f"{model_name(rerank.model) or rerank.provider} ({rerank.top_n})"
    further = (
        f"{name}: {model_name(stage.model) or stage.provider} ({stage.top_n if stage.enabled else 'off'})"
        for name, stage in rerank.cascade.items()
    )
    return " → ".join((first, *further))


def _name(stage: RerankStage, settings: Settings) -> str:
    """A bare TOML key from the model's name, that no stage has yet."""
    base = re.sub(r"[^a-z0-9]+", "-", (model_name(stage.model) or stage.provider).lower()).strip("-") or "stage"
    name, number = base, 2
    while name in settings.rerank.cascade:
        name, number = f"{base}-{number}", number + 1
    return name
