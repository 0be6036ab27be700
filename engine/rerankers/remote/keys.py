"""The key that a request carries: the settings', else the first of the provider's own variables that is set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import msgspec

from engine.errors import SettingsError
from engine.rerankers.remote.providers import Provider
from engine.secrets import Secret, is_reference, register_secret, resolve


class Places(TypedDict):
    """Where keys are: the folder that relative files belong to, and the variables (None: the process's own)."""

    base_dir: Path | None
    environ: Mapping[str, str] | None


def key_of(
    provider: Provider,
    reference: str = "",
    *,
    base_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Secret | None:
    """The key, None where there is none and none is needed. ``reference`` is what the settings say.

    Where ``kept_elsewhere``, call it in a thread. Raises ``SettingsError`` where a needed key is nowhere.
    """
    if reference := reference or provider.api_key:
        return resolve(reference, base_dir=base_dir, environ=environ)
    variables = os.environ if environ is None else environ
    for place in provider.keys:
        if value := _value(place, variables):
            return Secret(value, f"env:{place}")
    if not provider.needs_key:
        return None
    name = provider.keys[0].split(":") if provider.keys else ["NAME"]
    setting = f"providers.{provider.name}.api_key"  # rerank.api_key is of rerank.provider alone, and not of embedders
    raise SettingsError(
        f"{provider.label} needs a key: {' and '.join(name[:2])} not set",
        path=setting,
        hint=f'export {"=… ".join(name[:2])}=…, or {setting} = "file:PATH"',
    )


def kept_elsewhere(provider: Provider, reference: str = "") -> bool:
    """Whether the key or a header is in a file or a keyring: reading it takes time, and belongs in a thread."""
    places = (reference or provider.api_key, *provider.headers.values())
    return any(is_reference(place) and not place.startswith("env:") for place in places)


def with_headers(
    provider: Provider, *, base_dir: Path | None = None, environ: Mapping[str, str] | None = None
) -> Provider:
    """The row with the header values in place that its references name. Reads files and keyrings."""
    found = {
        name: resolve(value, base_dir=base_dir, environ=environ).reveal()
        for name, value in provider.headers.items()
        if is_reference(value)
    }
    return msgspec.structs.replace(provider, headers={**provider.headers, **found}) if found else provider


def key_source(provider: Provider, reference: str = "", environ: Mapping[str, str] | None = None) -> str:
    """Where the key would come from, without looking at it: ``env:NAME``, ``file:PATH``; '' where there is none."""
    if reference := reference or provider.api_key:
        return reference if is_reference(reference) else "settings"
    variables = os.environ if environ is None else environ
    for place in provider.keys:
        if _value(place, variables):
            return f"env:{place}"
    return ""


def unset_variable(provider: Provider, reference: str = "", environ: Mapping[str, str] | None = None) -> str:
    """The variable that the settings take the key from, where nobody set it; '' where it is set, or they take none."""
    place, variables = reference or provider.api_key, os.environ if environ is None else environ
    name = place.removeprefix("env:")
    return name if place.startswith("env:") and not variables.get(name, "").strip() else ""


def _value(place: str, variables: Mapping[str, str]) -> str:
    """What the variable holds, or several joined by colons: two are needed, a third may be missing."""
    names = place.split(":")
    values = [variables.get(name, "").strip() for name in names]
    if not all(values[:2]):
        return ""
    for value in values[1:]:
        register_secret(value)
    return ":".join(filter(None, values))
