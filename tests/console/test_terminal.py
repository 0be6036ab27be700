"""The real program in a real terminal: a query is typed, an answer is on the screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.tmux,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux here"),
]


class Terminal:
    """A tmux server of its own, with the console in it."""

    def __init__(self, folder: Path, index: Path, columns: int, lines: int) -> None:
        self._socket = folder / "tmux"
        program = f"{sys.executable} -c 'from console.cli import main; main()' --index {index}"
        environment = ["-e", f"RANKSCOPE_HOME={folder / 'home'}", "-e", f"PYTHONPATH={os.pathsep.join(sys.path)}"]
        self._tmux("new-session", "-d", "-x", str(columns), "-y", str(lines), *environment, program)

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-f", "/dev/null", "-S", str(self._socket), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout

    def send(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def shows(self, text: str, seconds: float = 30.0) -> str:
        """The screen once the text is on it."""
        deadline = time.monotonic() + seconds
        while text not in (screen := self.screen):
            assert time.monotonic() < deadline, f"{text!r} did not come:\n{screen}"
            time.sleep(0.05)
        return screen

    def ends(self, seconds: float = 20.0) -> None:
        """Wait until the program has left, and the server with it."""
        deadline = time.monotonic() + seconds
        while subprocess.run(["tmux", "-S", str(self._socket), "ls"], check=False, capture_output=True).returncode == 0:
            assert time.monotonic() < deadline, "it does not leave"
            time.sleep(0.05)

    def close(self) -> None:
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], check=False, capture_output=True)


@pytest.fixture
def terminal(tmp_path: Path, index_folder: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, index_folder, 160, 45)
    yield terminal
    terminal.close()


def test_a_query_typed_from_the_first_moment_is_answered(terminal: Terminal) -> None:
    terminal.send("wait seconds", "Enter")
    screen = terminal.shows("Reranked")
    assert "wait seconds" in screen
    screen = terminal.shows("queue.Queue.get")
    assert "Fused" in screen
    terminal.send("3", "Right", "Right")
    terminal.shows("try 2")
    terminal.send("C-q", "C-q")
    terminal.ends()
