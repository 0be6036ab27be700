"""Options that several commands share, with one wording each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from console.opening import Wanted

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


def settings_options(
    *,
    config: bool = True,
    index: bool = True,
    filters: bool = False,
    cache: bool = False,
    recording: bool = False,
    several: bool = False,
    batch: bool = False,
) -> Callable[[F], F]:
    """-c, --set and --offline, and on request --index, --filter, --no-cache, --recording and --yes, gathered into the
    argument ``wanted``. Without ``config`` there is no -c; with ``several`` it may be repeated, and ``wanted`` is a
    tuple with one for each."""

    def decorate(function: F) -> F:
        @wraps(function)
        def gathered(
            *args: Any,
            config: Path | tuple[Path, ...] | None = None,
            sets: tuple[str, ...],
            index: Path | None = None,
            filters: tuple[str, ...] = (),
            no_cache: bool = False,
            recording: Path | None = None,
            offline: bool = False,
            yes: bool = False,
            **kwargs: Any,
        ) -> Any:
            files = (config or (None,)) if isinstance(config, tuple) else (config,)
            made = (_wanted(file, index, sets, filters, no_cache, recording) for file in files)
            wanted = tuple(replace(one, offline=offline, yes=yes) for one in made)
            return function(*args, wanted=wanted if several else wanted[0], **kwargs)

        options = [
            click.option(
                "-c",
                "--config",
                type=FILE,
                multiple=several,
                metavar="FILE",
                help="Settings file (TOML)." + (" Repeatable: each is set against the first." if several else ""),
            ),
            click.option(
                "--set",
                "sets",
                multiple=True,
                metavar="NAME=VALUE",
                shell_complete=complete_names,
                help="Change one setting, as in rerank.top_n=20. Repeatable.",
            ),
        ]
        options.append(click.option("--offline", is_flag=True, help="Send nothing off this machine."))
        if batch:
            options.append(click.option("--yes", is_flag=True, help="Send to services without being asked."))
        if index:
            options.append(click.option("--index", type=FOLDER, metavar="DIR", help="Folder of the index to search."))
        if filters:
            options.append(
                click.option(
                    "--filter",
                    "filters",
                    multiple=True,
                    metavar="FIELD=VALUE",
                    help="Only documents with this value; a field given twice takes either. Repeatable.",
                )
            )
        if cache:
            options.append(click.option("--no-cache", is_flag=True, help="Neither read nor write kept rerank scores."))
        if recording:
            options.append(
                click.option(
                    "--recording",
                    type=FILE,
                    metavar="FILE",
                    help="Search a recording instead of an index, with its settings unless -c names others.",
                )
            )
        for option in reversed(options if config else options[1:]):
            gathered = option(gathered)
        return gathered  # type: ignore[return-value]

    return decorate


def _wanted(
    config: Path | None,
    index: Path | None,
    sets: tuple[str, ...],
    filters: tuple[str, ...],
    no_cache: bool,
    recording: Path | None,
) -> Wanted:
    from console.opening import Wanted

    if recording is not None and index is not None:
        raise click.UsageError("give either --index or --recording", click.get_current_context())
    return Wanted(config, index, sets, filters, no_cache, recording)


def complete_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of settings, for the shell."""
    from engine.settings.knobs import paths
    from engine.settings.schema import Settings

    return [CompletionItem(f"{name}=") for name in paths(Settings()) if name.startswith(incomplete)]


def data_option(function: F) -> F:
    """``--data`` for what judges: the argument ``data``, '' where it is not given."""
    return click.option(
        "--data",
        default="",
        metavar="DIR|python-docs",
        help="Queries and judgments, read and written; default: those kept for the index.",
    )(function)


def signing_options(function: F) -> F:
    """How to sign in to an engine and whom to trust, gathered into the argument ``signs``: name in ``[store]`` → value,
    those that were given."""

    @wraps(function)
    def gathered(*args: Any, **kwargs: Any) -> Any:
        signs = {name: value for name, _, _ in _SIGNS if (value := kwargs.pop(name))}
        return function(*args, signs=signs, **kwargs)

    for name, metavar, help_ in reversed(_SIGNS):
        option = click.option(f"--{name.replace('_', '-')}", name, default="", metavar=metavar, help=help_)
        gathered = option(gathered)
    return gathered  # type: ignore[return-value]


_SIGNS = (
    ("username", "NAME", "User of the engine."),
    ("password", "env:NAME", "Where the user's password is: env:NAME, file:PATH or keyring:NAME."),
    ("api_key", "env:NAME", "Where an API key is; the same."),
    ("bearer", "env:NAME", "Where a bearer token is; the same."),
    ("ca_file", "FILE", "Certificate of the authority to trust."),
    ("fingerprint", "SHA256", "Fingerprint of the one certificate to trust."),
)
