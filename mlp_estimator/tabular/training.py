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
from .table import LARGE

MIN_STEPS, MAX_STEPS = 1500, 6000  # of a run
MIN_CYCLE_STEPS = 300  # a shorter cycle does not end a run early
LOSING = 1.15  # times the loss of the first setting after the same cycle: a setting with more ends
UNKNOWN: tuple[float, ...] = (-math.inf, -math.inf)  # a reference that no setting loses against

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
    progress: tuple[float, ...]  # mean best score at the end of the second and the third cycle


class CycleEnd:
    """Ends a population at the end of a cycle, if fewer than half of its members improved or if it is losing.

    ``cycles`` maps the epoch in which a cycle ends to the one in which it began, and to the score of the first setting
    at the end of that cycle. A population is losing if the mean of its best scores is far below.
    """

    def __init__(self, cycles: Mapping[int, tuple[int, float]]):
        self._cycles = cycles
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
            self._stop = False  # another population may have stopped
            if now in self._cycles:
                start, reference = self._cycles[now]
                n_improved = sum(int(np.argmax(curve)) >= start for curve in scores)
                losing = _mean_best(scores) < LOSING * reference
                self._stop = n_improved < len(moved) / 2 or losing
        return self._stop


def train_setting(
    setting: Setting,
    settings: Settings,
    data: TrainingData,
    network: Network,
    folds: Sequence[Fold],
    seeds: Sequence[int],
    batch_size: int | str,
    reference: Sequence[float],
) -> Trained:
    """Train one setting on all folds, side by side; ``reference`` is the progress of the first setting."""
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
    ends = [round(n_epochs * (2 ** (c + 1) - 1) / (2**N_CYCLES - 1)) for c in range(N_CYCLES - 1)]
    cycles = {
        end: (start, score)
        for (start, end), score in zip(pairwise(ends), reference, strict=True)
        if (end - start) * n_passes * steps_per_pass >= MIN_CYCLE_STEPS
    }
    rule = CycleEnd(cycles) if validated else None
    states = completed(fit_jobs(jobs, rule))
    theta = np.concatenate([state.theta for state in states])
    raw = None
    if folds[0][1] is not None:
        raw = np.zeros((data.rows.n_rows, network.widths[-1]), theta.dtype)
        for state, (_, validation) in zip(states, folds, strict=True):
            params = network.layout.views(state.theta)
            raw[validation] = predict(network, params, data.X, identity_link, rows=validation)
        if not np.isfinite(raw).all():
            raise ValueError(
                "The out-of-fold predictions are not finite, because training diverged: lower learning_rate_init, "
                f"which is {setting.learning_rate_init:g} in this setting."
            )
    curves = [state.validation_scores or [] for state in states]
    progress = tuple(_mean_best([curve[:end] for curve in curves]) for end in ends[1:])
    return Trained(setting, theta, curves, raw, max(state.n_iter for state in states), progress)


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


def _mean_best(scores: Sequence[Sequence[float]]) -> float:
    """Return the mean over members of their best scores, minus infinity where there are none."""
    return float(np.mean([max(curve, default=-math.inf) for curve in scores]))


def _trimmed(rows: NDArray[np.integer[Any]], n_rows: int) -> NDArray[np.integer[Any]]:
    """Leave out the last rows of a fold that is a little larger than the others: equal folds train side by side."""
    return rows[:n_rows] if len(rows) - n_rows <= max(1, n_rows // 100) else rows


def train_portfolio(
    networks: Sequence[tuple[Setting, Network]], n_jobs: int | None, tasks: PartTasks | None, *arguments: Any
) -> Iterator[Trained]:
    """Train the first setting, then the others, over processes where ``n_jobs`` asks for it.

    The progress of the first tells which of the others are losing. A callback that ends the fit keeps settings that
    have not begun from beginning.
    """
    settings, data, folds, seeds, batch_size = arguments
    stopped = False
    reference = UNKNOWN

    def calls(which: slice) -> Iterator[Any]:
        for (setting, network), of_setting in zip(networks[which], seeds[which], strict=True):
            if stopped:
                return
            yield delayed(train_setting)(setting, settings, data, network, folds, of_setting, batch_size, reference)

    for which in (slice(0, 1), slice(1, None)):
        results = Parallel(n_jobs=n_jobs, pre_dispatch="n_jobs", return_as="generator")(calls(which))
        for _ in networks[which]:
            if tasks is not None and not stopped:
                tasks.begin()
            one = next(results, None)
            if one is None:
                return
            if which.start == 0:
                reference = tuple(score if score < 0.0 else -math.inf for score in one.progress)
            yield one
            if tasks is not None:
                stopped = tasks.end()
