"""The pictures of the tuning screen: the choices, the trials as they come, and the result. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.text import Text

from console.numbers import score
from console.palette import Palette
from console.views_tuning import (
    BEST,
    CENTRE,
    START,
    Offer,
    Profile,
    Tried,
    all_tried,
    profiles,
    result_rows,
    so_far,
    value_text,
    whisker,
)
from console.widgets.landscape_line import BLOCKS
from console.widgets.lines import fit, pad
from engine.evaluation.tuning.reporting import plateau_ranges
from engine.evaluation.tuning.space import Space
from engine.evaluation.tuning.tuner import Progress, Tuning

TITLE, NAME = 38, 26
AXIS = 7
_MEANING = ((START, f"{START} as it was"), (BEST, f"{BEST} best"), (CENTRE, f"{CENTRE} centre"))
LEAST, MOST = 3, 7
"""Lines of one profile."""


def offer_text(offer: Offer, palette: Palette, width: int, *, chosen: bool) -> Text:
    """A line of the choices: ``[x] the legs' weights   weights.lexical, weights.dense``."""
    text = Text(no_wrap=True)
    text.append(f"  [{'x' if chosen else ' '}] ", palette.up if chosen else palette.muted)
    text.append(pad(offer.title, TITLE), palette.absent if offer.reason else palette.text)
    told = fit(offer.reason or ", ".join(offer.paths), width - TITLE - 6)
    return text.append(told, palette.absent if offer.reason else palette.muted)


def step_text(name: str, value: str, palette: Palette) -> Text:
    """``metric  ‹ ndcg@10 ›``."""
    text = Text(no_wrap=True)
    text.append(f"      {pad(name, TITLE)}", palette.text).append("‹ ", palette.accent)
    return text.append(value, palette.heading).append(" ›", palette.accent)


def gathering_text(done: int, total: int, palette: Palette, width: int) -> Text:
    """How many queries are searched; then what comes next."""
    text = Text(no_wrap=True)
    if done == total:
        return text.append("\nTrying settings on what was found …", palette.heading)
    text.append("\nSearching every query once\n", palette.heading)
    _progress(text, done, total, palette, width)
    return text.append(f" {done} of {total}", palette.muted)


def running_text(progress: Progress, space: Space, metric: str, palette: Palette, width: int, height: int) -> Text:
    """The trials so far: how many, the best, and the best at each value of every setting."""
    text = Text(no_wrap=True)
    _progress(text, progress.trials, progress.total, palette, width)
    text.append(f" {progress.trials:,} of about {progress.total:,} trials\n", palette.muted)
    text.append(f"best so far: {metric} {score(progress.best, 4)}", palette.heading)
    values = ", ".join(f"{path} {value_text(value)}" for path, value in progress.values.items())
    text.append(f"  {fit(values, max(width - 32, 10))}\n", palette.muted)
    _profiles(text, so_far(progress, space), palette, width, height - 4)
    return text


def result_text(tuning: Tuning, palette: Palette, width: int, height: int) -> Text:
    """The verdict, the three settings with their held-out intervals, what warns, and the profiles with the plateau."""
    text = Text()
    text.append(f"{tuning.verdict[0].upper()}{tuning.verdict[1:]}.\n", palette.up if tuning.better else palette.warning)
    for sentence in tuning.warnings:
        text.append(f"! {sentence[0].upper()}{sentence[1:]}.\n", palette.warning)
    if not tuning.whole:
        text.append("! Ended early: judged on the trials made by then.\n", palette.warning)
    text.append("\n")
    _rows(text, tuning, palette, width)
    members = int(tuning.members.sum())
    count = f"{members:,} of {len(tuning.trials):,} trials"
    text.append(f"\nThe plateau: {count} cannot be told from the best\n", palette.heading)
    for path, ends in plateau_ranges(tuning).items():
        several = [value_text(value) for value in dict.fromkeys(ends)]
        joined = "–".join(several) if all(isinstance(value, float) for value in ends) else ", ".join(several)
        text.append(f"  {pad(path, NAME)} ", palette.text).append(f"{joined}\n", palette.accent)
    used = len(tuning.warnings) + 2 * len(tuning.trials.space) + 8
    _profiles(text, all_tried(tuning), palette, width, height - used)
    return text


def _progress(text: Text, done: int, total: int, palette: Palette, width: int) -> None:
    room = max(width - 34, 10)
    filled = round(room * min(done / max(total, 1), 1.0))
    text.append("━" * filled, palette.accent).append("━" * (room - filled), palette.track)


def _rows(text: Text, tuning: Tuning, palette: Palette, width: int) -> None:
    rows = result_rows(tuning)
    paths = [each.path for each in tuning.trials.space.dimensions]
    low, high = min(row.low for row in rows), max(row.high for row in rows)
    columns = [max(len(_short(path)), 7) + 2 for path in paths]
    while columns and 20 + sum(columns) + 18 + 24 > width:
        columns.pop()
    room = min(max(width - 20 - sum(columns) - 22, 10), 44)
    text.append(" " * 20, palette.muted)
    for path, column in zip(paths, columns, strict=False):
        text.append(f"{_short(path):>{column}}", palette.muted)
    text.append(f"{'all':>8}{'held out':>10}", palette.muted)
    text.append(f"  {score(low)}{'95 %':^{room - 8}}{score(high):>4}\n", palette.muted)
    for row in rows:
        chosen = row.trial == tuning.chosen and (row.name != "best" or tuning.chosen == tuning.best)
        text.append(f"{'▸' if chosen else ' '} {row.title:<18}", palette.heading if chosen else palette.text)
        for path, column in zip(paths, columns, strict=False):
            text.append(f"{fit(value_text(row.values[path]), column - 1):>{column}}", palette.accent)
        text.append(f"{score(row.mean, 4):>8}", palette.muted).append(f"{score(row.held_out, 4):>10}", palette.heading)
        text.append(f"  {whisker(row, low, high, room)}\n", palette.up if chosen else palette.muted)


def _short(path: str) -> str:
    """``weights.dense`` → ``dense``, ``legs.lexical.k1`` → ``k1``, ``rerank.weight`` stays."""
    if path.startswith(("weights.", "legs.")):
        return path.rpartition(".")[2]
    return path.removeprefix("features.").removesuffix(".weight") if path.startswith("features.") else path


def _profiles(text: Text, tried: Tried, palette: Palette, width: int, height: int) -> None:
    """One profile per setting, on one scale, side by side in twos where there is room."""
    text.append("\nThe best trial at each value", palette.heading)
    text.append(f"  {' '.join(dict(_MEANING)[mark] for _, mark in tried.marks)}", palette.muted)
    text.append("  █ plateau\n" if tried.members.any() else "\n", palette.accent)
    count = len(tried.space)
    across = 2 if width >= 100 and count > 1 else 1
    room = (width - 2 * (across - 1)) // across
    lines = min(max(height // -(-count // across) - 2, LEAST), MOST)
    found = profiles(tried, room - AXIS - 1)
    known = np.concatenate([each.best[~np.isnan(each.best)] for each in found])
    scale = float(known.min()), float(known.max())
    for start in range(0, len(found), across):
        drawn = [_drawn(each, scale, lines, room, palette) for each in found[start : start + across]]
        for parts in zip(*drawn, strict=True):
            for place, part in enumerate(parts):
                text.append_text(part)
                text.append("  " if place + 1 < len(parts) else "\n")


def _drawn(found: Profile, scale: tuple[float, float], lines: int, room: int, palette: Palette) -> list[Text]:
    """A heading, the blocks from the top, and the ends' labels: ``lines`` + 2 rows of ``room`` cells."""
    low, high = scale
    if len(found.best) == len(found.labels) and len(found.labels) != 2:
        return _bars(found, scale, lines, room, palette)
    heading = Text(f"{pad(found.path, room)}", palette.text)
    eighths = [_eighths(value, low, high, lines) for value in found.best.tolist()]
    drawn = [heading]
    for line in range(lines):
        mark = score(high) if not line else score(low) if line == lines - 1 else ""
        row = Text(f"{mark:>{AXIS - 1}} ", palette.muted)
        base = (lines - 1 - line) * 8
        for cell, height in enumerate(eighths):
            level = min(max(height - base, 0), 8)
            row.append(BLOCKS[level - 1] if level else " ", palette.accent if found.plateau[cell] else palette.muted)
        row.append(" " * (room - AXIS - len(eighths)))
        drawn.append(row)
    first, last = found.labels[0], found.labels[-1]
    axis = list(f"{first}{last:>{max(len(eighths) - len(first), 0)}}")
    for cell, mark in found.marks:
        axis[cell] = mark
    drawn.append(Text(pad(" " * AXIS + "".join(axis), room), palette.text))
    return drawn


def _bars(found: Profile, scale: tuple[float, float], lines: int, room: int, palette: Palette) -> list[Text]:
    """A bar per choice, the best of them last where there are more than fit."""
    low, high = scale
    drawn = [Text(pad(found.path, room), palette.text)]
    order: Sequence[int] = range(len(found.labels))
    if len(found.labels) > lines + 1:
        best = np.argsort(-np.nan_to_num(found.best, nan=-np.inf), kind="stable")[: lines + 1]
        order = sorted(best.tolist())
    for choice in order:
        value = float(found.best[choice])
        cells = room - AXIS - 18
        length = 0 if value != value else 1 + round((value - low) / max(high - low, 1e-12) * (cells - 1))
        mark = next((mark for cell, mark in reversed(found.marks) if cell == choice), " ")
        row = Text(f"{mark}{pad(found.labels[choice], 16)} ", palette.text)
        row.append("━" * length, palette.accent if found.plateau[choice] else palette.muted)
        drawn.append(row.append(f"{score(value):>{room - 18 - length}}", palette.muted))
    return [*drawn, *[Text(" " * room)] * (lines + 2 - len(drawn))]


def _eighths(value: float, low: float, high: float, lines: int) -> int:
    """How tall a column is; what was tried is seen."""
    if value != value:
        return 0
    return max(round((value - low) / max(high - low, 1e-12) * lines * 8), 1)


ABOUT = """
Every judged query is searched once; then settings are tried on what was found, thousands of them, without asking again.

The best of many trials looks better than it is. So the queries are dealt into folds, and each is measured by settings \
that were found on the others. The plateau is every setting that these queries cannot tell from the best; its centre \
is the safer choice."""
