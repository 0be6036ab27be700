"""``rankscope``: the group of commands, each loaded only when it is called, and the end of every process."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from console.collector import collect_rarely
from console.commands.options import data_option, settings_options
from console.exit_codes import ExitCode, describe, exit_code
from console.placing import EVERYWHERE, put_behind
from console.text import clean
from engine import __version__
from engine.errors import UsageError

if TYPE_CHECKING:
    from console.opening import Wanted

NAME = "rankscope"
COMPLETION = "_RANKSCOPE_COMPLETE"
"""Set by the shell's completion script: what click then answers is no command of ours."""

COMMANDS = {
    "demo": "Open the console on the demo: Python's own documentation.",
    "index": "Build or extend an index from a corpus.",
    "connect": "Make settings for an index of Elasticsearch or OpenSearch, and open the console on it.",
    "search": "Search once or for a whole file of queries; the full trace as JSON, or a TREC run.",
    "record": "Keep searches in one file that replays without index, model or network.",
    "analyze": "Show the tokens each analyser makes of a text.",
    "evaluate": "Measure settings over judged queries: metrics, significance, gates.",
    "tune": "Search weights and other knobs over judged queries; save what held-out queries confirm.",
    "ragflow": "Take one question in RAGFlow apart: five rankings, and what its filter loses.",
    "export": "Write settings as the request of Elasticsearch, OpenSearch or RAGFlow.",
    "native": "Set the engine's own fusion beside ours: Elasticsearch, OpenSearch.",
    "diff": "Compare two settings files: what differs, what it does, and to which queries.",
    "run": "Run a script of console actions with expectations.",
    "models": "List local models, which are here and which loaded; fetch one.",
    "providers": "List the services that can rerank or embed, and which have a key.",
    "doctor": "Check settings, index, files, keys, and whether services answer.",
    "stats": "Show calls, tokens, cost, errors and latency of each service.",
    "config": "Show, check or write settings, and where each value comes from.",
    "completion": "Print the script that completes commands in your shell.",
}
"""Name → one line of help. The module ``console.commands.NAME`` holds the rest as ``command``."""


@dataclass(slots=True)
class Door:
    """What holds for the whole call."""

    debug: bool = field(default_factory=lambda: bool(os.environ.get("RANKSCOPE_DEBUG")))


class LazyGroup(click.Group):
    """A group that knows its commands' names and summaries, and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"console.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args if ctx.resilient_parsing else put_behind(self, ctx, args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            way_out = f"Did you mean `{near[0]}`?" if near else f'To search, write: rankscope search "{clean(name)}"'
            raise click.UsageError(f"There is no command {clean(name)!r}. {way_out}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`rankscope COMMAND --help` explains each command with examples. Data goes to stdout, notes to stderr. "
    "Exit codes: 0 ok, 1 an expectation failed, 2 usage or settings, 3 index, 4 a required reranker, 130 interrupted.",
)
@click.version_option(__version__, "-V", "--version", message="rankscope %(version)s")
@click.option("--debug", is_flag=True, help="Show the whole traceback of an error.")
@click.option(
    "--log",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Append a detailed log to this file (secrets are masked).",
)
@settings_options(recording=True)
@data_option
@click.option("--theme", default="", metavar="NAME", help="Theme of the console.")
@click.pass_context
def cli(context: click.Context, debug: bool, log: Path | None, data: str, theme: str, wanted: Wanted) -> None:
    """See why a document ranks where it ranks.

    Without a command, opens the console: on the settings or index named here, else as it was last, else on the demo.

    \b
      rankscope demo                                           try it: nothing to prepare
      rankscope index corpus.jsonl --into my-index             index your own documents
      rankscope --index my-index                               open the console on them
      rankscope search "time sleep" --index my-index -o table  one search, headless
    """
    door = context.ensure_object(Door)
    door.debug = door.debug or debug
    _start_log(context, log)
    if context.invoked_subcommand is None:
        from console.commands.demo import open_last

        open_last(replace(wanted, data=data), theme)
    elif wanted.named or wanted.offline or data or theme:
        left = [one.opts[-1] for one in context.command.params if _given(context, one)]
        raise UsageError(
            f"`{NAME} {context.invoked_subcommand}` does not take {' and '.join(left)}",
            hint=f"`{NAME} {' … '.join(left)} …` opens the console with it",
        )


def _given(context: click.Context, option: click.Parameter) -> bool:
    """Whether an option of the console's own was typed."""
    typed = context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE
    return typed and option.name not in EVERYWHERE


def _start_log(context: click.Context, file: Path | None) -> None:
    """Log to the file that was named, in detail; else, for the console and where RANKSCOPE_LOG asks, to our own."""
    from console.locations import locations, made
    from engine import logs

    asked = logs.VARIABLE in os.environ
    if file is None and not asked and context.invoked_subcommand not in (None, "demo"):
        return
    level = "debug" if file and not asked else logs.level_of(os.environ)
    places = locations()
    handler = logs.start(file or made(places.log) / places.log_file.name, level)
    context.call_on_close(lambda: logs.stop(handler))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. Whatever goes wrong is told on stderr, briefly."""
    door = Door()
    try:
        if COMPLETION in os.environ:
            cli.main(list(arguments), prog_name=NAME)
        with cli.make_context(NAME, list(arguments), obj=door) as context:
            code = cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except (Exception, KeyboardInterrupt) as error:
        return _end(error, door)
    return int(code or ExitCode.OK)


def _end(error: BaseException, door: Door) -> int:
    code = exit_code(error)
    if isinstance(error, BrokenPipeError):
        # the interpreter flushes stdout once more on its way out
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code
    if door.debug and not isinstance(error, click.ClickException | click.Abort):
        traceback.print_exception(error)
    for line in describe(error):
        print(line, file=sys.stderr)
    return code


def main() -> None:
    """Entry point of ``rankscope``."""
    collect_rarely()
    sys.exit(run(sys.argv[1:]))
