"""Keys to services: found by reference, held so that they cannot be printed, masked in every text that is shown."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import MissingExtraError, SettingsError

MASK = "•••"
KEYRING_SERVICE = "rankscope"
_SHORTEST = 6
"""Shorter secrets are masked by the name beside them only: masking every "abc" of a text would garble it."""

_known: set[str] = set()

_NAMED = re.compile(
    r"""(?ix)
    ( ["']? \b [\w-]* (?: api[_-]?key | authorization | token | secret | password | passwd ) ["']? \s* [=:] \s* )
    ( " (?: [^"\\\n] | \\. )* " | ' [^'\n]* ' | (?: (?: bearer | basic | apikey ) \s+ )? [^\s,;&}\]"']+ )
    """
)
_IN_URL = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")
_USER = re.compile(r"(?<=://)[^/?#\s]*@")
_REFERENCE = re.compile(r"(env|file|keyring):(?=\S)")


class Secret:
    """A secret value. ``str`` and ``repr`` show the mask; ``reveal()`` gives it to the one place that sends it."""

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str = "") -> None:
        self._value = value
        self.source = source
        register_secret(value)

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK}, source={self.source!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not to be written anywhere")

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def register_secret(value: str) -> None:
    """From now on ``mask`` hides this text wherever it stands."""
    if len(value) >= _SHORTEST:
        _known.add(value)


def mask(text: str) -> str:
    """The text with every known secret, and whatever stands after a name such as ``api_key``, replaced by dots."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, MASK)
    return _NAMED.sub(_mask_named, _IN_URL.sub(MASK, text))


def _mask_named(match: re.Match[str]) -> str:
    value = match[2]
    quote = value[0] if value[0] in "\"'" else ""
    bare = value[1:-1] if quote else value
    return match[0] if not bare or is_reference(bare) else f"{match[1]}{quote}{MASK}{quote}"


def is_reference(text: str) -> bool:
    """Whether a setting names where its secret is (``env:NAME``) and is not the secret itself."""
    return _REFERENCE.match(text) is not None


def shown(text: str) -> str:
    """A secret setting as it may be shown: a reference as it is, anything else masked."""
    return text if not text or is_reference(text) else MASK


def shown_url(url: str) -> str:
    """An address as it may be shown and kept: without the user's name and password, and whatever else is secret."""
    return mask(_USER.sub(f"{MASK}@", url)) if url else url


def shown_setting(text: str, *, secret: bool) -> str:
    """A setting as it may be shown: a secret as ``shown``, any other without what is secret in an address."""
    return shown(text) if secret else shown_url(text) if "://" in text else text


def told_source(source: str) -> str:
    """Where a key is, in words: ``env:NAME`` (``env:ONE:OTHER``), ``file:PATH``, ``keyring:NAME``, ``settings``."""
    kind, _, name = source.partition(":")
    match kind:
        case "env":
            names = name.split(":")
            return f"environment variable{'s' * (len(names) > 1)} {' and '.join(names)}"
        case "file":
            return f"file {name}"
        case "keyring":
            return f"keyring, entry {name} of {KEYRING_SERVICE}"
        case _:
            return "the settings themselves"


def resolve(reference: str, *, base_dir: Path | None = None, environ: Mapping[str, str] | None = None) -> Secret:
    """The secret that ``env:NAME``, ``file:PATH`` or ``keyring:NAME`` names; any other text is the secret itself.

    A relative path belongs to ``base_dir``; of a file the first line counts. Raises ``SettingsError`` where nothing is
    there, ``MissingExtraError`` for ``keyring:`` without the package.
    """
    if not is_reference(reference):
        return Secret(reference, "settings")
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = (os.environ if environ is None else environ).get(name, "").strip()
        problem, hint = f"the variable {name} is not set", f"export {name}=…"
    elif kind == "file":
        value, problem = _from_file((base_dir or Path.cwd()) / Path(name).expanduser())
        hint = "its first line is the key"
    else:
        value = _from_keyring(name)
        problem, hint = f"the keyring has no {name} for {KEYRING_SERVICE}", f"keyring set {KEYRING_SERVICE} {name}"
    if not value:
        raise SettingsError(f"{reference}: {problem}", hint=hint)
    return Secret(value, reference)


def _from_file(path: Path) -> tuple[str, str]:
    """The first line, and what to say where it is empty."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        return "", f"cannot read {path}: {reason}"
    return (lines[0].strip() if lines else ""), f"{path} is empty"


def _from_keyring(name: str) -> str:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise MissingExtraError(
            f"keyring:{name} needs the package keyring, which is not installed", hint="pip install 'rankscope[keyring]'"
        ) from None
    try:
        value = keyring.get_password(KEYRING_SERVICE, name)
    except keyring.errors.KeyringError as error:
        raise SettingsError(f"keyring:{name}: {error}", hint="unlock the keyring, or use env:NAME") from None
    return value or ""
