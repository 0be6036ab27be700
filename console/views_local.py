"""The worker of local models in words: a few for the status chip, lines for whoever asks. Pure."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from console.text import clean

if TYPE_CHECKING:
    from engine.local.state import HostState

_GB = 1e9


def model_name(model: str) -> str:
    """The last part of a hub's name or of a folder: ``Qwen3-Reranker-0.6B``."""
    return clean(PurePath(model).name or model)


def worker_text(state: HostState) -> str:
    """``cpu 812 MB · unloads 9:48``; '' where there is no worker."""
    if state.phase == "off":
        return ""
    device = state.models[-1].device if state.models else ""
    held = bytes_text(state.device_used or state.memory_bytes)
    return " · ".join(filter(None, (f"{device} {held}".strip(), _ends(state))))


def worker_lines(state: HostState) -> tuple[str, ...]:
    """Its models with what they hold, and how long it stays; why the last one ended."""
    if state.phase == "off":
        ended = {"idle": "it was idle", "unloaded": "it was unloaded"}.get(state.ended, state.ended)
        return (f"local models: none loaded{f' ({clean(ended)})' if ended else ''}",)
    device = f", {bytes_text(state.device_used)} of {bytes_text(state.device_total)} on its device"
    worker = f"local models: worker {state.pid}, {state.phase}, {bytes_text(state.memory_bytes)}"
    stays = _ends(state)
    models = (
        line
        for model in state.models
        for line in (
            f"  {model_name(model.model)}: {model.role}, {model.dtype} on {model.device}"
            f"{f', {model.backend}' if model.backend else ''}, weights {bytes_text(model.weights_bytes)}",
            *(f"    {clean(text)}" for text in model.notes),
        )
    )
    head = f"{worker}{device if state.device_total else ''}{f' · {stays} (Z: now)' if stays else ''}"
    return (head, *models)


def _ends(state: HostState) -> str:
    if state.ends_in_s is None:
        return ""
    minutes, seconds = divmod(round(state.ends_in_s), 60)
    return f"unloads {minutes}:{seconds:02}"


def bytes_text(size: int) -> str:
    """``812 MB``, ``15.3 GB``; '' for none."""
    if not size:
        return ""
    return f"{size / _GB:.1f} GB" if size >= _GB else f"{max(1, round(size / 1e6))} MB"
