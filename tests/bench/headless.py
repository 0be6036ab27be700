"""The command line from start to end: whole processes, against `python -c pass` in the same minute.

    python tests/bench/headless.py [rounds]

Bytecode is cached in a folder of its own, as an installed package has it. The demo's index is built first, in a home of
its own; the searches are over it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

PROGRAM = "from console.cli import main; main()"
ROOT = Path(__file__).resolve().parents[2]
QUERY = "wait a few seconds without blocking"
CASES = {
    "--help": ["--help"],
    "config show": ["config", "show"],
    "search, lexical alone": ["search", QUERY, "--set", "weights.dense=0", "--set", "rerank.enabled=false"],
    "search, fused and reranked": ["search", QUERY],
}


def seconds(arguments: Sequence[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - start


def main(rounds: int = 11) -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"RANKSCOPE_HOME": folder, "PYTHONPYCACHEPREFIX": str(Path(folder) / "bytecode")}
        built = seconds(["-c", PROGRAM, "demo", "--build-only"], environment)
        first = seconds(["-c", PROGRAM, *CASES["search, fused and reranked"]], environment)
        print(f"demo --build-only {built:.2f} s, first search {first:.2f} s")
        times: dict[str, list[float]] = {"pass": [], **{name: [] for name in CASES}}
        for _ in range(rounds):
            times["pass"].append(seconds(["-c", "pass"], environment))
            for name, arguments in CASES.items():
                times[name].append(seconds(["-c", PROGRAM, *arguments], environment))
        peer = statistics.median(times["pass"])
        for name, found in times.items():
            median, best = statistics.median(found), min(found)
            print(f"{name:28} median {median * 1e3:6.0f} ms  best {best * 1e3:6.0f} ms  {median / peer:5.1f} × pass")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
