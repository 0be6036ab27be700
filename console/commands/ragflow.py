"""``rankscope ragflow``."""

from __future__ import annotations

import click

from console.commands.options import settings_options
from console.opening import Wanted


@click.command(short_help="Take one question in RAGFlow apart: five rankings, and what its filter loses.")
@click.argument("query", nargs=-1)
@click.option("--kb", "kb_ids", multiple=True, metavar="ID", help="Search this knowledge base. Repeatable.")
@click.option("--doc", "doc_ids", multiple=True, metavar="ID", help="Search this document of theirs. Repeatable.")
@click.option("--depth", type=click.IntRange(1), default=10, show_default=True, help="Chunks of each ranking shown.")
@click.option(
    "-o", "--output", "format_", type=click.Choice(["table", "json"]), default="table", help="Format; default: table."
)
@settings_options()
def command(
    query: tuple[str, ...], kb_ids: tuple[str, ...], doc_ids: tuple[str, ...], depth: int, format_: str, wanted: Wanted
) -> None:
    """Ask RAGFlow's index as RAGFlow does, and show what each of its steps makes of it: the text alone (A), the vectors
    alone (B), the vectors among what the text matches (C), the first stage (D), the re-rank with its parts (E), and the
    chunks lost between B and C.

    \b
      rankscope ragflow -c ragflow.toml                        knowledge bases and documents of the index
      rankscope ragflow "retry a failed request" -c ragflow.toml --kb ID
      rankscope ragflow "retry" -c ragflow.toml --set store.ragflow.version=2026-05
      rankscope ragflow "retry" -c ragflow.toml -o json | jq .lost

    store.ragflow.version says since which month RAGFlow ranks so: 2026-07 (the text counts nothing in the first stage),
    2026-05 (0.05 text; (1 + cos)/2 in the re-rank), 2026-04 (the true cosine).
    """
    from console.ragflowing import list_bases, show_question

    if query:
        show_question(" ".join(query), kb_ids, doc_ids, depth, wanted, as_json=format_ == "json")
    else:
        list_bases(kb_ids, wanted, as_json=format_ == "json")
