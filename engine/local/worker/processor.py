"""Makes half precision safe on this processor before torch computes anything."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
from functools import cache
from pathlib import Path

_WITHOUT_TILES = "AVX512_CORE_FP16"


@cache
def spare_broken_tiles() -> bool:
    """Whether oneDNN had to be kept from the processor's matrix tiles (AMX).

    Some virtual machines announce tiles and hide their shape (Firecracker on Sapphire Rapids: CPUID leaf 0x1D is all
    zeros). oneDNN then configures tiles of no rows, and the first bf16 product ends the process with SIGILL. oneDNN
    reads ``ONEDNN_MAX_CPU_ISA`` once, at its first use: call this before anything is computed.
    """
    if "ONEDNN_MAX_CPU_ISA" in os.environ or not _announced() or _tile_rows():
        return False
    os.environ["ONEDNN_MAX_CPU_ISA"] = _WITHOUT_TILES
    return True


def _announced() -> bool:
    if platform.machine() != "x86_64":
        return False
    try:
        return " amx_bf16 " in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def _tile_rows() -> int:
    """The rows that a tile has: CPUID leaf 0x1D, subleaf 1, ECX. 16 where this may not be asked."""
    # push rbx; mov eax, 0x1D; mov ecx, 1; cpuid; mov eax, ecx; pop rbx; ret
    code = bytes.fromhex("53 b81d000000 b901000000 0fa2 89c8 5b c3")
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:  # a hardened kernel maps nothing both writable and executable
        return 16
    page.write(code)
    held = ctypes.c_char.from_buffer(page)
    rows: int = ctypes.CFUNCTYPE(ctypes.c_uint32)(ctypes.addressof(held))()
    return rows
