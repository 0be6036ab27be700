"""The worker process as the console's side sees it: started, spoken to, ended; and in words why it ended.

The worker is no fork and imports nothing of the program that starts it. It has the pipes alone: its stdin and stdout
carry frames, its stderr is kept for the cause of a crash, and a session of its own keeps it off the terminal.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.local.messages import HEADER, Answer, Request, answer_of, frame
from engine.logs import logger

log = logger(__name__)

MODULE = "engine.local.worker"
GRACE_S = 2.0
"""What a worker gets to end by itself once its pipe is closed."""
LAST_LINES = 40
_ROOT = Path(__file__).resolve().parents[2]
_ENVIRONMENT = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "true",
    "TRANSFORMERS_VERBOSITY": "error",
    "PYTHONUNBUFFERED": "1",
}


def worker_command(module: str = MODULE) -> list[str]:
    """The command line; ``-P`` keeps what lies in the current folder from being imported."""
    return [sys.executable, "-P", "-X", "faulthandler", "-m", module, str(os.getpid())]


def worker_environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with the engine where the worker finds it."""
    path = os.pathsep.join(part for part in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, **_ENVIRONMENT, **more, "PYTHONPATH": path}


class WorkerProcess:
    """A running worker. ``answers()`` ends when it ends, and ``cause`` then says why."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._noise = asyncio.create_task(self._listen(process.stderr), name="worker stderr")
        self._kills = _memory_kills()
        self._stopped = False
        self._hung = ""

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str] | None = None) -> WorkerProcess:
        """Raises ``OSError`` where it cannot be started."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=worker_environment(environment or {}),
            start_new_session=True,
            limit=1 << 20,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def send(self, message: Request) -> None:
        """Write a message; one to a worker that has just ended is dropped, its end will tell."""
        with suppress(ConnectionError):
            self._stdin.write(frame(message))
            await self._stdin.drain()

    def send_soon(self, message: Request) -> None:
        """Write a small message without waiting."""
        if not self._stdin.is_closing():
            self._stdin.write(frame(message))

    async def answers(self) -> AsyncIterator[Answer]:
        """What the worker says, until it ends. Garbage on the pipe ends it."""
        try:
            while True:
                size = int.from_bytes(await self._stdout.readexactly(HEADER), "little")
                yield answer_of(await self._stdout.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except msgspec.DecodeError as error:
            self._lines.append(f"it said something that is no message: {error}")
            self.kill()
        await self._process.wait()
        await self._noise

    def retire(self) -> None:
        """Close its pipe: it takes no request from now on, and ends."""
        self._stopped = True
        self._stdin.close()

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Retire it and see it end, by force after ``grace_s``."""
        self.retire()
        try:
            await asyncio.wait_for(self._process.wait(), grace_s)
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def give_up(self, cause: str) -> None:
        """End it by force, for a cause of ours."""
        self._hung = cause
        self.retire()
        self.kill()

    def kill(self) -> None:
        """End it now, whatever it does."""
        with suppress(ProcessLookupError):
            self._process.kill()

    @property
    def stopped(self) -> bool:
        """Whether we ended it."""
        return self._stopped

    @property
    def cause(self) -> str:
        """Why it ended (or was given up), in words; '' while it runs and where it was asked to."""
        code = self._process.returncode
        if code is None or self._stopped:
            return self._hung
        if code == -signal.SIGKILL and _memory_kills() > self._kills:
            return "the system ended it for want of memory"
        said = next((line for line in reversed(self._lines) if line and not line.startswith((" ", "Extension"))), "")
        if code < 0:
            fatal = next((line for line in self._lines if line.startswith("Fatal Python error")), "")
            return _SIGNALS.get(-code, f"it was ended by signal {-code}") + (f" ({fatal})" if fatal else "")
        return f"it ended with status {code}" + (f": {said}" if said else "")

    @property
    def lines(self) -> tuple[str, ...]:
        """What it last wrote to stderr."""
        return tuple(self._lines)

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        while chunk := await _line(stderr):
            line = chunk.decode("utf-8", "replace").rstrip()
            self._lines.append(line)
            log.info("worker %d: %s", self.pid, line)


_SIGNALS: dict[int, str] = {
    signal.SIGKILL: "it was killed (signal 9), by hand or for want of memory",
    signal.SIGSEGV: "it crashed (segmentation fault)",
    signal.SIGABRT: "it crashed (abort)",
    signal.SIGBUS: "it crashed (bus error)",
    signal.SIGFPE: "it crashed (arithmetic error)",
    signal.SIGILL: "it crashed (illegal instruction)",
    signal.SIGTERM: "it was ended (signal 15)",
}


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, or what there is of one that is too long."""
    try:
        return await stream.readline()
    except ValueError:  # longer than the limit, and dropped by the reader
        return b"(a line too long to keep)"


def _memory_kills() -> int:
    """Processes of this control group that the system ended for want of memory; 0 where nobody counts."""
    try:
        text = Path("/sys/fs/cgroup/memory.events").read_text(encoding="ascii")
    except OSError:
        return 0
    counts = dict(line.split() for line in text.splitlines())
    return int(counts.get("oom_kill", 0))
