"""Dotted names of settings: ``rerank.top_n``, ``legs.lexical.fields."meta.title"``. TOML's own quoting rules."""

from __future__ import annotations

import re
import tomllib

import msgspec

from engine.errors import SettingsError

Keys = tuple[str, ...]
"""A dotted name taken apart."""

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_ASSIGNMENT = re.compile(r"""((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^="'])+)=(.*)\Z""", re.DOTALL)


def split(path: str) -> Keys:
    """The keys of a dotted name; bare keys may hold any letter. Raises ``SettingsError`` for an empty key."""
    quoted = '"' in path or "'" in path
    keys = _split_quoted(path) if quoted else tuple(key.strip() for key in path.split("."))
    if not keys or not all(keys):
        raise SettingsError(f"{path!r} is not the name of a setting", hint="names look like rerank.top_n")
    return keys


def _split_quoted(path: str) -> Keys:
    try:
        node: object = tomllib.loads(f"{path} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    keys: list[str] = []
    while isinstance(node, dict) and len(node) == 1:
        key, node = next(iter(node.items()))
        keys.append(key)
    return tuple(keys) if node == 0 else ()


def join(keys: Keys) -> str:
    """The dotted name of keys, quoted where TOML asks for it."""
    return ".".join(map(quote, keys))


def quote(key: str) -> str:
    """A key as TOML writes it: bare, or a basic string (JSON's escapes are TOML's as well)."""
    return key if _BARE.match(key) else msgspec.json.encode(key).decode().replace("\x7f", "\\u007f")


def split_assignment(text: str) -> tuple[Keys, str]:
    """``('rerank', 'top_n'), '20'`` of ``rerank.top_n=20``. Raises ``SettingsError`` where there is no ``=``."""
    match = _ASSIGNMENT.match(text)
    if not match:
        raise SettingsError(f"--set {text}: there is no value", hint="write --set NAME=VALUE, as in rerank.top_n=20")
    return split(match[1].strip()), match[2].strip()


def parse_value(text: str) -> object:
    """The text as a TOML value, else as itself."""
    try:
        tree = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return tree["value"] if len(tree) == 1 else text


_HEADER = re.compile(r"\s*\[\[?([^\[\]=]+)\]\]?\s*(#.*)?\Z")
_KEY = re.compile(r"""\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_.\-\s])+?)\s*=""")


def line_of(text: str, keys: Keys) -> int:
    """The line (from 1) of a TOML text where a name, or the table or inline table that holds it, is set; else 0."""
    table: Keys = ()
    best, depth = 0, 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _split_or_nothing(header[1].strip())
            name = table
        elif key := _KEY.match(line):
            name = table + _split_or_nothing(key[1].strip())
        else:
            continue
        if depth < len(name) and name == keys[: len(name)]:
            best, depth = number, len(name)
    return best


def _split_or_nothing(name: str) -> Keys:
    try:
        return split(name)
    except SettingsError:
        return ()
