"""Bodies as text: JSON, and the same as Python, numbers of a vector on one line. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.export.base import QUERY, Expression, Variable

WIDTH = 100


def as_json(value: Any, variable: str = "${}") -> str:
    """JSON of two spaces; what fits into a line, and every list of numbers, is on one. ``variable`` shows a name."""

    def leaf(each: Any) -> str:
        return json.dumps(variable.format(each) if isinstance(each, Variable) else each, ensure_ascii=False)

    return _render(value, 0, leaf)


def as_python(value: Any, indent: int = 0) -> str:
    """A Python literal; expressions as they are, and ``query`` for the query's placeholder."""
    return _render(value, indent, _literal, step=4)


def _literal(leaf: Any) -> str:
    if isinstance(leaf, Expression):
        return str(leaf)
    if leaf == QUERY:
        return "query"
    if isinstance(leaf, str) and QUERY in leaf:
        return f"{json.dumps(leaf, ensure_ascii=False)}.replace({json.dumps(QUERY)}, query)"
    return json.dumps(leaf, ensure_ascii=False) if isinstance(leaf, str) else repr(leaf)


def _render(value: Any, indent: int, leaf: Callable[[Any], str], step: int = 2) -> str:
    if isinstance(value, Mapping):
        parts = [f"{json.dumps(key)}: {_render(each, indent + step, leaf, step)}" for key, each in value.items()]
        return _gathered(parts, "{}", indent, step)
    if isinstance(value, Sequence) and not isinstance(value, str):
        parts = [_render(each, indent + step, leaf, step) for each in value]
        numbers = all(isinstance(each, int | float) for each in value)
        return f"[{', '.join(parts)}]" if numbers else _gathered(parts, "[]", indent, step)
    return leaf(value)


def _gathered(parts: Sequence[str], ends: str, indent: int, step: int) -> str:
    line = f"{ends[0]}{', '.join(parts)}{ends[1]}"
    if "\n" not in line and len(line) + indent <= WIDTH:
        return line
    inner = "".join(f"\n{' ' * (indent + step)}{part}," for part in parts)[:-1]
    comma = "," if step == 4 else ""
    return f"{ends[0]}{inner}{comma}\n{' ' * indent}{ends[1]}"
