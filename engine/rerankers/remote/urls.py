"""Where a request goes: a base address that a user may have typed in any of its usual forms, and a provider's path.

An address that already ends in the endpoint is taken as it is; else the provider's path is appended, without repeating
what the address ends with (``…/v1`` and ``/v1/rerank``), and without a slash at the end, which some answer with a 307.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from engine.errors import SettingsError

if TYPE_CHECKING:
    from engine.rerankers.remote.providers import Provider

_ENDPOINT = re.compile(r"(/rerank|/reranks|/reranking|/ranking|:rank)$")
_VERSION = re.compile(r"v\d+([a-z]+\d*)?$")
_PLACE = re.compile(r"\{(\w+)\}")


def endpoint(provider: Provider, base_url: str, model: str, options: Mapping[str, str] | None = None) -> str:
    """The address of a rerank request; ``base_url`` '' is the provider's own.

    Raises ``SettingsError`` for an address without scheme or host, or where the row needs an option that is not given.
    """
    slug = model.rpartition("/")[2].replace(".", "_")
    values = {**provider.options, **(options or {}), "model": quote(model, safe="/:@"), "slug": slug}
    base = base_url or _filled(provider.base, values, provider)
    if not base:
        raise SettingsError(
            f"rerank.base_url is empty, and {provider.label} has no address of its own",
            path="rerank.base_url",
            hint='write where it runs, as in base_url = "http://localhost:8000"',
        )
    return join(base, _filled(provider.path_of(model), values, provider))


def join(base: str, path: str) -> str:
    """One address of the two. A query of the base (``?api-version=…``) stays behind the path."""
    parts = urlsplit(base.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            f"{base!r} is no address of a service", path="rerank.base_url", hint="it begins with http:// or https://"
        )
    path, _, query = path.partition("?")
    there = parts.path.rstrip("/")
    whole = there if _ENDPOINT.search(there) or (path and there.endswith(path)) else _append(there, path)
    queries = "&".join(text for text in (parts.query, query) if text)
    return f"{parts.scheme}://{parts.netloc}{whole}{'?' if queries else ''}{queries}"


def _append(there: str, path: str) -> str:
    have, more = there.split("/"), path.strip("/").split("/")
    if not path.strip("/"):
        return there
    if have[-1] == f"{more[0]}-openai":
        have[-1] = more[0]  # GPUStack's older address, under which there is no reranking
    overlap = next((n for n in range(min(len(have), len(more)), 0, -1) if have[-n:] == more[:n]), 0)
    if not overlap and _VERSION.match(have[-1]) and _VERSION.match(more[0]):
        overlap = 1  # another version than ours was asked for
    return "/".join([*have, *more[overlap:]])


def _filled(text: str, values: Mapping[str, str], provider: Provider) -> str:
    def value(match: re.Match[str]) -> str:
        if not (found := values.get(match[1], "")):
            path = "rerank.model" if match[1] in ("model", "slug") else f"providers.{provider.name}.options.{match[1]}"
            raise SettingsError(f"{provider.label} needs {path}", path=path, hint=f'set {path} = "…"')
        return found

    return _PLACE.sub(value, text)
