"""Whether a value may stand at a settings name, and whether the values agree with one another."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import Any, Final

import msgspec

from engine.errors import SettingsError
from engine.settings.paths import Keys, join
from engine.settings.schema import Settings
from engine.settings.shape import LEG_KINDS, Kinds, Shape, nearest

_TYPES: Final = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a table"),
)


def unknown(keys: Keys, kinds: Kinds, where: str = "") -> SettingsError:
    """The error for a name that does not exist; the hint is the nearest that does."""
    if len(keys) > 1 and keys[0] == "legs" and (kind := kinds.get(keys[1], keys[1])) not in LEG_KINDS:
        return unknown_kind(keys[1], kind, kinds, where)
    near = nearest(keys, kinds)
    hint = f"did you mean {near}?" if near else "`rankscope config schema` lists every setting"
    return SettingsError(f"unknown setting {join(keys)}{_at(where)}", path=join(keys), hint=hint)


def unknown_kind(leg: str, kind: str, kinds: Kinds, where: str) -> SettingsError:
    path = join(("legs", leg))
    known = ", ".join(LEG_KINDS)
    legs = [name for name, of in kinds.items() if of in LEG_KINDS]
    near = difflib.get_close_matches(leg, legs, 1)
    if kind == leg and near:
        return SettingsError(
            f"unknown leg {leg!r}{_at(where)}",
            path=path,
            hint=f"did you mean {join(('legs', *near))}? A new leg needs a kind ({known})",
        )
    return SettingsError(
        f"{path}.kind: unknown kind {kind!r}{_at(where)}",
        path=f"{path}.kind",
        hint=f'the kinds of legs are {known}: write kind = "{next(iter(LEG_KINDS))}"',
    )


def value(raw: object, shape: Shape, keys: Keys, where: Callable[[], str] = str) -> Any:
    """``raw`` as the type that stands at ``keys``. Raises ``SettingsError`` with name, value given and range.

    ``where`` says the place, and is asked only then: finding a line takes a walk through the file.
    """
    knob, path = shape.knob, join(keys)
    hint = f"it takes {knob.range_text}" if knob and knob.range_text else ""
    if knob and knob.choices:
        if raw not in knob.choices:
            near = difflib.get_close_matches(str(raw), knob.choices, 1)
            raise SettingsError(
                f"{path}: {raw!r} is not {knob.range_text}{_at(where())}",
                path=path,
                hint=f"did you mean {near[0]!r}?" if near else hint,
            )
        return raw
    try:
        typed = msgspec.convert(raw, shape.type)
    except msgspec.ValidationError:
        given = raw if knob is None or not knob.secret else "•••"
        expected = type_text(shape.type)
        raise SettingsError(
            f"{path}: expected {expected}, got {_kind_text(raw)} {_literal(given)}{_at(where())}", path=path, hint=hint
        ) from None
    if isinstance(typed, float) and not math.isfinite(typed):
        raise SettingsError(f"{path}: {typed} is not a finite number{_at(where())}", path=path, hint=hint)
    if knob and isinstance(typed, (int, float)) and not isinstance(typed, bool):
        low = -math.inf if knob.minimum is None else knob.minimum
        high = math.inf if knob.maximum is None else knob.maximum
        if not low <= typed <= high:
            raise SettingsError(
                f"{path}: {typed} is outside its range, {knob.range_text}{_at(where())}", path=path, hint=hint
            )
    return typed


def not_a_table(raw: object, keys: Keys, where: str) -> SettingsError:
    return SettingsError(
        f"{join(keys)}: expected a table, got {_kind_text(raw)} {_literal(raw)}{_at(where)}",
        path=join(keys),
        hint=f"write [{join(keys)}] and its keys below",
    )


def type_text(kind: Any) -> str:
    """A value's type in words."""
    if kind == list[str]:
        return "a list of texts"
    return next((text for of, text in _TYPES if of is kind), "text, a number, true or false, or a list of texts")


def _kind_text(raw: object) -> str:
    return next((text for of, text in _TYPES if type(raw) is of), "a date or time")


def _literal(raw: object) -> str:
    text = str(raw).lower() if isinstance(raw, bool) else repr(raw) if isinstance(raw, (str, list, dict)) else str(raw)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _at(where: str) -> str:
    return f" ({where})" if where else ""


def agreement(settings: Settings) -> None:
    """Raises ``SettingsError`` where values that are each in range do not fit together."""
    if not settings.legs:
        raise SettingsError("there is no leg to search with", path="legs", hint="add [legs.lexical]")
    for name in settings.weights:
        if name not in settings.legs:
            near = difflib.get_close_matches(name, {*settings.legs, *LEG_KINDS}, 1)
            raise SettingsError(
                f"{join(('weights', name))}: there is no leg of this name",
                path=join(("weights", name)),
                hint=f"did you mean {join(('weights', *near))}?"
                if near
                else f"add [{join(('legs', name))}], or take the weight away; the legs are {', '.join(settings.legs)}",
            )
    for name in settings.legs:
        if name not in settings.weights:
            path = join(("weights", name))
            raise SettingsError(f"{path} is missing", path=path, hint=f"add {path} = 0.5, or 0 to keep the leg out")
    if not any(settings.weights.values()):
        raise SettingsError(
            "weights: all of them are 0, so no leg would run", path="weights", hint="raise at least one above 0"
        )
    for name, leg in settings.legs.items():
        if leg.kind == "lexical" and not leg.fields:
            path = join(("legs", name, "fields"))
            raise SettingsError(f"{path}: no field to search", path=path, hint=f"write {path} = {{ text = 1.0 }}")
    _budgets(settings)


def _budgets(settings: Settings) -> None:
    budget = settings.budget
    for name in ("leg_ms", "rerank_ms"):
        stage = getattr(budget, name)
        if stage >= budget.query_ms:
            raise SettingsError(
                f"budget.{name}: {stage} is not below budget.query_ms, {budget.query_ms}",
                path=f"budget.{name}",
                hint=f"a stage must end before its query: lower budget.{name} or raise budget.query_ms",
            )
