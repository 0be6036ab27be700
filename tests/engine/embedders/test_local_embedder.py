"""``local/MODEL`` through the real worker: vectors, an index built and searched with them, and models that changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import pytest_asyncio

from engine.embedders.base import EmbedContext, MarkingEmbedder
from engine.embedders.local import LocalEmbedder, pinned
from engine.embedders.registry import is_remote, make, runs_on
from engine.errors import EmbedderError, IndexMismatchError, SettingsError
from engine.executor import make_executor
from engine.indexing import IndexReport, build_index, index_spec
from engine.ingest.registry import open_source
from engine.local.base import ModelSpec
from engine.local.host import LocalHost
from engine.pipeline import Pipeline
from engine.records import RanOn, Status
from engine.resources import Resources
from engine.settings.schema import DenseLeg, Settings
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.store import EmbeddedStore
from tests.tiny_models import HIDDEN, tiny_embedder

pytest.importorskip("torch")
pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXTS = ["time sleep", "join two paths together " * 60, "", "東京 threads", "a"]
DOCUMENTS = [
    {"_id": "sleep", "title": "time.sleep", "text": "Suspend execution of the calling thread."},
    {"_id": "long", "title": "os.path.join", "text": "Join path segments. " * 200},
    {"_id": "blank", "title": "", "text": ""},
    {"_id": "event", "title": "threading.Event.wait", "text": "Block until the flag is true."},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_embedder(tmp_path_factory.mktemp("models") / "tiny", "bert")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[LocalHost]:
    """One worker for the whole module."""
    host = LocalHost()
    yield host
    await host.close()


def context(host: LocalHost | None = None, **more: Any) -> EmbedContext:
    return EmbedContext(make_executor(), local=host, **more)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "corpus.jsonl"
    file.write_text("\n".join(map(json.dumps, DOCUMENTS)))
    return file


def settings_for(name: str) -> Settings:
    settings = Settings(legs={**Settings().legs, "dense": DenseLeg(embedder=name)})
    return msgspec.structs.replace(settings, rerank=msgspec.structs.replace(settings.rerank, enabled=False))


async def built(corpus: Path, into: Path, embedder: Any) -> IndexReport:
    source = open_source(str(corpus))
    await embedder.embed_documents(["how many dimensions?"])
    spec = index_spec(settings_for(embedder.info.name), source.schema, lambda path: False, embedder, str(corpus))
    return await build_index(source, into, spec, embedder)


async def test_vectors_are_the_model_s_in_the_texts_order(folder: Path, host: LocalHost) -> None:
    from engine.local.worker.encoding.load import load_encoder

    embedder = make(f"local/{folder}", context(host))
    assert embedder.info.dimension == 0
    assert embedder.info.revision.startswith("sha256:")
    assert isinstance(embedder, MarkingEmbedder)
    marked = await embedder.embed_marked(TEXTS)
    encoder = load_encoder(ModelSpec(role="embedder", model=str(folder), device="cpu"), folder, lambda *at: None)
    data, _, cut = encoder.encode(TEXTS, as_query=False)
    np.testing.assert_allclose(marked.vectors, np.frombuffer(data, np.float32).reshape(5, HIDDEN), atol=1e-5)
    assert marked.cut.tolist() == cut == [False, True, False, False, False]
    assert np.isnan(marked.vectors[2]).all()
    query = await embedder.embed_query(TEXTS[0])
    assert query is not None
    assert np.abs(query - marked.vectors[0]).max() > 1e-3  # other prompts
    assert await embedder.embed_query(" \n") is None
    assert (await embedder.embed_documents([])).shape == (0, HIDDEN)
    info = embedder.info
    assert (info.name, info.dimension, info.ran_on) == (f"local/{folder}", HIDDEN, RanOn.WORKER)


async def test_index_keeps_the_model_and_marks_what_it_did_not_see(
    folder: Path, host: LocalHost, corpus: Path, tmp_path: Path
) -> None:
    report = await built(corpus, tmp_path / "index", LocalEmbedder(f"local/{folder}", context(host)))
    assert (report.documents, report.cut) == (4, 1)
    index = EmbeddedIndex.open(tmp_path / "index")
    embedding = index.spec.embedding
    assert embedding is not None
    assert (embedding.name, embedding.dimension) == (f"local/{folder}", HIDDEN)
    assert embedding.revision.startswith("sha256:")
    assert index.cut is not None
    assert [index.ids.ids(np.array([row]))[0] for row in np.flatnonzero(index.cut)] == ["long"]
    assert index.manifest.vectors == 3
    assert {found.id: found.cut for found in index.documents(range(4)).values() if found.cut} == {"long": True}
    index.verify()
    index.close()


async def test_update_keeps_the_marks(folder: Path, host: LocalHost, corpus: Path, tmp_path: Path) -> None:
    embedder = LocalEmbedder(f"local/{folder}", context(host))
    await built(corpus, tmp_path / "index", embedder)
    more = tmp_path / "more.jsonl"
    longer = {"_id": "event", "title": "threading.Event", "text": "flag " * 500}
    more.write_text(json.dumps(longer) + "\n" + json.dumps({"_id": "new", "title": "new", "text": "short"}))
    index = EmbeddedIndex.open(tmp_path / "index")
    spec = index.spec
    index.close()
    report = await build_index(open_source(str(more)), tmp_path / "index", spec, embedder, fresh=False)
    assert (report.documents, report.cut) == (5, 2)


async def test_search_on_such_an_index(folder: Path, host: LocalHost, corpus: Path, tmp_path: Path) -> None:
    name = f"local/{folder}"
    await built(corpus, tmp_path / "index", LocalEmbedder(name, context(host)))
    store = await EmbeddedStore.open(tmp_path / "index", make_executor())
    pipeline = Pipeline(Resources(store, make_executor(), local=host))
    trace = await pipeline.search("Suspend execution of the calling thread", settings_for(name))
    embed = next(stage for stage in trace.stages if stage.name == "embed")
    assert (embed.outcome.status, embed.ran_on) == (Status.OK, RanOn.WORKER)
    assert {trace.pool.ids[row] for row in trace.ranking.results} == {"sleep", "long", "event"}
    await store.close()


async def test_what_was_taken_for_granted_is_told_with_every_search(
    folder: Path, host: LocalHost, corpus: Path, tmp_path: Path
) -> None:
    bare = Path(shutil.copytree(folder, tmp_path / "bare"))
    (bare / "modules.json").unlink()
    name = f"local/{bare}"
    await built(corpus, tmp_path / "index", LocalEmbedder(name, context(host)))
    store = await EmbeddedStore.open(tmp_path / "index", make_executor())
    trace = await Pipeline(Resources(store, make_executor(), local=host)).search("thread", settings_for(name))
    assert trace.warnings == (f"embedder {name}: no modules.json: the mean of the tokens is taken",)
    await store.close()


async def test_query_by_another_revision_is_refused(
    folder: Path, host: LocalHost, corpus: Path, tmp_path: Path
) -> None:
    from safetensors.numpy import load_file, save_file

    copy = Path(shutil.copytree(folder, tmp_path / "model"))
    name = f"local/{copy}"
    await built(corpus, tmp_path / "index", LocalEmbedder(name, context(host)))
    store = await EmbeddedStore.open(tmp_path / "index", make_executor())
    store.check("dense", DenseLeg(embedder=name), embedder=make(name, context()).info)
    weights = load_file(copy / "model.safetensors")
    last = sorted(weights)[-1]
    save_file({**weights, last: weights[last] + 1}, copy / "model.safetensors", {"format": "pt"})
    # seen at opening, before anything is loaded
    with pytest.raises(IndexMismatchError, match="sha256") as caught:
        store.check("dense", DenseLeg(embedder=name), embedder=make(name, context()).info)
    assert "--rebuild" in caught.value.hint
    # and at the first query, where the files changed after that
    await host.unload()
    pipeline = Pipeline(Resources(store, make_executor(), local=host))
    trace = await pipeline.search("thread", settings_for(name))
    outcome = next(stage.outcome for stage in trace.stages if stage.name == "embed")
    assert outcome.status is Status.FAILED
    assert "the index was built with sha256:" in outcome.text
    await store.close()


async def test_other_embedder_of_the_same_dimension_is_refused(
    folder: Path, host: LocalHost, corpus: Path, tmp_path: Path
) -> None:
    await built(corpus, tmp_path / "index", LocalEmbedder(f"local/{folder}", context(host)))
    store = await EmbeddedStore.open(tmp_path / "index", make_executor())
    with pytest.raises(IndexMismatchError, match="all-MiniLM-L6-v2"):
        store.check("dense", DenseLeg(embedder="local/minilm"), embedder=make("local/minilm", context()).info)
    await store.close()


async def test_names() -> None:
    assert make("local/minilm", context()).info.name == "local/sentence-transformers/all-MiniLM-L6-v2"
    assert not is_remote("local/minilm")
    assert [runs_on(name) for name in ("local/x/y", "static", "ollama/m")] == [RanOn.WORKER, RanOn.THREAD, RanOn.REMOTE]
    assert pinned("local/a/b", "c0ffee") == "local/a/b@c0ffee"
    assert pinned("local//models/x", "sha256:1") == "local//models/x"
    assert pinned("static", "v1") == "static"
    for name, words in (
        ("local/minilm-l6", "not for embedding"),
        ("local/nothing", "no model 'nothing'"),
        ("local/", "no model"),
    ):
        with pytest.raises(SettingsError, match=words) as caught:
            make(name, context(), path="legs.dense.embedder")
        assert caught.value.path == "legs.dense.embedder"
        assert caught.value.hint


async def test_revision_is_that_of_the_cache(tmp_path: Path) -> None:
    folder = tmp_path / "models--acme--tiny" / "snapshots" / ("c0ffee" + "0" * 34)
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}")
    assert make("local/acme/tiny", context(models=tmp_path)).info.revision == folder.name
    assert make("local/acme/tiny@c0ffee", context(models=tmp_path)).info.revision == folder.name
    assert make("local/acme/tiny@v2", context(models=tmp_path)).info.revision == ""
    assert make("local/acme/other", context(models=tmp_path)).info.revision == ""


async def test_without_a_host_it_says_so() -> None:
    with pytest.raises(EmbedderError, match="without local models"):
        await make("local/minilm", context()).embed_query("x")


@pytest.mark.asyncio(loop_scope="function")
async def test_offline_and_not_cached_is_one_sentence(tmp_path: Path) -> None:
    host = LocalHost(offline=True, environment={"HF_HUB_CACHE": str(tmp_path), "HF_HOME": str(tmp_path)})
    try:
        with pytest.raises(EmbedderError, match="not on this machine") as caught:
            await make("local/multilingual-e5-small", context(host)).embed_query("x")
        assert "rankscope models fetch intfloat/multilingual-e5-small" in caught.value.hint
    finally:
        await host.close()
