"""The fit of a portfolio: folds and settings as one list of jobs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.parallel import Parallel, delayed

from ..callbacks import PartTasks
from ..engine.members import Array
from ..engine.monitor import Monitor
from ..engine.network import Network
from ..fitting.data import HeldOut, TrainingData
from ..fitting.jobs import Job, completed, fit_jobs
from ..fitting.predicting import identity_link, predict
from ..fitting.settings import Settings
from .portfolio import CYCLES, N_CYCLES, Setting

MIN_STEPS, MAX_STEPS = 1500, 6000  # of a run
MIN_CYCLE_STEPS = 300  # a shorter cycle does not end a run early
LOSING = 1.15  # a setting ends early if its loss is so many times that of the first setting
LARGE = 10_000  # rows from which on a batch has 256 rows instead of 128

Fold = tuple[NDArray[np.integer[Any]] | None, NDArray[np.integer[Any]] | None]
"""Training rows, None for all, and validation rows, None for a validation set of the user or none at all."""


@dataclass
class Trained:
    """The members of one setting."""

    setting: Setting
    theta: Array  # (M, P)
    curves: list[list[float]]
    raw: Array | None  # out-of-fold raw output of the training rows (n, K)
    n_iter: int


class CycleEnd:
    """Ends a population at the end of a cycle, if fewer than half of its members improved or if it is losing.

    ``cycles`` maps the epoch in which a cycle ends to the one in which it began. A population is losing if the mean of
    its best scores is below ``threshold``.
    """

    def __init__(self, cycles: Mapping[int, int], threshold: float):
        self._cycles, self._threshold = cycles, threshold
        self._monitors: Sequence[Monitor] = ()
        self._n_epochs: list[int] = []
        self._stop = False

    def follow(self, monitors: Sequence[Monitor], snapshot: Callable[[], dict[str, Any]]) -> None:
        """Take the records of the members."""
        self._monitors, self._n_epochs = monitors, [0] * len(monitors)

    def begin(self) -> None:
        """An epoch begins: nothing to do."""

    def end(self) -> bool:
        """Tell whether to stop, after an epoch of the members that train now."""
        before, self._n_epochs = self._n_epochs, [monitor.n_iter for monitor in self._monitors]
        moved = [m for m, n in enumerate(self._n_epochs) if n != before[m]]
        if moved:
            now = self._n_epochs[moved[0]]
            scores = [self._monitors[m].validation_scores for m in moved]
            start, self._stop = self._cycles.get(now), False  # another population may have stopped
            if start is not None:
                n_improved = sum(int(np.argmax(curve)) >= start for curve in scores)
                losing = np.mean([max(curve) for curve in scores]) < self._threshold
                self._stop = n_improved < len(moved) / 2 or bool(losing)
        return self._stop


def train_setting(
    setting: Setting,
    settings: Settings,
    data: TrainingData,
    network: Network,
    folds: Sequence[Fold],
    seeds: Sequence[int],
    batch_size: int | str,
    threshold: float,
) -> Trained:
    """Train one setting on all folds, side by side; below ``threshold`` the validation scores are those of a loser."""
    folds = _merged(folds, setting.n_left_out)
    n_rows = min(data.rows.n_rows if train is None else len(train) for train, _ in folds)
    size = (256 if data.rows.n_rows >= LARGE else 128) if batch_size == "auto" else int(batch_size)
    size = min(size, n_rows)
    steps_per_pass = -(-n_rows // size)
    n_passes, n_epochs = _passes(setting.max_iter, steps_per_pass)
    options = {
        **settings.options,
        "learning_rate": CYCLES,
        "learning_rate_init": float(setting.learning_rate_init),
        "weight_decay": float(setting.weight_decay),
        "batch_size": size,
        "n_passes": n_passes,
        "max_iter": n_epochs,
        "averaged": True,
    }
    validated = folds[0][1] is not None or data.held_out is not None
    settings = replace(settings, options=options, max_iter=n_epochs, early_stopping=validated)
    assert data.predictor is not None
    data = replace(data, predictor=partial(data.predictor, network))
    jobs = []
    for (train, validation), seed in zip(folds, seeds, strict=False):
        rows = data.rows if train is None else data.select(_trimmed(train, n_rows))
        held_out = data.held_out
        if validation is not None:
            held_out = HeldOut(data.select(validation), partial(data.source.take, validation))
        jobs.append(Job(settings, data, network, seed, rows=rows, held_out=held_out))
    rule = CycleEnd(_cycles(n_epochs, n_passes * steps_per_pass), threshold) if validated else None
    states = completed(fit_jobs(jobs, rule))
    theta = np.concatenate([state.theta for state in states])
    raw = None
    if folds[0][1] is not None:
        raw = np.zeros((data.rows.n_rows, network.widths[-1]), theta.dtype)
        for state, (_, validation) in zip(states, folds, strict=True):
            params = network.layout.views(state.theta)
            raw[validation] = predict(network, params, data.X, identity_link, rows=validation)
    curves = [state.validation_scores or [] for state in states]
    return Trained(setting, theta, curves, raw, max(state.n_iter for state in states))


def _merged(folds: Sequence[Fold], n_left_out: int) -> Sequence[Fold]:
    """Return folds of ``n_left_out`` folds each, the folds themselves where that does not come out even."""
    if folds[0][1] is None or len(folds) % n_left_out or len(folds) <= n_left_out:
        return folds
    parts = [validation for _, validation in folds if validation is not None]
    merged = [np.sort(np.concatenate(parts[k : k + n_left_out])) for k in range(0, len(parts), n_left_out)]
    rows = np.arange(sum(map(len, parts)))
    return [(np.setdiff1d(rows, left_out), left_out) for left_out in merged]


def _passes(max_iter: int, steps_per_pass: int) -> tuple[int, int]:
    """Return the passes over the rows of an epoch, which ends with a validation, and the number of epochs."""
    total = max(max_iter, -(-MIN_STEPS // steps_per_pass))
    total = min(total, max(2**N_CYCLES, MAX_STEPS // steps_per_pass))
    n_passes = -(-total // max_iter)
    return n_passes, -(-total // n_passes)


def _cycles(n_epochs: int, steps_per_epoch: int) -> dict[int, int]:
    """Return the ends and beginnings of the second and the third cycle, if they are long enough."""
    ends = [round(n_epochs * (2 ** (c + 1) - 1) / (2**N_CYCLES - 1)) for c in range(N_CYCLES)]
    return {end: start for start, end in pairwise(ends[:-1]) if (end - start) * steps_per_epoch >= MIN_CYCLE_STEPS}


def _trimmed(rows: NDArray[np.integer[Any]], n_rows: int) -> NDArray[np.integer[Any]]:
    """Leave out the last rows of a fold that is a little larger than the others: equal folds train side by side."""
    return rows[:n_rows] if len(rows) - n_rows <= max(1, n_rows // 100) else rows


def train_portfolio(
    networks: Sequence[tuple[Setting, Network]], n_jobs: int | None, tasks: PartTasks | None, *arguments: Any
) -> Iterator[Trained]:
    """Train the first setting, then the others, over processes where ``n_jobs`` asks for it.

    The score of the first tells which of the others are losing. A setting that has not begun when a callback ends the
    fit does not begin.
    """
    settings, data, folds, seeds, batch_size = arguments
    stopped, threshold = False, -math.inf

    def calls(which: slice) -> Iterator[Any]:
        for (setting, network), of_setting in zip(networks[which], seeds[which], strict=True):
            if stopped:
                return
            yield delayed(train_setting)(setting, settings, data, network, folds, of_setting, batch_size, threshold)

    for which in (slice(0, 1), slice(1, None)):
        results = Parallel(n_jobs=n_jobs, pre_dispatch="n_jobs", return_as="generator")(calls(which))
        for _ in networks[which]:
            if tasks is not None and not stopped:
                tasks.begin()
            one = next(results, None)
            if one is None:
                return
            if which.start == 0:
                threshold = _threshold(one)
            yield one
            if tasks is not None:
                stopped = tasks.end()


def _threshold(first: Trained) -> float:
    """Return the score below which a setting is losing, for scores that are minus a positive loss."""
    scores = [max(curve) for curve in first.curves if curve]
    mean = float(np.mean(scores)) if scores else 0.0
    return LOSING * mean if mean < 0.0 else -math.inf
