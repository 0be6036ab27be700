"""Before a set of queries goes to a service off this machine: what that takes is said, and asked for once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from console.output import note
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.pipeline import Pipeline
    from engine.settings.schema import Settings


EXAMPLE = "an example of a query"
"""Stands for each of the queries that nobody can count beforehand."""


async def agree(pipeline: Pipeline, settings: Settings, queries: Sequence[str] | None, *, yes: bool) -> None:
    """Say what the queries (None: nobody knows how many) would ask of services off this machine, and go on if that is
    agreed to: by ``yes``, else at the terminal. Raises ``UsageError`` where nobody can answer, ``click.Abort`` for no.
    """
    from engine.estimate import estimate

    if settings.remote.offline:
        return  # every request will be refused
    asked = [EXAMPLE] if queries is None else queries
    leaving = [one for one in await estimate(pipeline, settings, asked) if one.leaves]
    for one in leaving:
        note(f"note: {'for each query: ' if queries is None else ''}{one.text}")
    if not leaving or yes:
        return
    if queries is None or not sys.stdin.isatty():
        raise UsageError("these queries would be sent to a service", hint="--yes agrees to that; --offline forbids it")
    click.confirm("Go on?", abort=True, err=True)
