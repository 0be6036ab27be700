"""What ``rankscope doctor`` checks, one finding a line: settings, index, folders, keys, services."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

import msgspec

from console.doctoring_local import files, packages
from console.exit_codes import ExitCode
from console.findings import Finding
from console.indexing import embedding
from console.locations import locations, made
from console.numbers import duration, score
from console.opening import Wanted, load_for_search, load_settings, open_index
from console.output import emit, encoded, json_bytes
from console.rerankers import LOCAL
from console.text import clean
from engine.embedders import registry as embedders
from engine.embedders.base import EmbedContext
from engine.embedders.local import PREFIX
from engine.errors import RankscopeError, RemoteError
from engine.local.base import Role
from engine.local.models.cache import cache_folder
from engine.local.models.pick import matching_reranker
from engine.local.models.resolve import revised
from engine.pipeline import Pipeline
from engine.rerankers.cascade import rerank_stages
from engine.rerankers.ledger import TERM
from engine.rerankers.plugins import PluginHost
from engine.rerankers.registry import RerankContext
from engine.rerankers.remote.keys import key_of
from engine.rerankers.remote.probe import Probe, probe, tei_info
from engine.rerankers.remote.providers import Provider, provider
from engine.rerankers.several import alone
from engine.secrets import told_source
from engine.settings.knobs import replace
from engine.settings.load import Loaded
from engine.settings.schema import DenseLeg, RerankSettings, Settings

_QUERY = "is anything found"
_MARKS = {True: "✓", False: "✗", None: "–"}


def examine(names: Sequence[str], wanted: Wanted, *, repeat: int, as_json: bool) -> ExitCode:
    """Print what is found, as it is found; ``FAILED`` where a check failed."""
    found: list[Finding] = []

    async def run() -> None:
        async for finding in findings(names, wanted, repeat):
            found.append(finding)
            if not as_json:
                emit(encoded(_line(finding)))

    asyncio.run(run())
    if as_json:
        emit(json_bytes([asdict(finding) for finding in found]))
    return ExitCode.FAILED if any(finding.ok is False for finding in found) else ExitCode.OK


def _line(finding: Finding) -> str:
    hint = f"  → {clean(finding.hint)}" if finding.hint else ""
    return f"{_MARKS[finding.ok]} {clean(finding.what)}: {clean(finding.text)}{hint}\n"


async def findings(names: Sequence[str], wanted: Wanted, repeat: int) -> AsyncIterator[Finding]:
    """Every check in turn; each is made even where an earlier one failed, as far as it can be."""
    try:
        loaded = load_settings(wanted)
    except RankscopeError as error:
        yield Finding.failed("settings", error)
        return
    there = loaded.file is not None and loaded.file.exists()
    yield Finding("settings", True, str(loaded.file) if there else "the defaults")
    for finding in folders():
        yield finding
    if not names:
        for finding in await index(wanted):
            yield finding
    async with embedding(loaded) as context:
        for rerank in services(loaded.settings, names):
            async for finding in reranker(rerank, loaded, context, repeat):
                yield finding
        if not names:
            async for finding in embedding_models(loaded.settings, context):
                yield finding


def folders() -> list[Finding]:
    """Whether what is kept can be written."""
    places = locations()
    out = []
    for name in ("config", "data", "cache", "log"):
        folder: Path = getattr(places, name)
        try:
            made(folder)
            out.append(Finding(f"folder {name}", True, str(folder)))
        except RankscopeError as error:
            out.append(Finding.failed(f"folder {name}", error))
    return out


async def index(wanted: Wanted) -> list[Finding]:
    """Whether the index opens and fits the settings; of an engine's, how exact it answers and whether each leg does."""
    try:
        loaded = load_for_search(wanted)
        pipeline = open_index(loaded, no_cache=True)
    except RankscopeError as error:
        return [Finding.failed("index", error)]
    info = pipeline.store.info
    async with pipeline:
        answers = await legs(pipeline, loaded.settings) if info.kind != "embedded" else []
    made_by = f" by {info.embedder}" if info.embedder else ""
    vectors = f", vectors{made_by} ({info.dimension})" if info.dimension else ", no vectors"
    found = [Finding("index", True, f"{info.name}: {info.documents} documents{vectors}")]
    if info.kind == "embedded":
        return found
    fields = ", ".join(f"{name} ({how})" for name, how in info.analyzers.items()) or "none"
    notes = (Finding(info.kind, True, note) for note in info.notes)
    return [*found, Finding("text fields", True, fields), *notes, *answers]


async def legs(pipeline: Pipeline, settings: Settings) -> list[Finding]:
    """Whether each leg of weight above 0 answers a search that is not reranked."""
    try:
        trace = await pipeline.search(_QUERY, replace(settings, "rerank.enabled", False))
    except RankscopeError as error:
        return [Finding.failed("search", error)]
    found = []
    for name, weight in settings.weights.items():
        if weight > 0 and (stage := trace.stage(name)) is not None:
            told = stage.outcome.text or f"answered in {duration(stage.end_ms - stage.start_ms)}"
            found.append(Finding(f"leg {name}", stage.outcome.ok, told, stage.outcome.hint))
    return found


def services(settings: Settings, names: Sequence[str]) -> list[RerankSettings]:
    """The rerankers to ask: those named, with the settings' own address and model for the settings' own provider; else
    every stage of the settings that is more than arithmetic, each of several by itself."""
    chosen = settings.rerank
    if not names:
        stages = [each for stage in rerank_stages(settings).values() for each in alone(stage)]
        return [each for each in stages if each.provider != TERM]
    plain = RerankSettings()
    return [
        msgspec.structs.replace(chosen if chosen.provider in (name, TERM) else plain, provider=name) for name in names
    ]


async def reranker(rerank: RerankSettings, loaded: Loaded, base: EmbedContext, repeat: int) -> AsyncIterator[Finding]:
    """Key or files, then the probe, then what the server says of itself. What is not here yet is not downloaded."""
    what, settings = f"reranker {rerank.provider}", loaded.settings
    host = PluginHost()
    dense = next((leg.embedder for leg in settings.legs.values() if isinstance(leg, DenseLeg)), "")
    context = RerankContext(
        base.executor,
        remote=base.remote,
        providers=settings.providers,
        base_dir=loaded.base_dir,
        environ=os.environ,
        local=base.local,
        embedder=dense,
        plugins=host,
    )
    try:
        if rerank.provider == LOCAL:
            model = rerank.model or matching_reranker(dense)
            for finding in local_model(what, model, "reranker", rerank.revision, base):
                yield finding
            if not finding.ok:
                return
        row = provider(rerank.provider, settings.providers)
        if row is not None:
            key = key_of(row, rerank.api_key, base_dir=loaded.base_dir)
            yield Finding(f"{what}, key", True, told_source(key.source) if key else "none, and none is needed")
        answer = await probe(rerank, context, repeat)
        yield judged(what, answer, repeat)
        if row is not None and (row.dialect, row.path) == ("tei", "/rerank"):
            yield await server(what, rerank, row, context)
    except RankscopeError as error:
        yield Finding.failed(what, error)
    finally:
        host.close()


def judged(what: str, answer: Probe, repeat: int) -> Finding:
    """What the probe's scores say."""
    scores = f"relevant {score(answer.relevant)}, irrelevant {score(answer.irrelevant)} ({answer.kind})"
    times = duration(median(answer.ms)) + (f" (median of {repeat})" if repeat > 1 else "")
    text = f"{answer.model or 'its model'} answered in {times}: {scores}"
    if not answer.sane:
        return Finding(what, False, text, "the irrelevant document is above: is it a reranker, with its own template?")
    if not answer.steady:
        return Finding(what, False, f"{text}; the same question got other scores", "scores from a cache will not match")
    return Finding(what, True, text + (", the same every time" if repeat > 1 else ""))


async def server(what: str, rerank: RerankSettings, row: Provider, context: RerankContext) -> Finding:
    """What TEI says of itself, against what will be asked of it."""
    try:
        info = await tei_info(rerank, row, context)
    except RemoteError as error:
        if error.status == 404:  # it reranks all the same: others speak as TEI does
            return Finding(f"{what}, model", None, "the server says nothing of itself: it has no /info")
        raise
    text = f"{info.model}, {info.max_batch} documents a request, {info.max_length} tokens each"
    batch = min(row.batch, row.max_documents or row.batch)
    if not info.reranks:
        return Finding(f"{what}, model", False, text, "it serves a model that does not rerank")
    if 0 < info.max_batch < batch:
        hint = f"set providers.{row.name}.batch = {info.max_batch}"
        return Finding(f"{what}, model", False, f"{text}, but {batch} are sent", hint)
    return Finding(f"{what}, model", True, text)


def local_model(what: str, model: str, role: Role, revision: str, context: EmbedContext) -> Iterator[Finding]:
    """Packages, then files; the last is ``ok`` where the model can be asked."""
    yield (found := packages())
    if found.ok:
        yield files(what, model, role, revision, context.models or cache_folder(), context.base_dir)


async def embedding_models(settings: Settings, context: EmbedContext) -> AsyncIterator[Finding]:
    """Whether the services and the local models that embed answer, each with one text."""
    legs = (leg.embedder for leg in settings.legs.values() if isinstance(leg, DenseLeg))
    for name in dict.fromkeys(legs):
        what = f"embedder {name}"
        if embedders.is_local(name):
            model, revision = revised(name.removeprefix(PREFIX), context.base_dir)
            for finding in local_model(what, model, "embedder", revision, context):
                yield finding
            if not finding.ok:
                continue
        elif not embedders.is_remote(name):
            continue
        try:
            embedder = embedders.make(name, context)
            await embedder.embed_query("How long does it take to boil an egg?")
            yield Finding(what, True, f"{embedder.info.dimension} dimensions")
        except RankscopeError as error:
            yield Finding.failed(what, error)
