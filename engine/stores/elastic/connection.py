"""From the settings' ``[store]`` to a client: address, signing in, and whom to trust."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from engine.errors import SettingsError
from engine.logs import logger
from engine.remote.offline import OfflineRule, Place
from engine.secrets import register_secret, resolve
from engine.settings.schema import StoreSettings

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

CONNECTIONS = 100
"""To one node at a time; aiohttp's own limit for all of them."""

_PORTS = {"http": 9200, "https": 443}


def connect(
    store: StoreSettings,
    base_dir: Path = Path(),
    *,
    rule: OfflineRule | None = None,
    timeout_s: float = 60.0,
    environ: Mapping[str, str] | None = None,
) -> AsyncElasticsearch:
    """A client of the engine that the settings name; nothing is sent yet. It belongs to the loop of its first request.

    base_dir   what paths of the settings are relative to
    rule       what may leave this machine
    timeout_s  longest time for one request

    Raises ``SettingsError`` for settings that cannot be used, and where ``remote.offline`` forbids it.
    """
    from elasticsearch import AsyncElasticsearch

    from engine.stores.elastic.node import FastJson, PlainNode

    logger("elastic_transport")  # silent from now on: what fails is told by its error
    options: dict[str, Any] = {"cloud_id": store.cloud_id} if store.cloud_id else {"hosts": hosts(store)}
    _allow(store, rule or OfflineRule())
    return AsyncElasticsearch(
        **options,
        **_sign_in(store, base_dir, environ),
        **_trust(store, base_dir),
        node_class=PlainNode,
        serializer=FastJson(),
        connections_per_node=CONNECTIONS,
        request_timeout=timeout_s,
        # one more try mends a connection that the server closed; a server that is busy is not asked again at once
        max_retries=1,
        retry_on_status=(),
    )


def hosts(store: StoreSettings) -> list[str]:
    """The addresses with scheme and port and without a name or password. Raises ``SettingsError``."""
    found = [_host(_split(text)) for text in store.url.replace(",", " ").split()]
    if not found:
        raise SettingsError(
            "store.url is empty: it is the address of the engine",
            path="store.url",
            hint='write store.url = "http://localhost:9200"',
        )
    return found


def place(store: StoreSettings) -> str:
    """Where the engine is, as it may be shown: host and port, or the name of the cloud deployment."""
    if store.cloud_id:
        return store.cloud_id.partition(":")[0]
    return ", ".join(host.partition("//")[2].rstrip("/") for host in hosts(store))


def _split(text: str) -> SplitResult:
    parts = urlsplit(text)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise SettingsError(
            f"store.url: {text!r} is no address of an engine",
            path="store.url",
            hint=f"write http:// or https:// before it: https://{text.rpartition('//')[2]}",
        )
    try:
        _ = parts.port
    except ValueError:
        raise SettingsError(f"store.url: {text!r} has no valid port", path="store.url", hint="such as :9200") from None
    return parts


def _host(parts: SplitResult) -> str:
    name = parts.hostname or ""
    bracketed = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{bracketed}:{parts.port or _PORTS[parts.scheme]}{parts.path.rstrip('/')}"


def _allow(store: StoreSettings, rule: OfflineRule) -> None:
    """Refuses an engine that is not on this machine where nothing may leave it."""
    addresses = [f"https://{place(store)}.cloud.elastic.co"] if store.cloud_id else hosts(store)
    for address in addresses:
        if rule.offline and (where := rule.place(address)) is not Place.MACHINE:
            host = urlsplit(address).hostname or ""
            raise SettingsError(
                f"offline: the engine {host} is on {where}, and nothing may leave this machine",
                path="store.url",
                hint=f"drop --offline (remote.offline), or add {host!r} to remote.trusted_hosts if it is your own",
            )


def _sign_in(store: StoreSettings, base_dir: Path, environ: Mapping[str, str] | None) -> dict[str, Any]:
    """The client's argument for the one way of signing in that the settings have; none for none."""

    def secret(name: str) -> str:
        text: str = getattr(store, name)
        try:
            return resolve(text, base_dir=base_dir, environ=environ).reveal()
        except SettingsError as error:
            raise SettingsError(f"store.{name}: {error.message}", path=f"store.{name}", hint=error.hint) from None

    username, password = store.username, ""
    for text in [] if store.cloud_id else store.url.replace(",", " ").split():
        if (parts := _split(text)).username:
            username, password = unquote(parts.username or ""), unquote(parts.password or "")
            register_secret(password)
    ways = [name for name in ("api_key", "bearer") if getattr(store, name)] + (["username"] if username else [])
    if len(ways) > 1:
        raise SettingsError(
            f"store.{ways[0]} and store.{ways[1]} are both set: one of them signs in",
            path=f"store.{ways[1]}",
            hint=f"take store.{ways[0]} or store.{ways[1]} away",
        )
    if store.password and not username:
        raise SettingsError("store.password is set without a name", path="store.username", hint="set store.username")
    if store.api_key:
        return {"api_key": secret("api_key")}
    if store.bearer:
        return {"bearer_auth": secret("bearer")}
    if username:
        return {"basic_auth": (username, secret("password") if store.password else password)}
    return {}


def _trust(store: StoreSettings, base_dir: Path) -> dict[str, Any]:
    """The client's arguments for certificates."""
    options: dict[str, Any] = {}
    if store.ca_file:
        path = base_dir / Path(store.ca_file).expanduser()
        if not path.is_file():
            raise SettingsError(
                f"store.ca_file: there is no file {path}",
                path="store.ca_file",
                hint="Elasticsearch writes it as config/certs/http_ca.crt",
            )
        options["ca_certs"] = str(path)
    if store.fingerprint:
        digits = store.fingerprint.replace(":", "").strip()
        if not re.fullmatch(r"[0-9a-fA-F]{64}", digits):
            raise SettingsError(
                "store.fingerprint is no SHA-256 fingerprint: it has 64 hexadecimal digits",
                path="store.fingerprint",
                hint="openssl x509 -fingerprint -sha256 -noout -in http_ca.crt",
            )
        options["ssl_assert_fingerprint"] = digits
    if options and not store.cloud_id and any(host.startswith("http:") for host in hosts(store)):
        name = "ca_file" if "ca_certs" in options else "fingerprint"
        raise SettingsError(
            f"store.{name} is set, but store.url begins with http:", path="store.url", hint="write https:// before it"
        )
    return options
