"""Before queries or documents go to a service off this machine: what that takes is said, and asked for once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from console.output import note
from engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.estimate import Estimate
    from engine.ingest.base import Source
    from engine.pipeline import Pipeline
    from engine.settings.schema import ProviderSettings, RemoteSettings, Settings

    Providers = Mapping[str, ProviderSettings]


EXAMPLE = "an example of a query"
"""Stands for each of the queries that nobody can count beforehand."""


async def agree(pipeline: Pipeline, settings: Settings, queries: Sequence[str] | None, *, yes: bool) -> None:
    """Say what the queries (None: nobody knows how many) would ask of services off this machine, and go on if that is
    agreed to: by ``yes``, else at the terminal. Raises ``UsageError`` where nobody can answer, ``click.Abort`` for no.
    """
    from engine.estimate import estimate

    if settings.remote.offline or (queries is not None and not queries):
        return  # every request will be refused, or there is none
    told = await estimate(pipeline, settings, [EXAMPLE] if queries is None else queries)
    _ask(told, "these queries", yes=yes, before="for each query: " if queries is None else "", blind=queries is None)


def agree_to_indexing(
    source: Source, embedder: str, template: str, remote: RemoteSettings, providers: Providers, *, yes: bool
) -> None:
    """The same before the documents of a source go to the embedder of that name."""
    from engine.estimate import estimate_indexing

    if not remote.offline:
        told = estimate_indexing(source, embedder, template, remote, providers)
        _ask([told] if told else [], "these documents", yes=yes)


def _ask(told: Sequence[Estimate], what: str, *, yes: bool, before: str = "", blind: bool = False) -> None:
    """``blind``: standard input is taken, and nobody can answer there."""
    leaving = [one for one in told if one.leaves]
    for one in leaving:
        note(f"note: {before}{one.text}")
    if not leaving or yes:
        return
    if blind or not sys.stdin.isatty():
        raise UsageError(f"{what} would be sent to a service", hint="--yes agrees to that; --offline forbids it")
    click.confirm("Go on?", abort=True, err=True)
