"""``rankscope completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from console.cli import COMPLETION, NAME, cli
from console.output import emit
from engine.errors import UsageError

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the script that completes commands in your shell.")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script that completes rankscope's commands, options and names of settings in your shell.

    \b
      bash   echo 'eval "$(rankscope completion bash)"' >> ~/.bashrc
      zsh    echo 'eval "$(rankscope completion zsh)"' >> ~/.zshrc
      fish   rankscope completion fish > ~/.config/fish/completions/rankscope.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"there is no completion for {shell}", hint=f"there is for {', '.join(SHELLS)}")
    emit(kind(cli, {}, NAME, COMPLETION).source().encode())
