"""Field lengths as Lucene keeps them: one byte, exact below 24, then with four significant bits.

Source: Lucene ``SmallFloat.intToByte4`` / ``byte4ToInt``. A length is rounded down to the greatest representable one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_MAX_LENGTH = 2**31 - 1
_MANTISSA_BITS = 3


def _to_float4(value: int) -> int:
    """The 4-bit-significand code of a non-negative integer; exact up to 15."""
    shift = value.bit_length() - (_MANTISSA_BITS + 1)
    if shift < 0:
        return value
    return ((value >> shift) & 0x07) | ((shift + 1) << _MANTISSA_BITS)


def _from_float4(code: int) -> int:
    shift = (code >> _MANTISSA_BITS) - 1
    bits = code & 0x07
    return bits if shift < 0 else (bits | 0x08) << shift


_FREE = 255 - _to_float4(_MAX_LENGTH)
"""24: the codes that the floats leave over stand for themselves."""

LENGTHS: npt.NDArray[np.int64] = np.array(
    [code if code < _FREE else _FREE + _from_float4(code - _FREE) for code in range(256)], dtype=np.int64
)
"""int64[256]: the length that each norm byte stands for, ascending."""


def encode(lengths: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """uint8[n] norm bytes of field lengths (0 stands for an empty field alone)."""
    codes = np.searchsorted(LENGTHS, np.asarray(lengths, dtype=np.int64), side="right") - 1
    return codes.astype(np.uint8)
