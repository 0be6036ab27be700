"""When memory runs out: how that is told, and what can be given back. Imports no torch."""

from __future__ import annotations

import gc
import sys

_CLASSES = {"OutOfMemoryError", "MemoryError"}
_SAID = (
    "out of memory",  # MPS, and CUDA where the driver says it rather than torch's allocator
    "can't allocate memory",  # torch's allocator on a CPU
    "annot allocate memory",  # the system, as when a file of weights is mapped
    "not enough memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


def is_shortage(error: BaseException) -> bool:
    """Whether memory ran out, on a device or in the process, and nothing else: any other failure must be seen."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & _CLASSES) or any(each in str(error) for each in _SAID)


def release() -> None:
    """Give what is no longer used back to the device."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
