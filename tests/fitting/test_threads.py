"""A run limits BLAS threads by its size and leaves them as they were, also in a forked process."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from mlp_estimator import MLPClassifier, MLPRegressor, TabularMLPRegressor
from mlp_estimator.engine.layers import Dense, LookupDense, OneHot, Piecewise, zeros
from mlp_estimator.engine.losses import SquaredError
from mlp_estimator.engine.network import Network
from mlp_estimator.fitting import threads as fitting_threads
from mlp_estimator.fitting.threads import LimitedThreads, OneThread

BLAS = ThreadpoolController().select(user_api="blas")


def threads():
    return {library["filepath"]: library["num_threads"] for library in BLAS.info()}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("hidden", "numpy_threads"), [((20,), 1), ((200, 200), 2)])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_threads_within_and_after_a_fit(hidden, numpy_threads, solver, monkeypatch):
    seen, evaluate = [], SquaredError.value_and_grad

    def watching(self, *arrays):
        seen.append(threads())
        return evaluate(self, *arrays)

    monkeypatch.setattr(SquaredError, "value_and_grad", watching)
    rng = np.random.default_rng(0)
    with BLAS.limit(limits=2):
        before = threads()
        if not all(n == 2 for n in before.values()):
            pytest.skip("this BLAS cannot be given two threads here")
        MLPRegressor(hidden, solver=solver, max_iter=2, random_state=0).fit(rng.normal(size=(500, 5)), np.zeros(500))
        assert threads() == before
    for path, n in seen[0].items():
        assert n == (numpy_threads if "numpy.libs" in path or len(before) == 1 else 1), path


def test_an_encoding_that_is_never_made_asks_for_no_threads():
    encoding = Piecewise([np.linspace(0.0, 1.0, 33)] * 20)
    lookup = Network([LookupDense(128, zeros, encoding, OneHot([]))], 20)
    dense = Network([encoding, Dense(128, zeros)], 20)
    assert lookup.layout.size > dense.layout.size
    assert [len(fitting_threads.limited_threads(one, 128)._limits) for one in (lookup, dense)] == [2, 1]


def test_overlapping_fits_restore_what_the_first_one_found():
    with BLAS.limit(limits=2):
        before = threads()
        limit = OneThread(BLAS)
        limit.begin("one fit")
        limit.begin("another, in another thread of Python")
        limit.end("one fit")
        assert set(threads().values()) == {1}
        limit.end("another, in another thread of Python")
        assert threads() == before


def test_an_interrupt_at_any_line_leaves_no_limit():
    limit, n_lines, n_interrupts = OneThread(BLAS), 0, 0

    def trace(frame, event, argument):
        nonlocal n_lines
        if frame.f_code.co_filename != fitting_threads.__file__ or frame.f_code.co_name == "__exit__":
            return trace
        n_lines += event == "line"
        if event == "line" and n_lines == last:
            raise KeyboardInterrupt
        return trace

    with BLAS.limit(limits=2):
        before = threads()
        for last in range(1, 40):
            n_lines, tracer = 0, sys.gettrace()
            try:
                sys.settrace(trace)
                with LimitedThreads([limit]):
                    pass
            except KeyboardInterrupt:
                n_interrupts += 1
            finally:
                sys.settrace(tracer)
            assert threads() == before, last
    assert 10 < n_interrupts < 39  # all lines, and then none


def forked(child):
    """The exit code of a forked process that runs ``child``; a process that hangs is killed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child()
            code = 0
        finally:
            os._exit(code)
    for _ in range(3600):  # three minutes, on a busy machine
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hung"


@contextmanager
def held_in_a_thread(context):
    """Another thread of Python is in the context."""
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with context:
            entered.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    try:
        yield
    finally:
        leave.set()
        thread.join()


def small_fit(Estimator=MLPRegressor, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Estimator(random_state=0, **options).fit(np.eye(60)[:, :4], np.arange(60.0) % 3)


FITS = [
    partial(small_fit, max_iter=2),
    partial(small_fit, solver="lbfgs", max_iter=3),
    partial(small_fit, MLPClassifier, n_members=2, max_iter=2),
    partial(small_fit, TabularMLPRegressor, settings=[{"hidden_layer_sizes": (4,)}], n_folds=2, max_iter=2),
]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("fit", FITS, ids=str)
@pytest.mark.parametrize("limit", ["NUMPY_LIMIT", "OTHER_LIMIT"])
def test_a_forked_process_fits_while_another_thread_holds_a_lock(limit, fit):
    with held_in_a_thread(getattr(fitting_threads, limit)._lock):
        assert forked(fit) == 0


def test_other_modules_have_no_locks():
    # A forked process waits forever for a lock of another thread; cached_property has one in Python 3.11.
    package = Path(fitting_threads.__file__).parents[1]
    locking = re.compile(r"\b(R?Lock|Condition|Semaphore|Barrier|Queue|cached_property)\b")
    assert [path for path in package.rglob("*.py") if locking.search(path.read_text())] == [
        Path(fitting_threads.__file__)
    ]


@needs_fork
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_forgets_the_fits_of_other_threads(monkeypatch):
    def restored():
        limit.after_fork()
        assert threads() == before

    def still_limited():
        limit.after_fork()
        assert set(threads().values()) == {1}
        limit.end("this thread's")
        assert threads() == before

    with BLAS.limit(limits=2):
        before, limit = threads(), fitting_threads.OneThread(BLAS)
        if not all(n == 2 for n in before.values()):
            pytest.skip("this BLAS cannot be given two threads here")
        with monkeypatch.context() as patch:  # not by a real thread: some versions of OpenBLAS do not obey it
            patch.setattr(fitting_threads, "get_ident", lambda: -1)
            limit.begin("another thread's")
        assert set(threads().values()) == {1}
        assert forked(restored) == 0
        limit.after_fork()
        assert threads() == before
        limit.begin("this thread's")  # a fit whose callback forks
        assert forked(still_limited) == 0
        limit.end("this thread's")
        assert threads() == before


@needs_fork
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_forks_at_any_moment_of_a_fit():
    stop = threading.Event()

    def fit_until_stopped():
        while not stop.is_set():
            small_fit(max_iter=1)

    thread = threading.Thread(target=fit_until_stopped)
    thread.start()
    try:
        assert [forked(partial(small_fit, max_iter=2)) for _ in range(15)] == [0] * 15
    finally:
        stop.set()
        thread.join()
