"""Coded rows that several processes share, or that memory cannot hold: in a file that goes when the fit ends."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_SHARED = 2**20
"""Bytes from which on joblib's processes map arrays."""


class StoredRows(np.memmap):
    """Rows in a file, mapped into memory; the engine releases what it has read after each epoch."""

    def release(self) -> None:
        """Let go of the pages that are in memory: they are read again, or written first, as needed."""
        if isinstance(self.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self.base.madvise(mmap.MADV_DONTNEED)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Return what other processes map: the file, not what is in it."""
        if isinstance(self.base, mmap.mmap):
            return _mapped, (self.filename, self.dtype.str, self.shape)
        return np.array(self).__reduce_ex__(protocol)  # some of the rows


def _mapped(filename: str, dtype: str, shape: tuple[int, int]) -> StoredRows:
    try:
        return StoredRows(filename, dtype, "r+", shape=shape)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"The coded table in {filename} is out of reach for a process of the fit: name a folder that all workers "
            "share by cache_dir, or allow more memory by max_memory."
        ) from None


def release(rows: NDArray[Any]) -> None:
    """Let go of what is in memory of rows in a file."""
    if isinstance(rows, StoredRows):
        rows.release()


def memory_of_machine() -> float:
    """Return the bytes of memory of this machine, infinity where the system does not tell."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return np.inf


@contextmanager
def zeros_in_file(shape: tuple[int, int], dtype: str, folder: str | os.PathLike[str] | None) -> Iterator[StoredRows]:
    """Yield an array of zeros in a file, which is removed at the end, in ``folder`` or among the temporary ones."""
    n_bytes = shape[0] * shape[1] * np.dtype(dtype).itemsize
    try:
        directory = tempfile.TemporaryDirectory(prefix="mlp_estimator-", dir=folder)
    except OSError as error:
        raise OSError(f"cache_dir={folder!r} cannot hold the coded table: {error}.") from None
    with directory as name:
        path = Path(name, "rows")
        try:
            with open(path, "wb") as file:  # room for all of it, or the process would be killed later
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, n_bytes)
                else:
                    file.truncate(n_bytes)
        except OSError as error:
            raise OSError(
                f"The coded table takes {n_bytes / 1e6:.0f} MB, for which {Path(name).parent} has no room: "
                f"{error.strerror}. Name another folder by cache_dir, or allow more memory by max_memory."
            ) from None
        yield _mapped(str(path), dtype, shape)


@contextmanager
def shared_zeros(shape: tuple[int, int], dtype: str) -> Iterator[NDArray[Any]]:
    """Yield an array of zeros in memory that joblib's processes on this machine map, where they would get a copy.

    The memory has a file's name but is in no folder: it goes with the last process that maps it, also after a crash.
    """
    with ExitStack() as stack:
        try:
            memory = os.memfd_create("mlp_estimator")
            stack.callback(os.close, memory)
            os.posix_fallocate(memory, 0, shape[0] * shape[1] * np.dtype(dtype).itemsize)
            rows: NDArray[Any] = np.asarray(np.memmap(f"/proc/{os.getpid()}/fd/{memory}", dtype, "r+", shape=shape))
        except OSError:  # it is not allowed, or there is no /proc: joblib copies an array then
            rows = np.zeros(shape, dtype)
        yield rows


def zeros(
    shape: tuple[int, int], dtype: str, folder: str | os.PathLike[str] | None, max_bytes: float, *, shared: bool = False
) -> Any:
    """Return a context with an array of zeros, in memory if it takes at most so many bytes, otherwise in a file.

    ``shared`` is memory that processes on this machine map, where the system has it.
    """
    n_bytes = shape[0] * shape[1] * np.dtype(dtype).itemsize
    if n_bytes > max_bytes:
        return zeros_in_file(shape, dtype, folder)
    if shared and n_bytes >= MIN_SHARED and hasattr(os, "memfd_create"):
        return shared_zeros(shape, dtype)
    array: NDArray[Any] = np.zeros(shape, dtype)
    return nullcontext(array)


def is_shared(rows: NDArray[Any]) -> bool:
    """Tell whether processes on this machine map the rows."""
    return isinstance(rows if isinstance(rows, np.memmap) else rows.base, np.memmap)
