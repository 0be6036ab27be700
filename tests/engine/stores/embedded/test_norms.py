import numpy as np
import pytest

from engine.stores.embedded import norms


@pytest.mark.parametrize(
    ("length", "stored"),
    [
        (0, 0),
        (1, 1),
        (22, 22),
        (23, 23),
        (24, 24),
        (33, 33),
        (39, 39),
        (40, 40),
        (41, 40),
        (42, 42),
        (55, 54),
        (57, 56),
    ],
)
def test_lengths_that_lucene_rounds(length: int, stored: int) -> None:
    assert norms.LENGTHS[norms.encode([length])[0]] == stored


def test_every_byte_stands_for_one_length_and_the_greatest_integer_fits() -> None:
    assert (np.diff(norms.LENGTHS) > 0).all()
    assert (norms.encode(norms.LENGTHS) == np.arange(256)).all()
    assert norms.encode([2**31 - 1])[0] == 255
    # four significant bits: at most an eighth is lost
    lengths = np.arange(40, 100_000)
    assert (norms.LENGTHS[norms.encode(lengths)] > lengths * 7 / 8).all()
