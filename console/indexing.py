"""What ``rankscope index`` and the demo do: a source into an index folder, with progress and every problem told."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from console.engine_wish import NO_ENGINE, EngineWish, refuse_for_folder
from console.leaving import agree_to_indexing
from console.locations import locations
from console.numbers import counted
from console.opening import Wanted, load_settings
from console.output import note
from console.progress import Bar
from engine.embedders import registry as embedders
from engine.embedders.base import EmbedContext, Embedder
from engine.embedders.local import pinned
from engine.errors import IndexMismatchError, UsageError
from engine.executor import make_executor
from engine.indexing import IndexProgress, IndexReport, build_index, index_spec
from engine.ingest.base import Problem, ProblemKind, Source, SourceOptions
from engine.ingest.registry import open_source
from engine.loading import Loading, told
from engine.local.host import LocalHost
from engine.remote.ledger import Ledger
from engine.remote.offline import OfflineRule
from engine.remote.pool import ClientPool
from engine.settings.load import Loaded
from engine.settings.paths import quote
from engine.settings.schema import DenseLeg, LexicalLeg, StoreSettings
from engine.stores.embedded.schema import MANIFEST, STAGING, IndexSpec, read_manifest
from engine.stores.embedded.writer import IndexWriter

NO_EMBEDDER = "none"
_PHASES = {"read": "reading", "build": "writing"}
_MANY = (ProblemKind.SKIPPED, ProblemKind.REFUSED)
_FIRST = "how many dimensions?"
"""Asked of an embedder whose dimension only an answer tells; loads a local model."""
_TOLD = 20
"""Parts left out on purpose (a module that cannot be imported), and documents that an engine refuses, are told up to
this many; the rest is counted."""


@dataclass(frozen=True, slots=True)
class IndexWish:
    """The options of ``rankscope index``. Where ``engine`` has a kind the index is built there, and not in ``into``."""

    into: Path
    reader: str = ""
    id_field: str = ""
    fields: tuple[str, ...] = ()
    text_fields: tuple[str, ...] = ()
    analyzers: tuple[str, ...] = ()
    embedder: str | None = None
    update: bool = False
    rebuild: bool = False
    delete: tuple[str, ...] = ()
    yes: bool = False
    engine: EngineWish = NO_ENGINE

    @property
    def shapes(self) -> bool:
        """Whether it says how the index is to be built."""
        return bool(self.text_fields or self.analyzers or self.embedder)

    def sets(self) -> list[str]:
        """The same as ``--set``, for what settings can say."""
        sets = self.engine.sets()
        if self.text_fields:
            sets.append(f"legs.lexical.fields={{ {', '.join(f'{quote(name)} = 1.0' for name in self.text_fields)} }}")
        for text in self.analyzers:
            field, sign, name = text.rpartition("=")
            sets.append(f"legs.lexical.analyzers.{quote(field)}={name}" if sign else f"legs.lexical.analyzer={name}")
        if self.embedder and self.embedder != NO_EMBEDDER:
            sets.append(f"legs.dense.embedder={self.embedder}")
        return sets


def index_source(spec: str | None, wish: IndexWish, wanted: Wanted) -> None:
    """Do what the options say and report it. Raises ``UsageError`` for options that contradict each other or what is
    in the folder, and the errors of building."""
    _check(spec, wish)
    if wish.delete:
        _delete(wish.into, wish.delete)
    if spec is None:
        return
    loaded = load_settings(replace(wanted, index=None, sets=(*wish.sets(), *wanted.sets)))
    options = SourceOptions(kind=wish.reader, id_field=wish.id_field, fields=_mapping(wish.fields))
    build(open_source(spec, options), wish.into, loaded, _source_words(spec, wish), replace(wish, yes=wanted.yes))


def build(source: Source, into: Path, loaded: Loaded, source_words: str, wish: IndexWish) -> IndexReport:
    """Index the source, with a bar while it runs and a summary at the end. ``source_words`` is how a rebuild command
    names the source."""
    counts: Counter[ProblemKind] = Counter()
    with Bar() as bar, stopped_at_once():

        def problem(found: Problem) -> None:
            counts[found.kind] += 1
            if found.kind not in _MANY or counts[found.kind] <= _TOLD:
                bar.note(f"{found.kind}: {found}")

        async def run() -> IndexReport:
            _agree(source, into, loaded, wish)
            async with embedding(loaded) as context:
                with told(lambda at: _show_loading(bar, at)):
                    index, embedder = await _plan(source, into, loaded, source_words, wish, context)
                    for text in embedder.info.notes if embedder else ():
                        bar.note(text)
                    if wish.engine.kind:
                        return await _in_engine(
                            source, loaded, index, embedder, wish.engine, wish.rebuild, bar, problem
                        )
                    return await build_index(
                        source,
                        into,
                        index,
                        embedder,
                        fresh=not wish.update,
                        on_progress=lambda at: _show(bar, at),
                        on_problem=problem,
                    )

        try:
            report = asyncio.run(run())
        except KeyboardInterrupt:
            if (into / STAGING).exists():
                bar.note("what was read stays; the same command goes on from there")
            raise
    note(summary(report))
    if wish.engine.kind:
        note(f"search it: rankscope connect {' '.join(_addresses(loaded.settings.store))} --index {wish.engine.name}")
    return report


def _addresses(store: StoreSettings) -> list[str]:
    """Where the engine is, without a password."""
    from engine.stores.elastic.connection import hosts

    return ["URL"] if store.cloud_id else hosts(store)[:1]


async def _in_engine(
    source: Source,
    loaded: Loaded,
    spec: IndexSpec,
    embedder: Embedder | None,
    wish: EngineWish,
    rebuild: bool,
    bar: Bar,
    on_problem: Callable[[Problem], None],
) -> IndexReport:
    """The build in an engine: BM25's k1 and b are the lexical leg's, which such an index fixes."""
    from engine.stores.elastic.building import build_in_engine
    from engine.stores.elastic.layout import Layout

    settings = loaded.settings
    leg = next((leg for leg in settings.legs.values() if isinstance(leg, LexicalLeg)), LexicalLeg())
    knn: Literal["exact", "hnsw"] = "hnsw" if wish.knn == "hnsw" else "exact"
    return await build_in_engine(
        source,
        settings.store,
        Layout(wish.name, spec, knn, wish.shards or 1, leg.k1, leg.b),
        embedder,
        base_dir=loaded.base_dir,
        rule=OfflineRule.of(settings.remote),
        rebuild=rebuild,
        keep_old=wish.keep_old,
        on_progress=lambda at: _show(bar, at),
        on_problem=on_problem,
    )


def _agree(source: Source, into: Path, loaded: Loaded, wish: IndexWish) -> None:
    """Have it agreed to that documents go to a service, where the embedder is one off this machine."""
    settings = loaded.settings
    leg = next((leg for leg in settings.legs.values() if isinstance(leg, DenseLeg)), None)
    built = read_manifest(into).spec.embedding if wish.update else None
    if built is not None:
        agree_to_indexing(source, built.name, built.template, settings.remote, settings.providers, yes=wish.yes)
    elif not wish.update and leg is not None and wish.embedder != NO_EMBEDDER:
        agree_to_indexing(source, leg.embedder, leg.text, settings.remote, settings.providers, yes=wish.yes)


@asynccontextmanager
async def embedding(loaded: Loaded) -> AsyncIterator[EmbedContext]:
    """What embedders need to build an index by these settings, closed in the end."""
    executor, settings = make_executor(), loaded.settings
    local = LocalHost(settings.local, offline=settings.remote.offline, base_dir=loaded.base_dir)
    rule = OfflineRule.of(settings.remote)
    remote = ClientPool(executor, rule, Ledger(locations().calls_file, executor))
    try:
        yield EmbedContext(executor, remote, settings.providers, loaded.base_dir, local=local, models=local.models)
    finally:
        await local.close()
        await remote.close()
        executor.shutdown(wait=False, cancel_futures=True)


async def _plan(
    source: Source, into: Path, loaded: Loaded, source_words: str, wish: IndexWish, context: EmbedContext
) -> tuple[IndexSpec, Embedder | None]:
    """How the index is built, and by which embedder; a service is asked for its dimension."""
    if wish.update:
        return await _as_built(into, context)
    leg = next((leg for leg in loaded.settings.legs.values() if isinstance(leg, DenseLeg)), None)
    embedder = None if leg is None or wish.embedder == NO_EMBEDDER else embedders.make(leg.embedder, context)
    if embedder is not None and not embedder.info.dimension:
        await embedder.embed_documents([_FIRST])
    return index_spec(loaded.settings, source.schema, loaded.explicit, embedder, source_words), embedder


async def _as_built(into: Path, context: EmbedContext) -> tuple[IndexSpec, Embedder | None]:
    """The index's own spec and embedder. Raises ``IndexMismatchError`` where its model is no longer the same one."""
    index = read_manifest(into).spec
    if (built := index.embedding) is None:
        return index, None
    embedder = embedders.make(pinned(built.name, built.revision), context)
    if not embedder.info.dimension:
        await embedder.embed_documents([_FIRST])
    if (embedder.info.revision, embedder.info.dimension) != (built.revision, built.dimension):
        raise IndexMismatchError(
            f"{built.name} is now at revision {embedder.info.revision!r} ({embedder.info.dimension} dimensions), but "
            f"the index {into} was built with {built.revision!r} ({built.dimension})",
            hint=f"build it anew: {index.rebuild_command(into)}",
        )
    return index, embedder


def summary(report: IndexReport) -> str:
    """One line: documents, what was taken over, what was wrong, where it lies."""
    held = counted(report.documents, "document")
    parts = [f"{held} in {report.place}", f"{report.added} read in {report.seconds:.1f} s"]
    parts += [f"{report.cut} longer than the embedder sees"] if report.cut else []
    parts += [f"{report.resumed} taken over from a build that was broken off"] if report.resumed else []
    parts += [f"{count} {kind}" for kind, count in report.problems.items() if count]
    return ", ".join(parts)


def _show(bar: Bar, progress: IndexProgress) -> None:
    bar.at(_PHASES.get(progress.phase, progress.phase), progress.done, progress.total)


def _show_loading(bar: Bar, loading: Loading | None) -> None:
    """How far a model is, in megabytes where it is downloaded; its share is the bar's to draw."""
    if loading is not None:
        label = replace(loading, done=0, total=0).text
        if loading.step == "download":
            bar.at(f"{label}, MB", loading.done // 1_000_000, loading.total // 1_000_000 or None)
        else:
            bar.at(label, 0, None)


def _check(spec: str | None, wish: IndexWish) -> None:
    if wish.engine.kind:
        _check_engine(spec, wish)
        return
    refuse_for_folder(wish.engine)
    if spec is None and not wish.delete:
        raise UsageError("index what?", hint="rankscope index SOURCE --into DIR, or --delete ID")
    if wish.update and wish.rebuild:
        raise UsageError("--update adds to the index and --rebuild replaces it", hint="give one of them")
    if wish.update and wish.shapes:
        raise UsageError(
            "--update keeps the index's fields, analysers and embedder", hint="leave these options out, or --rebuild"
        )
    exists = (wish.into / MANIFEST).exists()
    if exists and spec is not None and not (wish.update or wish.rebuild):
        count = read_manifest(wish.into).documents
        raise UsageError(
            f"{wish.into} holds an index of {count} documents already",
            hint="--update adds to it and replaces equal ids, --rebuild builds it anew",
        )


def _check_engine(spec: str | None, wish: IndexWish) -> None:
    for name, given in (("--update", wish.update), ("--delete", wish.delete)):
        if given:
            raise UsageError(f"{name} is for an index in a folder", hint="--rebuild builds an engine's anew")
    if spec is None:
        raise UsageError("index what?", hint=f"rankscope index SOURCE --into {wish.engine.kind}:{wish.engine.name}")


def _delete(into: Path, ids: Sequence[str]) -> None:
    manifest = read_manifest(into)
    with IndexWriter(into, manifest.spec) as writer:
        writer.delete(ids)
        writer.commit()
    left = read_manifest(into).documents
    note(f"{manifest.documents - left} of {len(set(ids))} deleted, {left} documents in {into}")


def _mapping(fields: Sequence[str]) -> dict[str, str]:
    """``title=headline`` as our field → theirs."""
    mapping = {}
    for text in fields:
        ours, sign, theirs = text.partition("=")
        if not (ours and sign and theirs):
            raise UsageError(
                f"--field {text}: no field is named", hint="write --field OURS=THEIRS, as in title=headline"
            )
        mapping[ours] = theirs
    return mapping


def _source_words(spec: str, wish: IndexWish) -> str:
    """How the rebuild command names the source: a path as an absolute one, so that it works from anywhere."""
    path = Path(spec).expanduser()
    return str(path.resolve()) if path.exists() and not wish.reader.startswith("python") else spec


@contextmanager
def stopped_at_once() -> Iterator[None]:
    """Ctrl-C raises ``KeyboardInterrupt`` where the program stands: asyncio's own handler would wait for the next
    ``await``, and a commit has none. What is staged stays, so nothing is lost."""

    def stop(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
