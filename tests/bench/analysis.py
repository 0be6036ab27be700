"""How many tokens a second each analyser makes, beside ``str.split`` in the same run.

``python tests/bench/analysis.py``
``cold`` is the first pass, which stems every word once; ``warm`` the median of five more.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

from engine.analysis.analyzers import ANALYZERS

SYLLABLES = ("re", "con", "ta", "tion", "ing", "ment", "ly", "ness", "ize", "o", "pa", "th", "s", "er", "able", "im")


def corpus(documents: int, tail: str = "") -> list[str]:
    """Documents of 100 words, Zipf over 50,000 made-up words, every twelfth followed by punctuation."""
    chance = random.Random(1)
    words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(50_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    drawn = chance.choices(words, weights, k=documents * 100)
    return [" ".join(drawn[at : at + 100]).replace(" re", ". The") + tail for at in range(0, len(drawn), 100)]


def rate(terms: Callable[[str], list[str]], texts: list[str]) -> float:
    """Tokens a second, over all texts once."""
    start = time.perf_counter()
    count = sum(len(terms(text)) for text in texts)
    return count / (time.perf_counter() - start)


def main() -> None:
    for kind, tail in (("ASCII", ""), ("one curly quote", " it’s")):
        texts = corpus(5_000, tail)
        peer = statistics.median(rate(str.split, texts) for _ in range(5))
        print(f"{kind}: str.split {peer / 1e6:.2f} M tokens/s")
        for name, make in ANALYZERS.items():
            analyzer = make()
            cold = rate(analyzer.terms, texts)
            warm = statistics.median(rate(analyzer.terms, texts) for _ in range(5))
            print(f"  {name:10} cold {cold / 1e6:5.2f}  warm {warm / 1e6:5.2f} M tokens/s  {warm / peer:.2f} × split")


if __name__ == "__main__":
    main()
