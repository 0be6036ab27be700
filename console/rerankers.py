"""The rerankers that can be picked: what each is, whether it can be used now, and what picking it sets. Knows no
user interface."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace

from engine.errors import SettingsError, UsageError
from engine.local.models.cache import whole
from engine.local.models.catalogue import find, presets
from engine.remote.offline import OfflineRule, Place
from engine.rerankers.plugins import plugins
from engine.rerankers.registry import RERANKERS
from engine.rerankers.remote.keys import key_source, unset_variable
from engine.rerankers.remote.providers import Provider, providers, table
from engine.rerankers.remote.urls import endpoint
from engine.rerankers.several import SEVERAL
from engine.settings.schema import RerankSettings, Settings

if TYPE_CHECKING:
    from console.session import Session

LOCAL = "local"
_ADDRESS, _MODEL = "rerank.base_url", "rerank.model"


class Group(StrEnum):
    """The headings of the list, in its order."""

    HERE = "On this machine"
    LOCAL = "Local models"
    READY = "Services that are ready"
    OWN = "Your own"
    LACKING = "Services that lack something"


@dataclass(frozen=True, slots=True)
class RerankerRow:
    """One line of the list.

    name       what settings call the provider; ``model`` is the one that a pick sets, of ``models``
    group      heading
    label      as it calls itself
    suits      in a clause
    where      host, '' for this machine or unknown; ``place`` is how far away
    price      in words, '' where unknown
    account    how it answers: kind of score, list-wise, key
    missing    why it cannot be asked now, '' where it can; ``asks`` is the setting that would mend it here
    needs_model  whether a model has to be named
    docs       its documentation
    kept       address and key that the settings have for it
    download   its files are not on this machine yet: using it fetches them
    """

    name: str
    group: Group
    label: str
    models: tuple[str, ...] = ()
    model: str = ""
    suits: str = ""
    where: str = ""
    place: Place | None = Place.MACHINE
    price: str = ""
    account: str = ""
    missing: str = ""
    asks: str = ""
    needs_model: bool = False
    docs: str = ""
    kept: tuple[str, str] = ("", "")
    download: bool = False

    @property
    def id(self) -> str:
        return f"{LOCAL}/{self.model}" if self.group is Group.LOCAL else self.name

    def values(self, model: str, address: str = "") -> dict[str, object]:
        """What picking it sets, with another model or address than its own."""
        return {
            "rerank.enabled": True,
            "rerank.provider": self.name,
            _MODEL: model,
            "rerank.revision": "",
            _ADDRESS: address or self.kept[0],
            "rerank.api_key": self.kept[1],
        }


def reranker_rows(
    settings: Settings,
    saved: Settings,
    engines: Collection[str] = tuple(RERANKERS),
    environ: Mapping[str, str] | None = None,
    models: Path | None = None,
) -> tuple[RerankerRow, ...]:
    """Every reranker there is, in the order of the groups. ``engines`` are those that are no services, ``models`` is
    the folder that keeps models of the hub. Nothing is asked of any."""
    rows = [
        *(_registered_row(name) for name in engines if name != LOCAL),
        *(local_rows((saved, settings), models, offline=settings.remote.offline) if LOCAL in engines else ()),
        *_service_rows(settings, saved, os.environ if environ is None else environ),
    ]
    order = list(Group)
    return tuple(sorted(rows, key=lambda row: order.index(row.group)))


def matching(rows: Sequence[RerankerRow], text: str) -> list[RerankerRow]:
    """The rows that have every word of the text in name, label, model or what they suit, those that begin so first."""
    words = text.lower().split()
    found = []
    for row in rows:
        about = f"{row.name} {row.label} {' '.join(row.models)} {row.suits} {row.group}".lower()
        if all(word in about for word in words):
            found.append(row)
    beginning = tuple(words[:1])
    return sorted(found, key=lambda row: bool(words) and not row.id.removeprefix(f"{LOCAL}/").startswith(beginning))


def registered(session: Session) -> tuple[str, ...]:
    """The rerankers that are no services: the engine's own, and those of other packages."""
    return tuple(dict.fromkeys((*session.pipeline.resources.factories, *plugins())))


def picked(session: Session, name: str) -> dict[str, object]:
    """What picking a reranker by name sets: ``PROVIDER``, ``PROVIDER/MODEL``, or ``several/NAME,NAME``. Raises
    ``UsageError`` for one that is not there."""
    found = reranker_rows(session.settings, session.loaded.settings, registered(session))
    rows = {row.name: row for row in found}
    provider, _, model = name.partition("/")
    if provider == SEVERAL:
        return RerankerRow(SEVERAL, Group.HERE, SEVERAL).values(model)
    if provider not in rows:
        near = get_close_matches(provider, rows, 1)
        hint = f"did you mean {near[0]!r}?" if near else "`rankscope providers` lists the services"
        raise UsageError(f"there is no reranker {provider!r}", hint=hint)
    row = rows[provider]
    return row.values(model or row.model)


def settings_of(session: Session, name: str) -> RerankSettings:
    """The live settings' reranking by another reranker. Raises ``UsageError`` for one that is not there."""
    values = {path.removeprefix("rerank."): value for path, value in picked(session, name).items()}
    return replace(session.settings.rerank, cascade={}, **values)


def _registered_row(name: str) -> RerankerRow:
    if name == "term":
        suits = "no model: shared words and the vectors' similarity, as RAGFlow weighs them"
        return RerankerRow(name, Group.HERE, "Words and vectors", suits=suits, price="free", account="scores are sums")
    return RerankerRow(name, Group.HERE, name, suits="from another package", price="free")


def local_rows(
    chosen: Sequence[Settings] = (), models: Path | None = None, *, offline: bool = False
) -> Iterator[RerankerRow]:
    """A row for each local model with a short name, after those of other names or folders that settings have. With the
    folder ``models`` each says whether its files are there."""
    missing = "" if find_spec("torch") and find_spec("transformers") else 'needs: pip install "rankscope[local]"'
    stages = [stage for each in chosen for stage in (each.rerank, *each.rerank.cascade.values())]
    for name in dict.fromkeys(stage.model for stage in stages if stage.provider == LOCAL and stage.model):
        if find(name) is None:
            yield RerankerRow(
                LOCAL, Group.LOCAL, name, (name,), name, "named in the settings", price="free", missing=missing
            )
    for name, preset in presets().items():
        if preset.role != "reranker":
            continue
        absent = models is not None and whole(models, preset.model) is None
        lacking = missing or ("offline: it is not on this machine yet" if absent and offline else "")
        about = f"{preset.parameters:g} million parameters · languages: {preset.languages} · {preset.licence}"
        yield RerankerRow(
            LOCAL, Group.LOCAL, preset.model, (name,), name, preset.suits, "", price="free", account=about,
            missing=lacking, download=absent,
        )  # fmt: skip


def _service_rows(settings: Settings, saved: Settings, environ: Mapping[str, str]) -> Iterator[RerankerRow]:
    rule = OfflineRule.of(settings.remote)
    chosen = {each.provider: each for each in (saved.rerank, settings.rerank)}
    for name, row in providers(settings.providers).items():
        yield _service_row(row, chosen.get(name, RerankSettings(provider=name)), rule, environ)


def _service_row(row: Provider, rerank: RerankSettings, rule: OfflineRule, environ: Mapping[str, str]) -> RerankerRow:
    models = tuple(dict.fromkeys(filter(None, (rerank.model, *row.models))))
    model = models[0] if models else ""
    url, missing, asks = _address(row, rerank, model)
    place = rule.place(url) if url else None
    key = key_source(row, rerank.api_key, environ)
    if rule.offline and place not in (None, Place.MACHINE):
        missing, asks = "offline: nothing may leave this machine", ""
    elif unset := unset_variable(row, rerank.api_key, environ):
        missing, asks = f"needs {unset}", ""
    elif row.needs_key and not key:
        name = " and ".join(row.keys[0].split(":")[:2]) if row.keys else "a key"
        missing, asks = f"needs {name}", ""
    own = row.name not in table()
    group = Group.OWN if own else Group.LACKING if missing else Group.READY
    listwise = "reads the list as one" if row.is_listwise(model) else ""
    holder = f"key: {key}" if key else "" if row.needs_key else "no key needed"
    about = (f"scores: {row.kind_of(model)}", listwise, holder)
    return RerankerRow(
        row.name, group, row.label, models, model, row.suits, urlsplit(url).hostname or "", place, price_text(row),
        " · ".join(filter(None, about)), missing, asks, row.needs_model, row.docs, (rerank.base_url, rerank.api_key),
    )  # fmt: skip


def _address(row: Provider, rerank: RerankSettings, model: str) -> tuple[str, str, str]:
    """Where it would be asked, or what is missing for that, and the setting that mends it."""
    try:
        url = endpoint(row, rerank.base_url, model)
    except SettingsError as error:
        if error.path == _ADDRESS and not rerank.base_url:
            return "", "needs its address", _ADDRESS
        return "", error.message, error.path if error.path in (_ADDRESS, _MODEL) else ""
    return (url, "needs a model's name", _MODEL) if row.needs_model and not model else (url, "", "")


def price_text(row: Provider) -> str:
    """``0.05 $ per M tokens``, ``you run it``; '' where nobody said."""
    if row.price:
        return f"{row.price:g} $ per M {row.price_unit}"
    return "you run it" if row.local else ""
