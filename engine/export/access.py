"""How a shell or a program reaches the settings' engine: its address, and keys as variables, never as values. Pure."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlsplit, urlunsplit

from engine.settings.schema import StoreSettings

DEFAULT = "http://localhost:9200"


def address(store: StoreSettings) -> str:
    """The first address of the engine, without name and password."""
    if store.cloud_id:
        return _cloud(store.cloud_id)
    first = next(iter(store.url.replace(",", " ").split()), DEFAULT)
    parts = urlsplit(first)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


def _cloud(cloud_id: str) -> str:
    """Elastic Cloud's id is NAME:BASE64 of HOST$DEPLOYMENT$…"""
    try:
        host, deployment, *_ = base64.b64decode(cloud_id.partition(":")[2]).decode().split("$")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "https://$CLOUD_HOST"
    return f"https://{deployment}.{host}"


def variable(reference: str, otherwise: str) -> str:
    """The variable that holds a secret: the one that ``env:NAME`` names, else ``otherwise``."""
    kind, _, name = reference.partition(":")
    return name if kind == "env" and name else otherwise


def signing_in(store: StoreSettings, engine: str) -> tuple[str, str, str]:
    """(way, user name, variable): the way is ``api_key``, ``bearer``, ``basic`` or '' for none."""
    prefix = engine.upper()
    if store.api_key:
        return "api_key", "", variable(store.api_key, f"{prefix}_API_KEY")
    if store.bearer:
        return "bearer", "", variable(store.bearer, f"{prefix}_TOKEN")
    user = store.username or urlsplit(store.url.split(",")[0]).username or ""
    return ("basic", user, variable(store.password, f"{prefix}_PASSWORD")) if user else ("", "", "")
