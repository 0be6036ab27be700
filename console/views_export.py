"""An export as the dialog shows it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from console.palette import Palette
from console.widgets.lines import fit
from engine.analysis.display import clean
from engine.errors import RankscopeError
from engine.export.base import Wish
from engine.export.registry import TARGETS, Exported, Target, export


@dataclass(frozen=True, slots=True)
class ExportView:
    """A target with its export, the nearest taken; or why there is none."""

    target: Target
    made: Exported | None = None
    problem: str = ""
    hint: str = ""

    @property
    def mark(self) -> tuple[str, str]:
        """The sign in the list, and its role."""
        if self.made is None:
            return "✗", "error"
        return ("≈", "warning") if self.made.changes else ("✓", "success")


def export_views(wish: Wish, form: str = "") -> tuple[ExportView, ...]:
    """Every target for this wish."""
    return tuple(export_view(wish, target, form) for target in TARGETS.values())


def export_view(wish: Wish, target: Target, form: str = "") -> ExportView:
    """One target for this wish; ``form`` where its engine has it."""
    try:
        return ExportView(target, export(wish, target.name, form=form, nearest=True))
    except RankscopeError as error:
        return ExportView(target, problem=error.message, hint=error.hint)


def export_text(view: ExportView, palette: Palette, width: int) -> Text:
    """Form, changes, notes, and the text itself, its long lines cut."""
    text = Text()
    if view.made is None:
        return text.append(f"✗ {clean(view.problem)}\n", palette.error).append(clean(view.hint), palette.muted)
    made = view.made
    since = ".".join(map(str, made.form.since))
    text.append(f"{made.form.label}: {made.form.summary}\n", palette.text)
    needs = f", needs {made.form.needs}" if made.form.needs else ""
    text.append(f"{made.engine} {since} or newer{needs}\n", palette.muted)
    if made.changes:
        text.append("\nIt cannot express all; this is the nearest\n", palette.warning)
        for change in made.changes:
            text.append(f"≈ {clean(str(change))}\n", palette.text)
    else:
        text.append("it expresses the settings exactly\n", palette.success)
    for note in made.notes:
        text.append(f"· {clean(note)}\n", palette.muted)
    for each in made.setup if made.target.name != "curl" else ():
        text.append(f"· before: {each.method} {each.path}, {each.why}\n", palette.muted)
    text.append("\n")
    for line in made.text.splitlines():
        text.append(fit(clean(line), width) + "\n", palette.text)
    return text
