"""``rankscope index``."""

from __future__ import annotations

from pathlib import Path

import click

from console.commands.options import FOLDER, settings_options
from console.opening import Wanted


@click.command(short_help="Build or extend an index from a corpus.")
@click.argument("source", required=False)
@click.option("--into", type=FOLDER, required=True, metavar="DIR", help="Folder of the index.")
@click.option("--reader", default="", metavar="NAME", help="beir, jsonl, csv, folder or python-docs; default: by look.")
@click.option("--id-field", default="", metavar="NAME", help="Field that holds the id (default _id or id); # numbers.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Take our field from another of the source, as in title=headline or text=body.plain. Repeatable.",
)
@click.option(
    "--text-field",
    "text_fields",
    multiple=True,
    metavar="NAME",
    help="A field to search by words; default: what the source proposes. Repeatable.",
)
@click.option(
    "--analyzer",
    "analyzers",
    multiple=True,
    metavar="[FIELD=]NAME",
    help="How text becomes words: english, standard, whitespace, identifier or cjk; for one field or for all.",
)
@click.option(
    "--embedder",
    metavar="NAME",
    help="What makes the vectors: static, local/MODEL, PROVIDER/MODEL, or none for an index without.",
)
@click.option("--update", is_flag=True, help="Add to the index that is there; equal ids are replaced.")
@click.option("--rebuild", is_flag=True, help="Replace the index that is there, which stays in use until the end.")
@click.option("--delete", "deleted", multiple=True, metavar="ID", help="Take a document out. Repeatable.")
@settings_options(index=False, batch=True)
def command(
    source: str | None,
    into: Path,
    reader: str,
    id_field: str,
    fields: tuple[str, ...],
    text_fields: tuple[str, ...],
    analyzers: tuple[str, ...],
    embedder: str | None,
    update: bool,
    rebuild: bool,
    deleted: tuple[str, ...],
    wanted: Wanted,
) -> None:
    """Build an index in the folder DIR from SOURCE.

    SOURCE is a BEIR folder (corpus.jsonl), a .jsonl, .csv or .tsv file, a folder of text and Markdown, or the word
    python-docs: the documentation inside this Python.

    \b
      rankscope index corpus.jsonl --into my-index
      rankscope index ./docs --into my-index
      rankscope index news.csv --into news --id-field url --field title=headline --field text=body
      rankscope index products.jsonl --into shop --analyzer standard --analyzer sku=whitespace
      rankscope index corpus.jsonl --into my-index --embedder local/minilm
      rankscope index new.jsonl --into my-index --update
      rankscope index --into my-index --delete doc-7 --delete doc-9

    A build that was broken off goes on where it was when the same command is run again. Searches see the old index
    until the new one is whole. Bad lines, duplicate ids and blank documents are told with file and line on stderr and
    counted at the end.

    Analysers, fields and embedder can also come from the settings: -c my.toml, or --set legs.lexical.analyzer=standard.

    Before documents go to an embedder off this machine, requests, tokens and cost are estimated and asked for once, or
    by --yes not at all.
    """
    from console.indexing import IndexWish, index_source

    wish = IndexWish(into, reader, id_field, fields, text_fields, analyzers, embedder, update, rebuild, deleted)
    index_source(source, wish, wanted)
