import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.stores.embedded.topk import top_k


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, float("nan")]), max_size=60), st.integers(0, 70))
def test_the_best_with_equal_ones_in_index_order(values: list[float], k: int) -> None:
    wanted = sorted((i for i, v in enumerate(values) if v > 0), key=lambda i: (-values[i], i))[:k]
    assert top_k(np.array(values), k).tolist() == wanted


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(1, 40))
def test_the_sampled_bound_loses_nothing(seed: int, k: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    # few levels, sorted in places: ties at the border and samples that mislead
    scores = rng.integers(0, levels + 1, 60_000).astype(float)
    scores[: seed % 60_000].sort()
    wanted = np.lexsort((np.arange(scores.size), -scores))[:k]
    assert top_k(scores, k).tolist() == wanted[scores[wanted] > 0].tolist()
