"""Whose turn it is in the worker, what a job answers, and what is foretold of its speed. Pure: no process, no model."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from engine.errors import EmbedderError, MissingExtraError, ModelError, RerankerError
from engine.loading import Loading, listener, told
from engine.local.base import ModelSpec
from engine.local.faults import fault
from engine.local.liveness import BEAT_S, LOADING, RESTING_S, SILENT, STEP_S, Liveness
from engine.local.messages import Alive, Done, Encode, Failed, Score, Scores, Texts, answer_of, frame, request_of
from engine.local.speed import Speed
from engine.local.worker.jobs import EncodeJob, ScoreJob, Turns
from engine.local.worker.pulse import Pulse
from engine.local.worker.slots import failure

A = ModelSpec(role="reranker", model="a")
B = ModelSpec(role="reranker", model="b")
E = ModelSpec(role="embedder", model="e")


@dataclass(frozen=True)
class Ids:
    length: int = 10
    tokens: int = 4
    total: int = 5


def rerank(number: int, texts: int = 4, spec: ModelSpec = A, window: int = 2) -> ScoreJob:
    job = ScoreJob.of(Score(number, spec, "query", texts, window=window))
    job.texts = ["text"] * texts
    return job


def embed(number: int, as_query: bool, texts: int = 3) -> EncodeJob:
    return EncodeJob.of(Encode(number, E, ["four"] * texts, as_query))


def test_a_query_comes_before_documents_and_scores() -> None:
    turns = Turns()
    first, documents, query = rerank(1), embed(2, False), embed(3, True)
    for job in (first, documents, query):
        turns.add(job)
    assert turns.next([A, E]) is query
    turns.drop(query)
    assert turns.next([A, E]) == [first]
    assert turns.next([A, E]) is documents  # by turns with the scores
    assert turns.next([A, E]) == [first]


def test_a_model_that_is_not_loaded_holds_nobody_up() -> None:
    turns = Turns()
    query, waits, runs = embed(1, True), rerank(2, spec=B), rerank(3)
    for job in (query, waits, runs):
        turns.add(job)
    assert turns.query([A]) is None
    assert turns.next([A]) == [runs]
    assert turns.next([A, B]) == [waits]
    assert turns.next([]) is None


def test_who_was_served_goes_to_the_back() -> None:
    turns = Turns()
    jobs = [rerank(number) for number in range(3)]
    for job in jobs:
        turns.add(job)
    turns.served(jobs[:1])
    assert turns.next([A]) == [jobs[1], jobs[2], jobs[0]]
    jobs[2].cancelled = True
    jobs[1].window()
    jobs[1].window()
    assert turns.next([A]) == [jobs[0]]


def test_scores_leave_as_a_prefix() -> None:
    job = rerank(1, texts=5, window=2)
    for _ in range(3):
        job.ids_made([Ids()] * len(job.window()), 0.001)
    assert not job.waiting
    job.scores[1] = 0.1
    assert job.ready() is None
    job.scores[0] = 0.0
    answer = job.ready()
    assert answer is not None
    assert (answer.start, answer.scores, answer.tokens, answer.totals) == (0, [0.0, 0.1], [4, 4], [5, 5])
    assert answer.tokenise_ms == pytest.approx(3)
    job.scores[2:] = [0.2, 0.3, 0.4]
    answer = job.ready()
    assert answer is not None
    assert (answer.start, answer.scores, job.done) == (2, [0.2, 0.3, 0.4], True)


def test_documents_are_taken_by_length_and_a_query_whole() -> None:
    job = embed(1, False, texts=5)
    assert len(job.take(10)) == 2
    assert len(job.take(1)) == 1
    assert len(job.take(1000)) == 2
    assert job.done
    assert len(embed(2, True, texts=5).take(1)) == 5


def test_messages_come_back_as_they_went() -> None:
    for request in (Score(1, A, "q", 2, "task"), Texts(1, ["a", "ü"]), Encode(2, E, ["x"], True)):
        assert request_of(frame(request)[4:]) == request
    answer = Scores(1, 0, [0.5, float("inf")], [1, 2], [1, 3], 1.0, 2.0, 3.0)
    assert answer_of(frame(answer)[4:]) == answer


def test_the_number_that_fits_follows_from_the_speed_so_far() -> None:
    speed = Speed()
    assert speed.warning(A, 1000, 1.0) == ""  # nobody can tell
    speed.measured(A, 100, 10.0)
    assert speed.rate(A) == pytest.approx(10)
    assert speed.warning(A, 50, 5.0) == ""
    assert speed.warning(A, 60, 5.0) == (
        "60 documents at 10 a second need about 6 s: 50 fit into the 5 s of budget.rerank_ms (rerank.top_n = 50)"
    )
    assert speed.rate(B) == 0
    for _ in range(20):
        speed.measured(A, 100, 1.0)
    assert speed.rate(A) == pytest.approx(100, rel=0.01)  # the older ones fade
    speed.measured(B, 3, 1.0)
    assert speed.rate(B) == 0  # too few to foretell anything


def test_how_far_a_model_is_in_words() -> None:
    assert Loading("Qwen/Qwen3-Reranker-0.6B", "download", 34, 100).text == "downloading Qwen3-Reranker-0.6B 34 %"
    assert Loading("/models/mine/", "load").text == "loading mine"
    assert Loading("a/b", "compare", 9, 8).text == "checking b 100 %"


def test_only_what_is_awaited_inside_tells() -> None:
    heard: list[Loading | None] = []
    assert listener() is None
    with told(heard.append):
        assert listener() is not None
    assert listener() is None


@pytest.mark.parametrize(
    ("spec", "failed", "ended", "error", "words"),
    [
        (A, None, "unloaded", RerankerError, "it was unloaded"),
        (E, None, "idle", EmbedderError, "it was idle"),
        (A, None, "it crashed (segmentation fault)", RerankerError, "segmentation fault"),
        (A, Failed(1, "memory", "no room"), "", RerankerError, "no room"),
        (A, Failed(1, "memory", "no room", loading=True), "", ModelError, "no room"),
        (A, Failed(1, "cuda", "no kernel image", loading=True), "", ModelError, "no kernel image"),
        (E, Failed(1, "extra", "needs torch", "pip"), "", MissingExtraError, "needs torch"),
    ],
)
def test_each_fault_is_the_error_of_who_waits(
    spec: ModelSpec, failed: Failed | None, ended: str, error: type[Exception], words: str
) -> None:
    found = fault(spec, failed, ended)
    assert type(found) is error
    assert words in found.message


def test_exceptions_are_told_by_what_they_mean() -> None:
    assert failure(ModelError("gated", kind="gated", hint="log in")).kind == "gated"
    assert failure(RerankerError("no cross-encoder")).message == "no cross-encoder"
    assert failure(MissingExtraError("accelerate")).kind == "extra"
    assert failure(ModuleNotFoundError("No module named 'torch'", name="torch")).message == "local models need torch"
    assert failure(MemoryError()).kind == "memory"
    assert failure(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 1 bytes")).kind == "memory"
    assert failure(RuntimeError("CUDA error: device-side assert triggered\nmore")).kind == "cuda"
    for said in (
        "CUDA error: out of memory",
        "MPS backend out of memory (MPS allocated: 17.0 GB)",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "[Errno 12] Cannot allocate memory",
    ):
        assert failure(RuntimeError(said)).kind == "memory", said
    assert failure(RuntimeError("MPS backend out of memory")).message.startswith(
        "the model did not fit into the device"
    )
    assert failure(ValueError("odd\nand more")).message == "ValueError: odd"


def test_a_model_that_does_not_load_is_told_by_its_name() -> None:
    failed = failure(KeyError("added_tokens"), "/models/mine")
    assert failed.message == "/models/mine cannot be loaded (KeyError: 'added_tokens')"
    assert (failed.kind, failed.loading) == ("files", True)
    assert "is it whole" in failed.hint


def silent(beats: int, loading: bool = False) -> str:
    """What is said of a worker that has been silent for so many beats after its first question."""
    worker = Liveness(asked=True)
    return next(filter(None, (worker.beat(loading) for _ in range(beats))), "")


def test_a_worker_that_answers_nothing_hangs_and_one_that_loads_gets_longer() -> None:
    assert silent(SILENT - 1) == ""
    assert silent(SILENT) == f"it hung (no answer for {SILENT * BEAT_S:.0f} s) and was killed"
    assert silent(SILENT, loading=True) == silent(LOADING - 1, loading=True) == ""
    assert silent(LOADING, loading=True)
    unasked = Liveness()
    assert not any(unasked.beat(False) for _ in range(2 * LOADING))


def test_any_answer_is_a_sign_of_life() -> None:
    worker = Liveness(asked=True)
    for _ in range(SILENT - 1):
        worker.beat(False)
    worker.heard(Done(1))
    assert worker.asked
    assert not any(worker.beat(False) for _ in range(SILENT - 1))
    assert worker.beat(False)


@pytest.mark.parametrize(
    ("step_s", "cpu_s", "hangs"),
    [
        (RESTING_S - 1, 0.0, False),
        (RESTING_S, 0.1, True),
        (STEP_S - 1, STEP_S, False),  # a long layer on few cores
        (STEP_S, 2 * STEP_S, True),
    ],
)
def test_a_step_that_never_ends_is_told_from_a_long_one(step_s: float, cpu_s: float, hangs: bool) -> None:
    worker = Liveness(asked=True)
    worker.heard(Alive(step_s, cpu_s))
    assert ("one step of a model took" in worker.beat(False)) is hangs


def test_the_worker_tells_how_long_it_has_been_in_its_step() -> None:
    pulse = Pulse()
    assert pulse.told() == Alive()
    pulse.beat()
    end = time.process_time() + 0.01
    while time.process_time() < end:
        pass
    told = pulse.told()
    assert told.step_s > 0
    assert told.cpu_s >= 0.01
    pulse.rest()
    assert pulse.told() == Alive()
