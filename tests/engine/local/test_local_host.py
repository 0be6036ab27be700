"""The host of local models and its worker process: answers, faults, cancelling, idleness, orphans."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from engine.errors import EmbedderError, MissingExtraError, ModelError, RerankerError
from engine.loading import Loading, told
from engine.local import host as host_module
from engine.local import keeping, liveness
from engine.local.base import ModelSpec
from engine.local.host import LocalHost
from engine.local.messages import Alive, Answer, Scores
from engine.settings.schema import LocalSettings
from tests import workers

SPEC = ModelSpec(role="reranker", model="length")
SLOW = ModelSpec(role="reranker", model="slow")
EMBEDDER = ModelSpec(role="embedder", model="length")
TEXT = "x" * 100
"""What fills one pass of the worker's models."""
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
async def host() -> AsyncIterator[LocalHost]:
    host = LocalHost(command=workers.command())
    yield host
    await host.close()


async def scores_of(host: LocalHost, texts: list[str], spec: ModelSpec = SPEC, **options: int) -> list[Scores]:
    async with aclosing(host.score(spec, "query", texts, **options)) as batches:
        return [batch async for batch in batches]


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie has)."""
    try:
        return stat_of(pid)[0] == "Z"
    except FileNotFoundError:
        return True


def stat_of(pid: int) -> list[str]:
    """What Linux says of a process: state, parent, group, session, terminal, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.01)


async def test_scores_come_window_by_window_in_the_order_asked(host: LocalHost) -> None:
    texts = ["x" * n for n in (5, 90, 1, 600, 40, 41, 42, 7)]
    batches = await scores_of(host, texts, window=3)
    assert [batch.start for batch in batches] == sorted(batch.start for batch in batches)
    assert len(batches) > 1
    assert [score for batch in batches for score in batch.scores] == [float(len(text)) for text in texts]
    assert [n for batch in batches for n in batch.tokens] == [min(512, len(text)) for text in texts]
    assert [n for batch in batches for n in batch.totals] == [len(text) for text in texts]
    assert host.known(SPEC).revision == "r1"


async def test_no_texts_are_no_work(host: LocalHost) -> None:
    assert await scores_of(host, []) == []
    assert (await host.encode(EMBEDDER, [])).tokens == []


async def test_many_texts_pass_in_many_messages(host: LocalHost) -> None:
    texts = ["y" * 9_000 for _ in range(100)]
    batches = await scores_of(host, texts, window=50)
    assert sum(len(batch.scores) for batch in batches) == 100


async def test_vectors_of_documents_and_queries(host: LocalHost) -> None:
    texts = ["z" * n for n in range(1, 700)]
    encoded = await host.encode(EMBEDDER, texts)
    assert encoded.vectors.dtype == np.float32
    assert encoded.vectors.tolist() == [[0.0, n] for n in range(1, 700)]
    assert encoded.tokens == list(range(1, 700))
    assert (await host.encode(EMBEDDER, ["q"], as_query=True)).vectors.tolist() == [[1.0, 1.0]]


async def test_a_model_is_described_and_known_afterwards(host: LocalHost) -> None:
    assert host.known(SPEC) is None
    info = await host.open_model(SPEC)
    assert (info.model, info.dtype, info.device) == ("length", "fp32", "cpu")
    assert await host.open_model(SPEC) == info == host.known(SPEC)


async def test_nothing_runs_before_it_is_asked_for(host: LocalHost) -> None:
    assert (host.state.phase, host.state.pid, host.state.memory_bytes) == ("off", 0, 0)
    await host.unload()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kill", "it was killed (signal 9)"),
        ("segfault", "segmentation fault"),
        ("exit", "status 9: the last words"),
    ],
)
async def test_a_crash_tells_its_cause_and_the_next_request_starts_again(
    host: LocalHost, text: str, words: str
) -> None:
    with pytest.raises(RerankerError) as caught:
        await scores_of(host, ["fine", text], window=1)
    assert words in str(caught.value)
    assert caught.value.hint
    assert (host.state.phase, words in host.state.ended) == ("off", True)
    assert len(await scores_of(host, ["fine"])) == 1


async def test_scores_before_a_crash_stand_and_the_embedder_gets_an_error_of_its_own(host: LocalHost) -> None:
    await host.open_model(SLOW)
    await host.open_model(EMBEDDER)
    seen: list[float] = []

    async def rerank() -> None:
        async for batch in host.score(SLOW, "query", [TEXT, TEXT, "kill"], window=1):
            seen.extend(batch.scores)

    embedding = asyncio.create_task(host.encode(EMBEDDER, ["text"] * 300_000))
    with pytest.raises(RerankerError):
        await rerank()
    with pytest.raises(EmbedderError, match="killed") as caught:
        await embedding
    assert not isinstance(caught.value, RerankerError)
    assert caught.value.stage == "embed"
    assert seen == [100.0, 100.0]


@pytest.mark.parametrize(("text", "words"), [("memory", "did not fit into memory"), ("fault", "a fault of the code")])
async def test_a_fault_in_one_batch_leaves_the_worker_and_the_others_alone(
    host: LocalHost, text: str, words: str
) -> None:
    await host.open_model(SPEC)
    pid = host.state.pid
    good = [asyncio.create_task(scores_of(host, ["fine", "well"])) for _ in range(3)]
    with pytest.raises(RerankerError, match=words):
        await scores_of(host, [text])
    for batches in await asyncio.gather(*good):
        assert sum(len(batch.scores) for batch in batches) == 2
    assert host.state.pid == pid


async def test_a_fault_of_the_gpu_ends_the_worker_after_it_was_told(host: LocalHost) -> None:
    await host.open_model(SPEC)
    pid = host.state.pid
    with pytest.raises(RerankerError, match="the GPU failed: CUDA error: an illegal memory access"):
        await scores_of(host, ["cuda"])
    await until(lambda: host.state.phase == "off")
    assert len(await scores_of(host, ["fine"])) == 1
    assert host.state.pid != pid


async def test_a_kill_from_outside_in_the_middle_of_a_rerank(host: LocalHost) -> None:
    done: list[float] = []

    async def rerank() -> None:
        async for batch in host.score(SLOW, "query", [TEXT] * 200, window=1):
            done.extend(batch.scores)
            if len(done) == 2:
                os.kill(host.state.pid, signal.SIGKILL)

    with pytest.raises(RerankerError, match="killed"):
        await rerank()
    assert 2 <= len(done) < 200


async def test_a_worker_that_hangs_is_killed_and_told_of(host: LocalHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "SILENT", 3)
    monkeypatch.setattr(host_module, "BEAT_S", 0.05)
    pids: list[int] = []

    async def rerank() -> None:
        async for _ in host.score(SLOW, "query", [TEXT] * 200, window=1):
            if not pids:
                pids.append(host.state.pid)
                os.kill(host.state.pid, signal.SIGSTOP)

    with pytest.raises(RerankerError, match=r"it hung \(no answer for .*\) and was killed") as caught:
        await rerank()
    assert "starts the worker again" in caught.value.hint
    monkeypatch.undo()
    assert len(await scores_of(host, ["fine"])) == 1
    await until(lambda: gone(pids[0]))


async def test_a_worker_answers_while_it_computes(host: LocalHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "BEAT_S", 0.02)
    heard: list[Answer] = []
    receive = host._receive
    monkeypatch.setattr(host, "_receive", lambda answer: (heard.append(answer), receive(answer)))
    await scores_of(host, ["x"], ModelSpec(role="reranker", model="slower"))
    assert [each for each in heard if isinstance(each, Alive)]


async def test_models_that_cannot_be_had(host: LocalHost) -> None:
    with pytest.raises(ModelError, match="there is no model none") as caught:
        await scores_of(host, ["text"], ModelSpec(role="reranker", model="none"))
    assert (caught.value.kind, caught.value.hint) == ("unknown", "take another")
    with pytest.raises(MissingExtraError, match="local models need torch") as missing:
        await scores_of(host, ["text"], ModelSpec(role="reranker", model="extra"))
    assert "rankscope[local]" in missing.value.hint
    assert len(await scores_of(host, ["text"])) == 1


async def test_a_worker_that_cannot_start_says_so() -> None:
    host = LocalHost(command=[sys.executable, "-c", "raise SystemExit('no worker today')"])
    with pytest.raises(RerankerError, match="no worker today"):
        await scores_of(host, ["text"])
    await host.close()
    host = LocalHost(command=["/nowhere/python"])
    with pytest.raises(RerankerError, match="cannot be started"):
        await scores_of(host, ["text"])
    await host.close()


async def test_closing_the_iterator_drops_the_rest(host: LocalHost) -> None:
    await host.open_model(SLOW)
    start = time.monotonic()
    async with aclosing(host.score(SLOW, "query", [TEXT] * 1000, window=1)) as batches:
        async for _ in batches:
            break
    assert len(await scores_of(host, ["b"], SLOW)) == 1
    assert time.monotonic() - start < 5  # 1000 passes take 50 s
    assert host.state.requests == 0


async def test_a_cancelled_task_drops_the_rest(host: LocalHost) -> None:
    await host.open_model(SLOW)
    task = asyncio.create_task(scores_of(host, [TEXT] * 1000, SLOW, window=1))
    await until(lambda: host.state.requests == 1)
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await scores_of(host, ["b"], SLOW)) == 1


async def test_a_query_is_embedded_between_two_batches(host: LocalHost) -> None:
    await host.open_model(SLOW)
    await host.open_model(EMBEDDER)
    order: list[str] = []

    async def rerank() -> None:
        async for _ in host.score(SLOW, "query", ["a" * 90] * 30, window=30):
            pass
        order.append("rerank")

    task = asyncio.create_task(rerank())
    await asyncio.sleep(0.1)
    await host.encode(EMBEDDER, ["q"], as_query=True)
    order.append("embed")
    await task
    assert order == ["embed", "rerank"]


async def test_concurrent_queries_advance_together(host: LocalHost) -> None:
    await host.open_model(SLOW)
    progress: list[int] = []

    async def one(number: int) -> None:
        async for batch in host.score(SLOW, f"query {number}", ["a" * 60] * 12, window=2):
            progress.extend([number] * len(batch.scores))

    await asyncio.gather(*(one(number) for number in range(4)))
    first = progress[: len(progress) // 2]
    assert all(4 <= first.count(number) <= 8 for number in range(4))


async def test_loading_is_told_step_by_step_and_ends(host: LocalHost) -> None:
    heard: list[Loading | None] = []
    with told(heard.append):
        await scores_of(host, ["text"], ModelSpec(role="reranker", model="loads-slowly"))
    assert heard[0] == Loading("loads-slowly", "start")
    assert heard[-1] is None
    assert heard.count(None) == 1
    texts = [each.text for each in heard if each is not None]
    assert "downloading loads-slowly 50 %" in texts
    heard.clear()
    with told(heard.append):
        await scores_of(host, ["text"], ModelSpec(role="reranker", model="loads-slowly"))
    assert heard == []


async def test_a_load_that_nobody_waits_for_is_given_up(host: LocalHost) -> None:
    await host.open_model(SPEC)
    slow = ModelSpec(role="reranker", model="loads-slowly")
    task = asyncio.create_task(scores_of(host, ["text"], slow))
    await until(lambda: host.state.phase == "loading")
    task.cancel()
    await until(lambda: host.state.phase == "idle")
    assert [info.model for info in host.state.models] == ["length"]
    assert len(await scores_of(host, ["text"], slow)) == 1


async def test_the_least_recently_used_model_goes_when_there_are_too_many(host: LocalHost) -> None:
    for number in range(5):
        await host.open_model(ModelSpec(role="reranker", model=f"m{number}"))
    assert [info.model for info in host.state.models] == ["m2", "m3", "m4"]


async def test_unloading_ends_the_process(host: LocalHost) -> None:
    await host.open_model(SPEC)
    pid = host.state.pid
    await host.unload()
    assert gone(pid)
    assert (host.state.phase, host.state.ended, host.state.models) == ("off", "unloaded", ())
    await host.open_model(SPEC)
    assert host.state.phase == "idle"


async def test_unloading_in_mid_rerank_is_told_as_such(host: LocalHost) -> None:
    async def rerank() -> None:
        async for _ in host.score(SLOW, "query", [TEXT] * 100, window=1):
            await host.unload()

    with pytest.raises(RerankerError, match="it was unloaded"):
        await rerank()


async def test_an_idle_worker_ends_and_gives_its_memory_back() -> None:
    host = LocalHost(LocalSettings(keep_alive_s=1.2), command=workers.command())
    await scores_of(host, ["text"], ModelSpec(role="reranker", model="large"))
    pid, before = host.state.pid, host.state
    assert before.memory_bytes > 320_000_000
    assert 0 < before.ends_in_s <= 1.2
    await scores_of(host, ["text"])  # the clock starts anew
    assert host.state.pid == pid
    await until(lambda: host.state.phase == "off")
    assert gone(pid)
    assert (host.state.ended, host.state.memory_bytes, host.state.ends_in_s) == ("idle", 0, None)
    await host.close()


@pytest.mark.parametrize(("keep_alive_s", "phase"), [(0.0, "off"), (-1.0, "idle")])
async def test_a_worker_may_end_at_once_or_never(
    keep_alive_s: float, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_PAUSE_S", 0.05)
    host = LocalHost(LocalSettings(keep_alive_s=keep_alive_s), command=workers.command())
    await scores_of(host, ["text"])
    await asyncio.sleep(0.2)
    await until(lambda: host.state.phase == phase)
    assert host.state.ends_in_s is None
    assert len(await scores_of(host, ["text"])) == 1
    await host.close()


async def test_a_worker_that_ends_at_once_stays_for_all_that_one_query_asks() -> None:
    host = LocalHost(LocalSettings(keep_alive_s=0.0), command=workers.command())
    await host.encode(EMBEDDER, ["query"], as_query=True)
    pid = host.state.pid
    await asyncio.sleep(0.1)  # the legs are searched
    await host.open_model(SPEC)
    await asyncio.sleep(0.1)  # the texts are fetched
    await scores_of(host, ["text"])
    assert host.state.pid == pid
    await host.close()


async def test_a_request_while_an_idle_worker_ends_gets_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_PAUSE_S", 0.0)
    host = LocalHost(LocalSettings(keep_alive_s=0.0), command=workers.command())
    for _ in range(5):  # each comes while the one before is ending
        assert len(await scores_of(host, ["text"])) == 1
    await host.open_model(SLOW)
    host._expire()  # and this one in the same turn of the loop
    assert len(await scores_of(host, ["text"], SLOW)) == 1
    await host.close()


async def test_settings_that_change_count_at_once(host: LocalHost) -> None:
    await host.open_model(SPEC)
    host.heed(LocalSettings(keep_alive_s=600.0), offline=True)
    with pytest.raises(ModelError):
        await host.open_model(ModelSpec(role="reranker", model="offline"))
    host.heed(LocalSettings(keep_alive_s=0.1), offline=False)
    await host.open_model(ModelSpec(role="reranker", model="offline"))
    await until(lambda: host.state.phase == "off")


async def test_changes_are_told_to_those_who_watch(host: LocalHost) -> None:
    phases: list[str] = []
    unwatch = host.watch(lambda: phases.append(host.state.phase))
    await scores_of(host, ["text"])
    assert {"loading", "busy", "idle"} <= set(phases)
    unwatch()
    seen = len(phases)
    await host.unload()
    assert len(phases) == seen


FRONT = """
import asyncio, sys
sys.path.insert(0, {root!r})
from engine.local.base import ModelSpec
from engine.local.host import LocalHost
from tests import workers

async def main():
    host = LocalHost(command=workers.command())
    spec = ModelSpec(role="reranker", model="length")
    await host.open_model(spec)
    print(host.state.pid, flush=True)
    async for batch in host.score(spec, "query", ["compute"] * 20, window=1):
        pass

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc whether a process is there")
def test_no_worker_outlives_a_console_that_is_killed_even_while_it_computes() -> None:
    front = subprocess.Popen([sys.executable, "-c", FRONT.format(root=str(ROOT))], stdout=subprocess.PIPE, text=True)
    assert front.stdout is not None
    pid = int(front.stdout.readline())
    time.sleep(0.3)
    assert not gone(pid)
    front.kill()
    front.wait()
    front.stdout.close()
    end = time.monotonic() + 2
    while not gone(pid) and time.monotonic() < end:
        time.sleep(0.01)
    assert gone(pid)


async def test_the_worker_has_no_terminal_and_hears_no_interrupt(host: LocalHost) -> None:
    await host.open_model(SPEC)
    pid = host.state.pid
    _, _, group, session, terminal, *_ = stat_of(pid)
    assert (group, session, terminal) == (str(pid), str(pid), "0")
    os.kill(pid, signal.SIGINT)
    assert len(await scores_of(host, ["text"])) == 1
    assert host.state.pid == pid
