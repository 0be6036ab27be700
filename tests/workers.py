"""A worker of local models without torch: ``python tests/workers.py PARENT`` serves as ours does, with models that do
what their name says. The loop, the pipes and the process are the real ones."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import ModelError
from engine.local.base import ModelInfo, ModelSpec, Stopped, never
from engine.local.messages import Configure
from engine.local.worker.planner import plan
from engine.local.worker.run import run
from engine.local.worker.slots import Model, OnProgress


def command() -> list[str]:
    """The command line for ``LocalHost(command=…)``."""
    return [sys.executable, str(Path(__file__).resolve()), str(os.getpid())]


GO = "RANKSCOPE_TEST_GO"
"""The variable with the path of a file for which the models wait that are told when to go on."""


def until_told() -> Iterator[None]:
    """Again and again, until the file is there."""
    while not Path(os.environ[GO]).exists():
        yield
        time.sleep(0.005)


@dataclass(frozen=True)
class LengthPair:
    """``length`` is what the text costs; 512 of its characters are seen."""

    text: str

    @property
    def length(self) -> int:
        return max(1, len(self.text))

    @property
    def tokens(self) -> int:
        return min(512, len(self.text))

    @property
    def total(self) -> int:
        return len(self.text)


class LengthModel:
    """Scores a text with its length, a query with the sum of its letters' codes; ``seconds`` for each pass."""

    def __init__(self, spec: ModelSpec, seconds: float = 0.0) -> None:
        self._seconds = seconds
        self.ballast = np.zeros(0)
        instructed = spec.model.endswith("instructed")
        self.info = ModelInfo(
            role=spec.role,
            model=spec.model,
            revision=spec.revision or "r1",
            dtype="fp32",
            device="cpu",
            budget=100,
            instruction="the model's own task" if instructed else "",
            instructed=instructed,
            dimension=2,
        )

    def pairs(self, query: str, texts: Sequence[str], instruction: str = "", max_tokens: int = 0) -> list[LengthPair]:
        return [LengthPair(text) for text in texts]

    def batches(self, pairs: Sequence[LengthPair], budget: int = 0, batch: int = 0) -> list[list[int]]:
        return plan([pair.length for pair in pairs], budget or self.info.budget, batch)

    def score(
        self,
        pairs: Sequence[LengthPair],
        stopped: Callable[[], bool] = never,
        budget: int = 0,
        batch: int = 0,
    ) -> list[float]:
        if self.info.model.endswith("scores-when-told"):
            for _ in until_told():
                if stopped():
                    raise Stopped
        end = time.monotonic() + self._seconds
        while time.monotonic() < end:
            if stopped():
                raise Stopped
            time.sleep(0.001)
        for pair in pairs:
            misbehave(pair.text)
        overflows = self.info.model.endswith("overflows")
        return [float("inf") if overflows else float(len(pair.text)) for pair in pairs]

    def encode(
        self, texts: Sequence[str], as_query: bool, instruction: str = "", stopped: Callable[[], bool] = never
    ) -> tuple[bytes, list[int], list[bool]]:
        time.sleep(self._seconds)
        for text in texts:
            misbehave(text)
        rows = [[float(as_query), float(len(text))] for text in texts]
        return np.array(rows, dtype=np.float32).tobytes(), [len(text) for text in texts], [False] * len(texts)


def misbehave(text: str) -> None:
    """Do what the text says."""
    if text == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(10)  # another thread may be the one that is told
    elif text == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(10)
    elif text == "exit":
        sys.stderr.write("something on the way\nthe last words\n")
        sys.stderr.flush()
        os._exit(9)
    elif text == "cuda":
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    elif text == "memory":
        raise MemoryError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 10 bytes")
    elif text == "fault":
        raise ValueError("a fault of the code")
    elif text == "compute":  # as a long operation does that holds the interpreter's lock
        sum(range(3 * 10**8))


def load(configure: Configure, spec: ModelSpec, progress: OnProgress) -> Model:
    """Models by the last part of their name: ``length``, ``slow`` (50 ms a pass), ``slower`` (600), ``loads-slowly``,
    ``loads-when-told``, ``scores-when-told``, ``large`` (300 MB), ``overflows`` (no finite score), ``instructed``,
    ``none`` (cannot be had), ``extra`` (torch is missing), ``offline`` (only where downloads are allowed)."""
    name = spec.model.rpartition("/")[2]
    if name == "none" or (name == "offline" and configure.offline):
        raise ModelError(f"there is no model {name}", kind="unknown", hint="take another")
    if name == "extra":
        raise ImportError("No module named 'torch'", name="torch")
    if name == "loads-slowly":
        for step in range(10):
            progress("download", step, 10)
            time.sleep(0.06)
    if name == "loads-when-told":
        for _ in until_told():
            progress("download", 5, 10)
    model = LengthModel(spec, {"slow": 0.05, "slower": 0.6}.get(name, 0.0))
    if name == "large":
        model.ballast = np.ones(40_000_000)
    return model


if __name__ == "__main__":
    run(load)
