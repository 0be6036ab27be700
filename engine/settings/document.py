"""The settings explained: a commented file for ``config init``, a JSON schema for ``config schema`` and editors."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.settings.paths import Keys, join, quote
from engine.settings.schema import (
    FeatureSettings,
    GraphLeg,
    ProviderSettings,
    RerankSettings,
    RerankStage,
    Settings,
    SparseLeg,
)
from engine.settings.shape import LEG_KINDS, ROOT, Shape, child, fields_of, kinds_of
from engine.settings.table import Knob

_HEAD: Final = """\
# Rankscope settings. Every key stands here with its meaning and its default: take the # away to set it.
# Where a value comes from: default < your own file < the file of -c < RANKSCOPE_TABLE__KEY < --set table.key=value.
"""
_WIDTH: Final = 110
_TEXTS: Final = {"type": "array", "items": {"type": "string"}}
_SAMPLE: Final = Settings(
    legs={**Settings().legs, "sparse": SparseLeg(), "graph": GraphLeg()},
    weights={**Settings().weights, "sparse": 0.0, "graph": 0.0},
    features={"pagerank": FeatureSettings(field="pagerank")},
    rerank=RerankSettings(cascade={"large": RerankStage(provider="local", top_n=20)}),
    filter={"language": ["en", "de"]},
    providers={"my-server": ProviderSettings(base_url="http://localhost:8000")},
)
"""The defaults, with one entry in each table that is empty by default and a leg of each kind."""
_OPTIONAL: Final = (("legs", "sparse"), ("legs", "graph"), ("rerank", "cascade", "large"))


def template() -> str:
    """A settings file with every key commented out at its default; as it is, it sets nothing but the weights."""
    return _HEAD + "\n".join(_section(ROOT, (), _SAMPLE)) + "\n"


def _section(shape: Shape, keys: Keys, node: Any) -> list[str]:
    """The lines of a table and of those below it."""
    kinds = kinds_of(_SAMPLE)
    items = node.items() if isinstance(node, dict) else [(name, getattr(node, name)) for name in node.__struct_fields__]
    below = [(name, value, inner) for name, value in items if (inner := child(shape, name, kinds))]
    own = [item for item in below if not _is_section(item[2], keys)]
    lines: list[str] = []
    if own:
        optional = keys[0] in ("features", "filter", "providers") or keys in _OPTIONAL
        lines += ["", f"{'#' if optional else ''}[{join(keys)}]"]
        for name, value, inner in own:
            lines += _explained(inner.knob)
            stands = keys == ("weights",) and name in Settings().weights
            lines.append(f"{'' if stands else '#'}{quote(name)} = {_toml(value)}")
    for name, value, inner in below:
        if _is_section(inner, keys):
            lines += _section(inner, (*keys, name), value)
    return lines


def _is_section(shape: Shape, parent: Keys) -> bool:
    return shape.form in ("table", "tables") or (shape.form == "map" and not parent)


def _explained(knob: Knob | None) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(_sentence(knob), _WIDTH)] if knob else []


def _sentence(knob: Knob) -> str:
    """Help with range and unit: ``Candidates that the leg returns. (1 to 2048 documents)``."""
    about = " ".join(part for part in (knob.range_text, knob.unit) if part)
    return f"{knob.help} ({about})" if about else knob.help


def _toml(value: Any) -> str:
    """A value on one line; JSON's texts, numbers and lists are TOML's as well."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{quote(key)} = {_toml(inner)}' for key, inner in value.items())} }}" if value else "{}"
    return msgspec.json.encode(value).decode().replace('","', '", "')


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a settings file, with the meaning, default and range of every key."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rankscope settings",
        **_object(ROOT, Settings()),
        "$defs": {f"leg-{kind}": _leg(kind) for kind in LEG_KINDS},
    }


def _leg(kind: str) -> dict[str, Any]:
    record = LEG_KINDS[kind]
    return _object(Shape("table", record, f"legs.<{kind}>"), record())


def _object(shape: Shape, default: Any) -> dict[str, Any]:
    properties = {}
    for name in fields_of(shape.type):
        inner = child(shape, name, {})
        if inner is not None:
            properties[name] = _property(inner, getattr(default, name, None))
    required = [info.name for info in msgspec.structs.fields(shape.type) if info.required]
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": required} if required else {})


def _property(shape: Shape, default: Any) -> dict[str, Any]:
    described = {"description": _sentence(shape.knob)} if shape.knob else {}
    if shape.form == "table":
        return _object(shape, default)
    if shape.pattern == "legs":
        return {"type": "object", "properties": _refs(), "additionalProperties": _other_legs()}
    if shape.form == "tables":
        return {
            "type": "object",
            "additionalProperties": _object(Shape("table", shape.type, f"{shape.pattern}.*"), None),
        }
    given = {} if default is None else {"default": msgspec.to_builtins(default)}
    if shape.form == "map":
        entry = _property(Shape("value", shape.type, f"{shape.pattern}.*"), None)
        return {"type": "object", **described, **given, "additionalProperties": entry}
    return {**_type(shape), **described, **given}


def _refs() -> dict[str, Any]:
    return {kind: {"$ref": f"#/$defs/leg-{kind}"} for kind in LEG_KINDS}


def _other_legs() -> dict[str, Any]:
    """A leg with a name of its own says its kind."""
    return {
        "oneOf": [
            {"allOf": [ref, {"required": ["kind"], "properties": {"kind": {"const": kind}}}]}
            for kind, ref in _refs().items()
        ]
    }


def _type(shape: Shape) -> dict[str, Any]:
    knob = shape.knob
    if knob and knob.choices:
        return {"enum": list(knob.choices)}
    if shape.type == list[str]:
        return _TEXTS
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    if shape.type not in names:
        return {"anyOf": [*({"type": name} for name in ("string", "number", "boolean")), _TEXTS]}
    limits = {"minimum": knob.minimum, "maximum": knob.maximum} if knob else {}
    return {"type": names[shape.type]} | {name: limit for name, limit in limits.items() if limit is not None}
