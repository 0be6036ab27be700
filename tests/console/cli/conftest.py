"""A home of its own for every test, one small index, and the program as a subprocess or in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.cli import run

TEXTS = {
    "time.sleep": ("time.sleep", "Suspend execution of the calling thread for some seconds.", 1990),
    "threading.Timer": ("threading.Timer", "Call a function after a number of seconds.", 2000),
    "asyncio.sleep": ("asyncio.sleep", "Coroutine that sleeps without blocking the thread.", 2010),
    "os.path.join": ("os.path.join", "Join two or more path components.", 1990),
    "with space": ("white", "Seconds and seconds of white space.", 2010),
}
CORPUS = [{"_id": i, "title": title, "text": text, "year": year} for i, (title, text, year) in TEXTS.items()]


@dataclass(frozen=True)
class Result:
    code: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Cli = Callable[..., Result]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("corpus") / "corpus.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in CORPUS))
    return file


@pytest.fixture(scope="session")
def index(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("indexes") / "small"
    code = run(["index", str(corpus), "--into", str(folder)])
    assert code == 0
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANKSCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def cli(capsysbinary: pytest.CaptureFixture[bytes]) -> Cli:
    """Run a command line in this process."""

    def call(*arguments: str | Path) -> Result:
        capsysbinary.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsysbinary.readouterr()
        return Result(code, captured.out, captured.err.decode())

    return call


@pytest.fixture
def process() -> Cli:
    """Run a command line in a process of its own."""

    def call(*arguments: str | Path, stdin: bytes = b"") -> Result:
        done = subprocess.run(
            [*PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr.decode())

    return call


PROGRAM = [sys.executable, "-c", "from console.cli import main; main()"]


def start(*arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
    """The program, running, with pipes to it."""
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen([*PROGRAM, *map(str, arguments)], env=environment, **(pipes | options))
