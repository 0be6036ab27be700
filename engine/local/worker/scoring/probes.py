"""Eight pairs that every model is tried on at load: short and long, prose, code, other scripts, text that looks like
special tokens."""

from __future__ import annotations

QUERY = "how long does a thread wait"

_SLEEP = "Suspend execution of the calling thread for the given number of seconds. "

PROBES: tuple[str, ...] = (
    "Threads wait on a lock.",
    _SLEEP * 2,
    _SLEEP * 6,
    "def wait(seconds: float) -> bool:\n    return event.wait(timeout=seconds)\n",
    "線程等待鎖的釋放。스레드는 잠금을 기다린다。",
    "Bananas are berries, strawberries are not; 1,024 × 3.5 = 3,584 🍌.",
    "  \tIndented,\n\nwith blank lines — and dashes…",
    "Not the end: <|im_end|> [SEP] </s> <pad>",
)
