"""Every service that a pipeline asks: what may be asked at all, one client for each, the account of the calls.

Importing this module imports no HTTP library; the first call does, in a thread, so that the loop goes on.
"""

from __future__ import annotations

import asyncio
import ssl
from concurrent.futures import Executor
from copy import copy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from engine.errors import RemoteError
from engine.executor import run_in
from engine.remote.ledger import Ledger
from engine.remote.offline import Departure, MayLeave, OfflineRule, Place, place_of
from engine.remote.wire import Limits, Service, Timeouts, WireRequest, WireResponse
from engine.secrets import shown_url

if TYPE_CHECKING:
    from engine.remote.client import Client


Key = tuple[str, str, Limits, Timeouts]


class ClientPool:
    """``rule`` is asked before every request, ``may_leave`` before documents or a query go off this machine. Belongs
    to one loop, from the first request on."""

    def __init__(self, executor: Executor, rule: OfflineRule | None = None, ledger: Ledger | None = None) -> None:
        self.rule = rule or OfflineRule()
        self.may_leave: MayLeave = lambda departure: True
        self.ledger = ledger or Ledger(None, executor)
        self._executor = executor
        self._clients: dict[Key, Client] = {}
        self._tls: ssl.SSLContext | None = None
        self._loading = asyncio.Lock()

    def under(self, rule: OfflineRule) -> ClientPool:
        """The same services, connections and account under the rule of other settings."""
        if rule == self.rule:
            return self
        other = copy(self)
        other.rule = rule
        return other

    def agree(self, departure: Departure | None) -> None:
        """Raises ``RemoteError`` (kind ``declined``) for what is not to leave this machine."""
        if departure is not None and not self.may_leave(departure):
            raise departure.refused

    async def send(
        self, service: Service, request: WireRequest, *, tokens: int = 0, deadline: float = float("inf")
    ) -> WireResponse:
        """The answer, below 300. ``tokens`` and ``deadline`` are as in ``Client.send``. Raises ``RemoteError``."""
        self.rule.check(service.name, request.url)
        key = (service.name, request.origin, service.limits, service.timeouts)
        client = self._clients.get(key) or await self._open(key, request.url)
        return await client.send(service, request, tokens=tokens, deadline=deadline)

    async def load(self) -> ssl.SSLContext:
        """Import the HTTP library and read the certificates, as the first call does: to time a call without that."""
        async with self._loading:
            if self._tls is None:
                self._tls = await run_in(self._executor, _load)
            return self._tls

    async def _open(self, key: Key, url: str) -> Client:
        tls = await self.load()
        from engine.remote.client import Client

        if key not in self._clients:
            proxy = None if place_of(url) is Place.MACHINE else _proxy(key[0], url)
            self._clients[key] = Client(key[2], key[3], tls, proxy)
        return self._clients[key]

    async def close(self) -> None:
        """Close every connection and write the account."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
        await run_in(self._executor, self.ledger.close)


def _load() -> ssl.SSLContext:
    from engine.remote.client import make_tls

    return make_tls()


def _proxy(provider: str, url: str) -> str | None:
    """The proxy that the environment, or the system's settings, name for this address. Raises ``RemoteError`` for one
    that does not speak HTTP."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme.lower() not in ("http", "https") or not urlsplit(proxy).hostname:
        raise RemoteError(
            f"{provider}: the proxy {shown_url(proxy)} is none that HTTP can go through",
            provider=provider,
            kind="proxy",
            hint="set https_proxy and http_proxy to one that begins with http://, or no_proxy to this host",
        )
    return proxy
