"""``rankscope index``."""

from __future__ import annotations

from pathlib import Path

import click

from console.commands.options import settings_options, signing_options
from console.opening import Wanted


@click.command(short_help="Build or extend an index from a corpus.")
@click.argument("source", required=False)
@click.option(
    "--into",
    required=True,
    metavar="DIR|ENGINE:NAME",
    help="Folder of the index, or elasticsearch:NAME or opensearch:NAME.",
)
@click.option("--url", default="", metavar="URL", help="Address of the engine, as in http://localhost:9200.")
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
@click.option(
    "--knn",
    type=click.Choice(["exact", "hnsw"]),
    help="On an engine: compare every vector (the default), or search a graph of them.",
)
@click.option("--shards", type=click.IntRange(1), metavar="N", help="On an engine: primary shards, 1 unless said.")
@click.option("--keep-old", is_flag=True, help="On an engine: keep the index that --rebuild takes the name from.")
@signing_options
@settings_options(index=False, batch=True)
def command(
    source: str | None,
    into: str,
    url: str,
    reader: str,
    id_field: str,
    fields: tuple[str, ...],
    text_fields: tuple[str, ...],
    analyzers: tuple[str, ...],
    embedder: str | None,
    update: bool,
    rebuild: bool,
    deleted: tuple[str, ...],
    knn: str | None,
    shards: int | None,
    keep_old: bool,
    signs: dict[str, str],
    wanted: Wanted,
) -> None:
    """Build an index in the folder DIR, or in Elasticsearch or OpenSearch, from SOURCE.

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
      rankscope index corpus.jsonl --into elasticsearch:docs --url http://localhost:9200
      rankscope index corpus.jsonl --into opensearch:docs --url https://search:9200 --api-key env:KEY

    A build that was broken off goes on where it was when the same command is run again. Searches see the old index
    until the new one is whole. Bad lines, duplicate ids and blank documents are told with file and line on stderr and
    counted at the end.

    On an engine NAME is an alias: the build writes NAME-000001 and takes the name over at its end, in one step; the
    index that stood there before is deleted after that, unless --keep-old. It goes on where it was as well.

    Analysers, fields and embedder can also come from the settings: -c my.toml, or --set legs.lexical.analyzer=standard.

    Before documents go to an embedder off this machine, requests, tokens and cost are estimated and asked for once, or
    by --yes not at all.
    """
    from console.engine_wish import EngineWish, engine_of
    from console.indexing import IndexWish, index_source

    engine = engine_of(into)
    said = EngineWish(*(engine or ("", "")), url, knn or "", shards or 0, keep_old, signs)
    folder = Path() if engine else Path(into)
    wish = IndexWish(
        folder, reader, id_field, fields, text_fields, analyzers, embedder, update, rebuild, deleted, engine=said
    )
    index_source(source, wish, wanted)
