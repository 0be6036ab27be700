"""Rerankers of other packages: tiny distributions, found by their real metadata and run through whole searches."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from textwrap import dedent

import pytest

from console.cli import run
from engine.api import open_pipeline
from engine.pipeline import Pipeline
from engine.records import Outcome, RanOn, Status
from engine.rerankers.plugins import GROUP, THREADS, VARIABLE, plugins
from engine.settings.schema import RerankSettings, Settings
from engine.trace import Trace
from tests.corpus import build

QUERY = "wait some seconds on a thread until two files sleep"
Install = Callable[..., None]

SYNC = """
    import threading

    class Lengths:
        window = 4
        threads = set()

        def score(self, query, texts):
            Lengths.threads.add(threading.current_thread().name)
            return [len(text) for text in texts]

    def make(settings):
        Lengths.made = getattr(Lengths, "made", 0) + 1
        return Lengths()
"""
ASYNC = """
    from engine.records import RerankerInfo, ScoreKind
    from engine.rerankers.base import RerankBatch

    class Streaming:
        info = RerankerInfo("theirs", "length-1", kind=ScoreKind.LOGIT)
        window, cacheable = 3, False

        async def rerank(self, query, documents):
            for start in range(0, len(documents), self.window):
                yield RerankBatch.of(start, [len(d.text) for d in documents[start : start + self.window]])

    def make(settings):
        return Streaming()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("plugins")
    build(home / "index")
    return home


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """install(distribution, code, name=…) puts a package with one entry point beside the others."""
    monkeypatch.delenv(VARIABLE, raising=False)

    def add(distribution: str, code: str, name: str = "lengths", module: str = "") -> None:
        module = module or distribution.replace("-", "_")
        site = tmp_path / "site-packages"
        info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {module}:make\n")
        (site / f"{module}.py").write_text(dedent(code))
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return add


@pytest.fixture
async def pipeline(folder: Path) -> AsyncIterator[Pipeline]:
    async with open_pipeline(Settings(), folder) as opened:
        yield opened


async def ask(pipeline: Pipeline, provider: str = "lengths", query: str = QUERY) -> Trace:
    rerank = RerankSettings(provider=provider, text="{text}")
    return await pipeline.search(query, Settings(weights={"lexical": 1.0, "dense": 0.0}, rerank=rerank))


def outcome_of(trace: Trace) -> Outcome:
    report = trace.stage("rerank")
    assert report is not None
    return report.outcome


def by_length(trace: Trace) -> bool:
    lengths = [len(trace.documents[trace.pool.ids[row]].text_of("text")) for row in trace.ranking.order]
    return len(lengths) > 4 and lengths == sorted(lengths, reverse=True)


async def test_a_synchronous_one_runs_in_a_few_threads_of_its_own(install: Install, pipeline: Pipeline) -> None:
    install("acme-lengths", SYNC)
    for query in (QUERY, "thread files", "two seconds"):
        trace = await ask(pipeline, query=query)
        assert outcome_of(trace).status is Status.OK, outcome_of(trace)
    assert by_length(await ask(pipeline))
    lengths = sys.modules["acme_lengths"].Lengths
    assert lengths.made == 1, "once for settings that are alike"
    assert 1 <= len(lengths.threads) <= THREADS
    assert threading.main_thread().name not in lengths.threads
    assert all(name.startswith("rankscope-plugin") for name in lengths.threads)


async def test_an_asynchronous_one_streams_and_says_what_it_is(install: Install, pipeline: Pipeline) -> None:
    install("acme-lengths", ASYNC)
    trace = await ask(pipeline)
    assert outcome_of(trace).status is Status.OK
    assert by_length(trace)
    info = trace.reranker
    assert info is not None
    told = info.provider, info.model, info.kind.value, info.scope
    assert told == ("lengths", "length-1", "logit", "acme-lengths 1.2")
    assert info.ran_on is RanOn.THREAD


def scoring(returned: str) -> str:
    """A synchronous plugin whose ``score`` does this."""
    return f"class R:\n    def score(self, query, texts):\n        {returned}\ndef make(settings):\n    return R()"


BROKEN = {
    "import": ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
    "no function": ("x = 1", "AttributeError: .*has no attribute 'make'"),
    "factory": ("def make(settings):\n    raise KeyError('gpu')", "KeyError: 'gpu'"),
    "no reranker": ("def make(settings):\n    return 7", "TypeError: acme_lengths:make made a int, which has neither"),
    "call": (scoring("return 1 / 0"), "ZeroDivisionError: division by zero"),
    "its own time-out": (scoring("raise TimeoutError('slow')"), "TimeoutError: slow"),
    "too few": (scoring("return [1.0]"), r"ValueError: 1 scores for \d+ documents"),
    "infinite": (scoring("return [float('inf')] * len(texts)"), "ValueError: a score that is not finite"),
    "words": (scoring("return ['high'] * len(texts)"), "ValueError: could not convert"),
    "no stream": (scoring("pass").replace("score", "rerank"), "TypeError|AttributeError"),
    "beyond the list": (
        ASYNC.replace("RerankBatch.of(start, ", "RerankBatch.of(start + 1000, "),
        "ValueError: 3 scores for -",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_broken_one_is_one_error_that_names_the_package(
    fault: str, install: Install, pipeline: Pipeline
) -> None:
    code, said = BROKEN[fault]
    install("acme-lengths", code)
    trace = await ask(pipeline)
    outcome = outcome_of(trace)
    assert (outcome.status, outcome.reason) == (Status.FAILED, "reranker"), outcome
    assert outcome.text.startswith("lengths, a reranker of acme-lengths 1.2: ")

    assert re.search(said, outcome.text), outcome.text
    assert outcome.hint == "report it to acme-lengths; RANKSCOPE_PLUGINS=off leaves plugins out"
    assert trace.ranking.order.tolist() == trace.ranking.fused_order.tolist()


async def test_nothing_is_loaded_until_it_is_asked_for(install: Install, pipeline: Pipeline) -> None:
    install("acme-lengths", "raise SystemExit('loaded')")
    assert list(plugins()) == ["lengths"]
    assert outcome_of(await ask(pipeline, "term")).status is Status.OK
    assert "acme_lengths" not in sys.modules


async def test_a_name_of_our_own_stays_our_own(install: Install, pipeline: Pipeline) -> None:
    install("acme-lengths", "raise SystemExit('loaded')", name="term")
    assert outcome_of(await ask(pipeline, "term")).status is Status.OK
    assert "acme_lengths" not in sys.modules


async def test_two_packages_of_one_name_are_refused(install: Install, pipeline: Pipeline) -> None:
    install("acme-lengths", SYNC)
    install("other-lengths", SYNC)
    outcome = outcome_of(await ask(pipeline))
    assert outcome.text.startswith("rerank.provider: 'lengths' is offered by ")
    assert "acme-lengths 1.2" in outcome.text
    assert "other-lengths 1.2" in outcome.text


async def test_plugins_can_be_left_out(install: Install, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    install("acme-lengths", SYNC)
    monkeypatch.setenv(VARIABLE, "off")
    assert plugins() == {}
    assert outcome_of(await ask(pipeline)).text == "rerank.provider: there is no reranker 'lengths'"
    assert "acme_lengths" not in sys.modules


def test_providers_and_doctor_know_them(
    install: Install, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANKSCOPE_HOME", str(tmp_path / "home"))
    install("acme-lengths", SYNC)
    assert run(["providers", "lengths", "-o", "json"]) == 0
    row = json.loads(capfd.readouterr().out)[0]
    assert (row["dialect"], row["ready"], row["suits"]) == ("plugin", True, "a plugin: acme-lengths 1.2")
    assert "acme_lengths" not in sys.modules
    assert run(["providers", "lengths"]) == 0
    assert "a plugin: acme-lengths 1.2" in capfd.readouterr().out
    assert run(["doctor", "lengths"]) == 0
    assert "✓ reranker lengths: its model answered in" in capfd.readouterr().out
