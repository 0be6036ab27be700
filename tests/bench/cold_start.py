"""How long a start takes: ``rankscope --help`` against ``python -c pass``, the first frame against Textual's import.

    python tests/bench/cold_start.py [runs]

The first frame is timed from outside, in a pseudo-terminal: from the start of the process to the first bytes that
hold the query line.
"""

# ruff: noqa: E402  (the path, and what Textual reads at import, come first)

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.corpus import build

SIZE = struct.pack("HHHH", 45, 160, 0, 0)
CONSOLE = "from console.cli import main; main()"


def first_frame(arguments: list[str], home: Path, wanted: bytes) -> float:
    """Seconds until the program has painted ``wanted``."""
    start = time.perf_counter()
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm-256color", RANKSCOPE_HOME=str(home), PYTHONPATH=str(ROOT))
        os.execv(sys.executable, [sys.executable, "-c", CONSOLE, *arguments])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, SIZE)
    seen = b""
    try:
        while wanted not in seen:
            if not select.select([terminal], [], [], 10)[0]:
                raise SystemExit(f"no frame within 10 s: {seen[-500:]!r}")
            seen += os.read(terminal, 65536)
        return time.perf_counter() - start
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)


def call(*command: str) -> float:
    """Seconds that a command takes."""
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *command], check=True, capture_output=True, env=environment)
    return time.perf_counter() - start


def median_ms(taken: list[float]) -> float:
    return statistics.median(taken) * 1e3


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        index, home = build(Path(folder) / "index"), Path(folder) / "home"
        settings = Path(folder) / "bench.toml"
        settings.write_text(f'[store]\npath = "{index}"\n')
        frame, helped, bare, textual = [], [], [], []
        first_frame(["-c", str(settings)], home, b"ype a query")  # fills the page cache
        for _ in range(runs):
            bare.append(call("-c", "pass"))
            textual.append(call("-c", "import textual.app"))
            helped.append(call("-c", CONSOLE, "--help"))
            frame.append(first_frame(["-c", str(settings)], home, b"ype a query"))
    peer = median_ms(bare)
    print(f"python -c pass      {peer:6.0f} ms")
    print(f"rankscope --help    {median_ms(helped):6.0f} ms   {median_ms(helped) / peer:.1f} × the bare interpreter")
    print(f"import textual.app  {median_ms(textual):6.0f} ms")
    print(f"first frame         {median_ms(frame):6.0f} ms   {median_ms(frame) / median_ms(textual):.1f} × that import")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
