"""Text made of a document's fields: ``"{title}\\n{text}"``.

A template names fields in braces and nothing else: no attributes, no formats, no code. A doubled brace is a brace. A
field that a document lacks is ''; a line of the template that is blank for that reason falls away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from engine.errors import SettingsError
from engine.records import Document

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\n]+)\}|[{}]")


class Filled(NamedTuple):
    """``truncated`` says that ``text`` was cut at the maximum length."""

    text: str
    truncated: bool


@dataclass(frozen=True, slots=True)
class _Field:
    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template. ``source`` is the text it was made from; ``lines`` hold text and fields in turn."""

    source: str
    lines: tuple[tuple[str | _Field, ...], ...]

    @classmethod
    def parse(cls, source: str, path: str = "") -> Template:
        """Raises SettingsError for a lone or empty brace; ``path`` is the setting's name for the message."""
        return cls(source, tuple(tuple(_parts(line, path)) for line in source.split("\n")))

    @property
    def fields(self) -> tuple[str, ...]:
        """The names used, in order, each once."""
        return tuple(dict.fromkeys(part.name for line in self.lines for part in line if isinstance(part, _Field)))

    def check(self, known: Iterable[str], path: str = "") -> None:
        """Raises SettingsError for a field that is not among the known ones, with the nearest that is."""
        names = sorted(set(known))
        for name in self.fields:
            if name not in names:
                near = get_close_matches(name, names, 1, 0.5)
                hint = f"did you mean {{{near[0]}}}?" if near else f"the fields are {', '.join(names) or 'none'}"
                raise SettingsError(f"{_at(path)}there is no field {name!r} to fill {{{name}}}", path=path, hint=hint)

    def fill(self, document: Document, max_chars: int = 0) -> Filled:
        """The text for one document, cut to ``max_chars`` characters (0: not cut)."""
        lines = []
        for line in self.lines:
            text = "".join(document.text_of(part.name) if isinstance(part, _Field) else part for part in line)
            if text.strip() or not any(isinstance(part, _Field) for part in line):
                lines.append(text)
        text = "\n".join(lines)
        if 0 < max_chars < len(text):
            return Filled(text[:max_chars].rstrip(), True)
        return Filled(text, False)


def _parts(line: str, path: str) -> Iterable[str | _Field]:
    end = 0
    for token in _TOKEN.finditer(line):
        if token.start() > end:
            yield line[end : token.start()]
        end = token.end()
        if token[1]:
            yield _Field(token[1].strip())
        elif token[0] in ("{{", "}}"):
            yield token[0][0]
        else:
            raise SettingsError(
                f"{_at(path)}column {token.start() + 1} of {line!r} is a lone {token[0]}",
                path=path,
                hint="a field is written {title}, a brace itself {{ or }}",
            )
    if end < len(line):
        yield line[end:]


def _at(path: str) -> str:
    return f"{path}: " if path else ""
