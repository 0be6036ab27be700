"""Loading: default < the user's file < the ``-c`` file < environment < ``--set``, every value with its source.

Relative paths belong to the file that writes them. After loading they are all relative to ``Loaded.base_dir``, the
folder of the file that the settings would be saved to; those from elsewhere have become absolute.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import SettingsError
from engine.secrets import shown_setting
from engine.settings.knobs import leaves, read_value
from engine.settings.merge import DEFAULT, Layer, Source, SourceKind, leg_kinds, merge
from engine.settings.paths import Keys, join, split, split_assignment
from engine.settings.schema import Settings
from engine.settings.shape import ROOT, Kinds, Shape, at, child, fields_of
from engine.settings.table import Knob

PREFIX = "RANKSCOPE_"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings with where they came from.

    sources   source of every value by dotted name; what is not named is a default
    file      the file they would be saved to; it need not exist
    base_dir  the folder that relative paths belong to
    digest    of the file as it was read, '' where there was none
    below     what the settings would be without ``file`` and all that stands above it
    """

    settings: Settings
    sources: Mapping[str, Source] = field(default_factory=dict)
    file: Path | None = None
    base_dir: Path = field(default_factory=Path.cwd)
    digest: str = ""
    below: Settings = field(default_factory=Settings)

    def source(self, path: str) -> Source:
        return self.sources.get(path, DEFAULT)

    def explicit(self, path: str) -> bool:
        """Whether somebody set the value, or any value below the name."""
        keys = split(path)
        return any(
            source.kind is not SourceKind.DEFAULT and split(name)[: len(keys)] == keys
            for name, source in self.sources.items()
        )

    def resolve(self, text: str) -> Path:
        """A path of the settings as an absolute one."""
        return Path(os.path.abspath(self.base_dir / Path(text).expanduser()))


def load(
    user_file: Path | None = None,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    sets: Sequence[str] = (),
    *,
    cwd: Path | None = None,
) -> Loaded:
    """Everything put together. A missing user's file is none; a missing ``file`` is an error.

    Raises ``SettingsError`` with the dotted name, the value, the range, and the file and line, variable or ``--set``.
    """
    here = cwd or Path.cwd()
    target = file or user_file
    base = Path(os.path.abspath(target)).parent if target else here
    layers: list[Layer] = []
    if user_file is not None and user_file.exists():
        layers.append(_anchored(read_layer(user_file, SourceKind.USER), user_file.parent, base))
    lower = [] if file is None else list(layers)
    if file is not None:
        layers.append(read_layer(file, SourceKind.FILE))
    layers += [_anchored(layer, here, base) for layer in environment_layers(environ or {}, layers)]
    layers += [_anchored(layer, here, base) for layer in set_layers(sets, layers)]
    settings, sources = merge(layers)
    read = target is not None and target.exists()
    return Loaded(
        settings,
        sources,
        target,
        base,
        digest(target.read_bytes()) if target is not None and read else "",
        merge(lower, agree=False)[0],
    )


def decode(tree: Mapping[str, object], where: str = "") -> Settings:
    """Settings from a tree alone, as from one file over the defaults. Raises ``SettingsError``."""
    return merge([Layer(Source(SourceKind.FILE, where), dict(tree))])[0]


def digest(content: bytes) -> str:
    """What tells one content of a file from another."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def read_layer(file: Path, kind: SourceKind) -> Layer:
    """A file as a layer. Raises ``SettingsError`` with ``file:line:column`` where it is no TOML."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(
            f"there is no settings file {file}", hint="`rankscope config init` writes one, with every key explained"
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: not UTF-8 at byte {error.start}", hint="save the file as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}", hint="check the path and its permissions") from None
    return Layer(Source(kind, str(file)), parse_toml(text, str(file)), text=text)


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The text as a tree. Raises ``SettingsError`` with the place of the fault."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r" \(at line (\d+), column (\d+)\)", message)
        at_line = f":{place[1]}:{place[2]}" if place else ""
        reason = message.replace(place[0], "") if place else message.replace(" (at end of document)", "")
        raise SettingsError(
            f"{where}{at_line}: {reason}", hint='the file is TOML: key = value, texts in "quotes", tables as [name]'
        ) from None


def set_layers(sets: Sequence[str], lower: Sequence[Layer]) -> Iterator[Layer]:
    """One layer per ``--set NAME=VALUE``; the value is TOML, else text."""
    parsed = [(text, *split_assignment(text)) for text in sets]
    kinds = leg_kinds([*lower, *(Layer(DEFAULT, value, keys) for _, keys, value in parsed)])
    for text, keys, value in parsed:
        shape = at(keys, kinds)
        shown = join(keys) if shape and shape.knob and shape.knob.secret else shown_setting(text, secret=False)
        yield Layer(Source(SourceKind.SET, shown), _read(value, keys, kinds), keys)


def environment_layers(environ: Mapping[str, str], lower: Sequence[Layer]) -> Iterator[Layer]:
    """One layer per ``RANKSCOPE_TABLE__KEY`` variable, in the variables' order by name."""
    kinds = leg_kinds(lower)
    names = sorted(name for name in environ if name.upper().startswith(PREFIX))
    found = [(name, _environment_keys(name, kinds, lower)) for name in names if "__" in name]
    for name in names:
        _refuse_single_underscores(name, kinds)
    kinds = leg_kinds([*lower, *(Layer(DEFAULT, environ[name], keys) for name, keys in found)])
    for name, keys in found:
        yield Layer(Source(SourceKind.ENVIRONMENT, name), _read(environ[name], keys, kinds), keys)


def _read(text: str, keys: Keys, kinds: Kinds) -> object:
    shape = at(keys, kinds)
    return text if shape is None else read_value(text, shape)


def _fold(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "_", name.casefold())


def _environment_keys(name: str, kinds: Kinds, lower: Sequence[Layer]) -> Keys:
    """The keys that a variable names: known names regardless of case and punctuation, new ones in lower case."""
    keys: Keys = ()
    shape: Shape | None = ROOT
    for part in name[len(PREFIX) :].split("__"):
        known = _names_at(keys, shape, kinds, lower)
        keys = (*keys, next((key for key in known if _fold(key) == _fold(part)), part.lower()))
        shape = child(shape, keys[-1], kinds) if shape else None
    return keys


def _names_at(keys: Keys, shape: Shape | None, kinds: Kinds, lower: Sequence[Layer]) -> list[str]:
    if shape is not None and shape.form == "table":
        return list(fields_of(shape.type))
    if keys in (("legs",), ("weights",)):
        return list(kinds)
    names: list[str] = []
    for layer in lower:
        node: Any = layer.raw
        for key in keys:
            node = node.get(key) if isinstance(node, dict) else None
        names += node if isinstance(node, dict) else ()
    return names


def _refuse_single_underscores(name: str, kinds: Kinds) -> None:
    """RANKSCOPE_RERANK_TOP_N names nothing; left alone it would be silently without effect."""
    if "__" in name:
        return
    for keys, _, _ in leaves(Settings()):
        if _fold("_".join(keys)) == _fold(name[len(PREFIX) :]):
            wanted = PREFIX + "__".join(map(_fold, keys)).upper()
            raise SettingsError(f"{name} names no setting", path=join(keys), hint=f"write {wanted}, with __ per level")


def moved(knob: Knob, value: str, move: Callable[[str], str]) -> str:
    """A value with ``move`` applied to the relative path that it is or refers to (``file:PATH``), else as it is."""
    scheme = "file:" if knob.secret and value.startswith("file:") else ""
    path = value.removeprefix(scheme)
    relative = path and not path.startswith("~") and not os.path.isabs(path)
    return f"{scheme}{move(path)}" if relative and (knob.file or scheme) else value


def _anchored(layer: Layer, folder: Path, base: Path) -> Layer:
    """The layer with its relative paths made absolute, where its folder is not ``base``."""
    folder = Path(os.path.abspath(folder))
    if folder == base:
        return layer
    kinds = leg_kinds([layer])

    def anchor(node: object, keys: Keys) -> object:
        if isinstance(node, dict):
            return {key: anchor(value, (*keys, key)) for key, value in node.items()}
        shape = at(keys, kinds)
        if shape is None or shape.knob is None or not isinstance(node, str):
            return node
        return moved(shape.knob, node, lambda path: os.path.abspath(folder / path))

    return Layer(layer.source, anchor(layer.raw, layer.keys), layer.keys, layer.text)
