"""Where an address is, what may be sent there, and what is about to leave this machine. Nothing is looked up.

A name is judged by how it is written, never by asking DNS: the question itself would leave the machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from engine.errors import RemoteError
from engine.settings.schema import RemoteSettings


class Place(StrEnum):
    """How far away a host is."""

    MACHINE = "this machine"
    NETWORK = "the local network"
    INTERNET = "the internet"


DECLINED = "declined"
"""``kind`` of the error of a call that was not agreed to."""

_MACHINE = ("localhost", "host.docker.internal", "host.containers.internal")
_NETWORK = ("local", "lan", "home", "internal", "intranet", "home.arpa")


def place_of(url: str, trusted: tuple[str, ...] = ()) -> Place:
    """Where the URL's host is: loopback names and addresses are this machine, private ones and names without a dot
    the local network, all else the internet. Hosts in ``trusted`` count as this machine."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if host in trusted or _below(host, _MACHINE):
        return Place.MACHINE
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return Place.NETWORK if "." not in host or _below(host, _NETWORK) else Place.INTERNET
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback or address.is_unspecified:
        return Place.MACHINE
    return Place.NETWORK if address.is_private or address.is_link_local else Place.INTERNET


def _below(host: str, names: tuple[str, ...]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in names)


@dataclass(frozen=True, slots=True)
class OfflineRule:
    """What ``remote.offline`` (``--offline``) and ``remote.trusted_hosts`` allow."""

    offline: bool = False
    trusted: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: RemoteSettings) -> OfflineRule:
        return cls(settings.offline, tuple(settings.trusted_hosts))

    def place(self, url: str) -> Place:
        return place_of(url, self.trusted)

    def check(self, provider: str, url: str) -> None:
        """Raises ``RemoteError`` (kind ``offline``) for what may not be asked."""
        if self.offline and (place := self.place(url)) is not Place.MACHINE:
            host = urlsplit(url).hostname or ""
            raise RemoteError(
                f"offline: {provider} is on {place} ({host}), and nothing may leave this machine",
                provider=provider,
                kind="offline",
                hint=f"drop --offline (remote.offline), or add {host!r} to remote.trusted_hosts if it is your own",
            )


@dataclass(frozen=True, slots=True)
class Departure:
    """What one call sends off this machine: asked about the first time a provider is used.

    ``fields`` are the stored fields that the text template names; ``characters`` are the query's and the texts' sum.
    """

    provider: str
    model: str
    host: str
    place: Place
    fields: tuple[str, ...]
    documents: int
    characters: int

    @property
    def text(self) -> str:
        """The notice in one sentence."""
        model = f" ({self.model})" if self.model else ""
        return (
            f"{self.provider}{model} at {self.host}, on {self.place}, gets {self.what}: {self.characters:,} characters"
        )

    @property
    def what(self) -> str:
        """What is sent: ``the query and title and text of 50 documents``."""
        if not self.documents:
            return "the query"
        fields = " and ".join(filter(None, (", ".join(self.fields[:-1]), self.fields[-1]))) if self.fields else "text"
        return f"the query and {fields} of {self.documents:,} document{'' if self.documents == 1 else 's'}"

    @property
    def refused(self) -> RemoteError:
        """The error of a call that was not agreed to."""
        return RemoteError(
            f"not agreed: nothing was sent to {self.provider} at {self.host}",
            provider=self.provider,
            kind=DECLINED,
            hint="agree to it when asked, or choose another reranker",
        )


MayLeave = Callable[[Departure], bool]
"""Asked before anything goes off this machine; False: nothing is sent, and the stage is skipped."""


def departure(
    rule: OfflineRule, provider: str, model: str, url: str, fields: tuple[str, ...], texts: list[str], query: str
) -> Departure | None:
    """What would leave the machine, None where the provider is on it."""
    place = rule.place(url)
    if place is Place.MACHINE:
        return None
    characters = len(query) + sum(map(len, texts))
    return Departure(provider, model, urlsplit(url).hostname or "", place, fields, len(texts), characters)
