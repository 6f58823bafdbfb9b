"""Coded rows in a file: there while the fit runs, gone afterwards, and one sentence where there is no room."""

import os
import pickle
import subprocess

import numpy as np
import pytest
from joblib import Parallel, delayed

from mlp_estimator.fitting import store as module
from mlp_estimator.fitting.store import StoredRows, is_shared, memory_of_machine, release, zeros


def test_small_tables_stay_in_memory_and_large_ones_are_in_a_file(tmp_path):
    with zeros((10, 4), "float32", tmp_path, 160) as rows:
        assert type(rows) is np.ndarray
        assert not list(tmp_path.iterdir())
    with zeros((10, 4), "float32", tmp_path, 159) as rows:
        assert isinstance(rows, StoredRows)
        assert (rows.shape, rows.dtype, rows.any()) == ((10, 4), np.float32, False)
        assert sum(path.stat().st_size for path in tmp_path.rglob("rows")) == 160
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="memory with a file's name as on Linux")
def test_processes_write_to_shared_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MIN_SHARED", 160)
    with zeros((10, 4), "float32", tmp_path, 160, shared=True) as rows:
        assert is_shared(rows)
        assert not rows.any()
        Parallel(n_jobs=2)(delayed(np.copyto)(rows[k : k + 5], k) for k in (0, 5))
        np.testing.assert_array_equal(rows, np.repeat([0.0, 5.0], 5)[:, None] * np.ones(4))
    del rows
    links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    assert not [link for link in links if os.path.islink(link) and "memfd:mlp_estimator" in os.readlink(link)]
    with zeros((9, 4), "float32", tmp_path, 160, shared=True) as rows:  # joblib copies small arrays
        assert not is_shared(rows)


def test_without_such_memory_rows_are_an_array(monkeypatch):
    def refuse(*arguments):
        raise PermissionError("not allowed")

    monkeypatch.setattr(module, "MIN_SHARED", 0)
    monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    with zeros((10, 4), "float32", None, np.inf, shared=True) as rows:
        assert not is_shared(rows)
        assert not rows.any()


def test_released_rows_keep_what_was_written(tmp_path):
    with zeros((5000, 4), "float64", tmp_path, 0) as rows:
        rows[:] = np.arange(20_000.0).reshape(5000, 4)
        for part in (rows, rows[100:], np.zeros(3)):
            release(part)
        np.testing.assert_array_equal(rows.ravel(), np.arange(20_000))


def test_a_copy_by_pickle_is_the_file(tmp_path):
    with zeros((5000, 4), "float64", tmp_path, 0) as rows:
        pickled = pickle.dumps(rows)
        assert len(pickled) < 1000
        copy = pickle.loads(pickled)
        rows[7] = 3.0
        np.testing.assert_array_equal(copy[7], 3.0)
        assert isinstance(copy, StoredRows)
        some = pickle.loads(pickle.dumps(rows[5:9]))
        np.testing.assert_array_equal(some, rows[5:9])
        assert type(some) is np.ndarray


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="madvise and /proc as on Linux")
def test_released_rows_are_not_in_memory(tmp_path):
    def resident():
        with open("/proc/self/smaps_rollup") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("Rss"))

    with zeros((2**20, 8), "float64", tmp_path, 0) as rows:
        rows[:] = 1.0
        full = resident()
        release(rows)
        assert full - resident() > 40_000  # kB, of 64 MB


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_file_goes_with_an_error(error, tmp_path):
    with pytest.raises(error), zeros((10, 4), "float32", tmp_path, 0):
        raise error
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match=r"cache_dir=.*nowhere.* cannot hold the coded table"):
        zeros((10, 4), "float32", tmp_path / "nowhere", 0).__enter__()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this process may not mount a file system")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_is_one_sentence_and_nothing_is_left(small_disk):
    with pytest.raises(OSError, match=r"takes 4 MB, for which .* has no room: No space left on device\. Name another"):
        zeros((10**5, 10), "float32", small_disk, 0).__enter__()
    assert not list(small_disk.iterdir())


def test_the_memory_of_the_machine_is_some_bytes():
    assert memory_of_machine() > 2**28


def test_a_process_that_does_not_reach_the_file_says_what_to_do(tmp_path):
    with zeros((3, 2), "float32", tmp_path, 0) as rows:
        pickled = pickle.dumps(rows)
    with pytest.raises(
        FileNotFoundError, match="out of reach for a process of the fit: name a folder that all workers"
    ):
        pickle.loads(pickled)
