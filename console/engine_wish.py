"""What the options say of an engine: where it is, how to sign in, whom to trust, and how an index in it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from engine.errors import UsageError

ENGINES = ("elasticsearch", "opensearch")
SIGNS = ("username", "password", "api_key", "bearer", "ca_file", "fingerprint")
"""The keys of ``[store]`` that sign in or say whom to trust, each an option of the same name."""


@dataclass(frozen=True, slots=True)
class EngineWish:
    """``signs`` are those of ``SIGNS`` that were given; ``knn`` and ``shards`` are empty where they were not.

    kind  '' where it is to be found out
    name  of the index, '' for none chosen
    """

    kind: str = ""
    name: str = ""
    url: str = ""
    knn: str = ""
    shards: int = 0
    keep_old: bool = False
    signs: Mapping[str, str] = field(default_factory=dict)

    def sets(self) -> list[str]:
        """The same as ``--set``."""
        given = {"kind": self.kind, "url": self.url, "index": self.name, **self.signs}
        return [f"store.{key}={msgspec.json.encode(value).decode()}" for key, value in given.items() if value]


NO_ENGINE = EngineWish()


def engine_of(into: str) -> tuple[str, str] | None:
    """(engine, name) of ``elasticsearch:NAME``; None for a folder. Raises ``UsageError`` for an empty name."""
    kind, sign, name = into.partition(":")
    if kind not in ENGINES or not sign:
        return None
    if not name:
        raise UsageError(f"--into {into} names no index", hint=f"write --into {kind}:NAME")
    return kind, name


def refuse_for_folder(wish: EngineWish) -> None:
    """Raises ``UsageError`` where something was said of an engine, and a folder is what is written to."""
    given = {"--url": wish.url, "--knn": wish.knn, "--shards": wish.shards, "--keep-old": wish.keep_old}
    given |= {f"--{name.replace('_', '-')}": value for name, value in wish.signs.items()}
    if found := [name for name, value in given.items() if value]:
        raise UsageError(
            f"{found[0]} is for an engine, and --into names a folder",
            hint="write --into elasticsearch:NAME or --into opensearch:NAME",
        )
