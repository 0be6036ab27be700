"""Arrays on disk: written whole or in pieces, flushed to the device, sized and summed; opened memory-mapped.

Every file of a generation is written through here, so that the manifest knows its size and CRC-32, and opened through
here, so that a missing, truncated or altered one is the same clear error.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from engine.errors import IndexDamagedError

AnyArray = npt.NDArray[Any]


class FileEntry(msgspec.Struct, frozen=True):
    """What the manifest remembers of one file."""

    size: int
    crc32: int


def fsync_folder(folder: Path) -> None:
    """Flushes a folder's entries; a no-op where the system cannot (Windows)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def crc_of(path: Path) -> int:
    """CRC-32 of a whole file, read in pieces."""
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            crc = zlib.crc32(piece, crc)
    return crc


def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The ``.npy`` header of an array in C order."""
    header = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


class ArrayFile:
    """A one- or two-dimensional ``.npy`` file of known shape, appended to in pieces of rows.

    A context manager: a clean exit checks that every announced row came and flushes to the device.
    """

    def __init__(self, path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> None:
        self._dtype = np.dtype(dtype)
        self._missing = int(np.prod(shape, dtype=np.int64))
        self._file = path.open("wb")
        self.size = self.crc = 0
        self._write(memoryview(_header(self._dtype, shape)))

    def _write(self, data: memoryview) -> None:
        self._file.write(data)
        self.size += data.nbytes
        self.crc = zlib.crc32(data, self.crc)

    def append(self, values: AnyArray) -> None:
        piece = np.ascontiguousarray(values, dtype=self._dtype)
        self._missing -= piece.size
        if piece.size:
            self._write(piece.reshape(-1).data.cast("B"))

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if kind is None:
                if self._missing:
                    raise AssertionError(f"{self._file.name}: {self._missing} values short of the announced shape")
                self._file.flush()
                os.fsync(self._file.fileno())
        finally:
            self._file.close()


class FolderWriter:
    """Writes a generation's files and remembers what the manifest must know of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, FileEntry] = {}

    def array(self, name: str, values: AnyArray) -> None:
        """Writes a whole array as ``name``."""
        self.pieces(name, values.dtype, values.shape, [values])

    def pieces(self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...], parts: Iterable[AnyArray]) -> None:
        """Writes an array of known shape from its parts, one in memory at a time."""
        with ArrayFile(self.folder / name, dtype, shape) as file:
            for part in parts:
                file.append(part)
        self.entries[name] = FileEntry(file.size, file.crc)

    def adopt(self, name: str) -> None:
        """Takes in a file that somebody else wrote (the document database)."""
        path = self.folder / name
        with path.open("r+b") as file:
            os.fsync(file.fileno())
        self.entries[name] = FileEntry(path.stat().st_size, crc_of(path))

    def strings(self, name: str, values: Iterable[bytes], count: int) -> None:
        """Writes ``count`` strings as ``name.blob.npy`` (uint8) and ``name.offsets.npy`` (int64[count + 1])."""
        offsets = np.zeros(count + 1, dtype=np.int64)
        blob = bytearray()
        for i, value in enumerate(values, 1):
            blob += value
            offsets[i] = len(blob)
        self.array(f"{name}.blob.npy", np.frombuffer(bytes(blob), dtype=np.uint8))
        self.array(f"{name}.offsets.npy", offsets)


class FolderReader:
    """Opens a generation's files, memory-mapped, after checking their sizes against the manifest."""

    def __init__(self, folder: Path, entries: Mapping[str, FileEntry]) -> None:
        self.folder = folder
        for name, entry in entries.items():
            path = folder / name
            try:
                size = path.stat().st_size
            except OSError as error:
                raise damaged(path, f"cannot be opened ({error.strerror})") from error
            if size != entry.size:
                raise damaged(path, f"has {size} bytes instead of {entry.size}")
        self._entries = entries

    def array(self, name: str, dtype: npt.DTypeLike, length: int = -1, width: int = 0) -> AnyArray:
        """The memory-mapped array ``name``, of shape [length] or [length, width]; −1 takes what is there.

        The header must be, byte for byte, the one that was written: nothing of the file is parsed or trusted.
        """
        path, kind = self.folder / name, np.dtype(dtype)
        try:
            with path.open("rb") as file:
                head = file.read(10)
                start = 10 + int.from_bytes(head[8:], "little")
                head += file.read(start - 10)
            count = (self._entries[name].size - start) // (kind.itemsize * max(1, width))
            shape = (count, width) if width else (count,)
            if head != _header(kind, shape) or length not in (-1, count):
                raise damaged(path, f"is not the array of {kind} that the index says")
            return np.asarray(np.memmap(path, kind, "r", start, shape)) if count else np.zeros(shape, kind)
        except (OSError, ValueError) as error:
            raise damaged(path, f"cannot be read ({error})") from error

    def verify(self) -> None:
        """Reads every file and compares its CRC-32. Raises ``IndexDamagedError`` for the first that differs."""
        for name, entry in self._entries.items():
            if crc_of(self.folder / name) != entry.crc32:
                raise damaged(self.folder / name, "was altered since it was written")

    def strings(self, name: str, count: int) -> Strings:
        offsets = self.array(f"{name}.offsets.npy", np.int64, count + 1)
        blob = self.array(f"{name}.blob.npy", np.uint8)
        if count and int(offsets[-1]) != blob.shape[0]:
            raise damaged(self.folder / f"{name}.blob.npy", "does not end where its offsets do")
        return Strings(blob, offsets)


class Strings:
    """An immutable list of byte strings over two arrays; nothing is decoded until asked for."""

    def __init__(self, blob: AnyArray, offsets: AnyArray) -> None:
        self._bytes = blob
        self._blob = blob.data
        self._offsets = offsets

    def __len__(self) -> int:
        return int(self._offsets.shape[0]) - 1

    def __getitem__(self, i: int) -> bytes:
        return bytes(self._blob[int(self._offsets[i]) : int(self._offsets[i + 1])])

    def take(self, rows: npt.NDArray[np.integer[Any]]) -> list[str]:
        """The strings at ``rows``, decoded."""
        starts = self._offsets[rows]
        lengths = self._offsets[rows + 1] - starts
        ends = np.cumsum(lengths)
        # all bytes gathered and decoded at once: three times faster than one string at a time
        places = np.arange(int(lengths.sum())) + np.repeat(starts - ends + lengths, lengths)
        data = self._bytes[places].tobytes()
        bounds = zip((ends - lengths).tolist(), ends.tolist(), strict=True)
        if data.isascii():
            text = data.decode("ascii")
            return [text[a:b] for a, b in bounds]
        return [data[a:b].decode() for a, b in bounds]

    def all(self) -> list[str]:
        """Every string, decoded."""
        return self.take(np.arange(len(self)))

    def find(self, value: bytes) -> int:
        """Position of ``value`` in a sorted list, −1 where it is not."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self[middle] < value:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self[low] == value else -1


def damaged(path: Path, what: str) -> IndexDamagedError:
    """The error of a file that is not as the manifest says; the index adds the rebuild command."""
    return IndexDamagedError(f"{path} {what}.")
