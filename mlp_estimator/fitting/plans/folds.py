"""Folds and configurations: a network for each, out-of-fold predictions, and their mixture.

The recipe, its formulas and figures: ``docs/tabular.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.parallel import Parallel, delayed

from ...engine.losses import GammaDeviance
from ...engine.members import Array
from ...engine.monitor import Monitor
from ...engine.schedules import CYCLES, N_CYCLES
from ..data import FitData, HeldOut
from ..features import Coded
from ..features.table import LARGE
from ..fitted import Arrays, Fitted, Networks, arrays_by_name, identity_link, n_members, outputs_of
from ..jobs import FitObserver, Job, completed, fit_jobs
from ..member_config import SPREAD, MemberConfig, Members, network_of
from ..settings import Settings
from ..targets import Numbers

MIN_STEPS, MAX_STEPS = 1500, 6000  # of a run
MIN_CYCLE_STEPS = 300  # a shorter cycle does not end a run early
LOSING = 1.15  # times the loss of the first configuration after the same cycle: a configuration with more ends
N_RANDOM = 10  # rows per fold of the rarest class from which on folds are not stratified
SMALLEST_SPREAD = 0.01  # in means of the residuals
UNKNOWN: tuple[float, ...] = (-math.inf, -math.inf)  # a reference that no configuration loses against

Rows = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows to train on, and the rows of the fold, on which a member is watched and makes out-of-fold predictions.

    ``halves`` are two parts of the latter, the second of which may be empty. The epoch of a prediction is the one that
    is best on the other half: chosen on the row itself, it would be better than on a new row. ``parts`` are the numbers
    of the folds that this one is made of.
    """

    train: Rows
    validation: Rows
    halves: tuple[Rows, Rows]
    parts: tuple[int, ...]


@dataclass
class Trained:
    """The members of one configuration."""

    members: Members
    theta: Array  # (M, P)
    curves: list[list[float]]
    raw: Array | None  # out-of-fold raw output of the training rows (n, K), None without folds
    n_iter: int
    progress: tuple[float, ...]  # mean best score at the end of the second and the third cycle

    @property
    def config(self) -> MemberConfig:
        """What the members have in common."""
        return self.members.config


class StopAtCycleEnd:
    """Ends a population at the end of a cycle, if fewer than half of its members improved or if it is losing.

    ``cycles`` maps the epoch in which a cycle ends to the one in which it began, and to the score of the first
    configuration at the end of that cycle. A population is losing if the mean of its best scores is far below.
    """

    def __init__(self, cycles: Mapping[int, tuple[int, float]]):
        self._cycles = cycles
        self._monitors: Sequence[Monitor] = ()
        self._n_epochs: list[int] = []
        self._stop = False

    def follow(self, monitors: Sequence[Monitor], snapshot: Callable[[], Fitted]) -> None:
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


@dataclass(eq=False)
class Folds:
    """Members of each configuration: one per fold, or on all rows where there are no folds.

    ``data.X`` is coded; ``data.features`` is the table that codes further rows. ``seeds`` are (n_configs + 1,
    n_members), the last ones for what else is learned.
    """

    settings: Settings
    data: FitData
    configs: Sequence[MemberConfig]
    folds: Sequence[Fold]
    seeds: Sequence[Sequence[int]]
    batch_size: int | str

    def train(self, n_jobs: int | None, observer: Any = None) -> Iterator[Trained]:
        """Train the first configuration, then the others, over processes where ``n_jobs`` asks for it.

        The progress of the first tells which of the others are losing. An observer that ends the fit keeps
        configurations that have not begun from beginning.
        """
        stopped, reference = False, UNKNOWN

        def calls(which: range) -> Iterator[Any]:
            for c in which:
                if stopped:
                    return
                yield delayed(self.train_config)(c, reference)

        for which in (range(1), range(1, len(self.configs))):
            results = Parallel(n_jobs=n_jobs, pre_dispatch="n_jobs", return_as="generator")(calls(which))
            for c in which:
                if observer is not None and not stopped:
                    observer.begin()
                one = next(results, None)
                if one is None:
                    return
                if c == 0:
                    reference = tuple(score if score < 0.0 else -math.inf for score in one.progress)
                yield one
                if observer is not None:
                    stopped = observer.end()

    def learn_spread(self, residuals: NDArray[np.float64]) -> tuple[Fitted, NDArray[np.float64]]:
        """Return networks that expect the absolute residuals of rows, and what they expect of the training rows.

        These train on the same folds, with the gamma loss: its minimum is the mean of what cannot be negative.
        """
        encoded, source = self.data.encoded, self.data.source
        sizes = residuals + SMALLEST_SPREAD * (np.average(residuals, weights=encoded.sample_weight) or 1.0)
        targets = Numbers.learn(sizes, encoded.sample_weight, GammaDeviance(), standardise=True)
        encoded = replace(encoded, Y=targets.encode(sizes, self.data.dtype))
        data = replace(self.data, targets=targets, encoded=encoded, source=replace(source, y=sizes))
        settings = replace(self.settings, scoring="loss")
        plan = replace(self, settings=settings, data=data, configs=[SPREAD], seeds=self.seeds[-1:])
        fitted, attributes = plan.join([plan.train_config(0, UNKNOWN)])
        return fitted, attributes["oof_prediction_"]

    def train_config(self, c: int, reference: Sequence[float]) -> Trained:
        """Train one configuration on all folds, side by side; ``reference`` is the progress of the first one."""
        config, seeds = self.configs[c], self.seeds[c]
        folds = _merged(self.folds, config.n_left_out)
        members = Members(config, [fold.parts for fold in folds] or [()] * len(seeds))
        jobs, ends, rule = self._jobs(members, folds, seeds, reference)
        states = completed(fit_jobs(jobs, rule))
        theta = np.concatenate([state.theta for state in states])
        curves = [state.validation_scores or [] for state in states]
        progress = tuple(_mean_best([curve[:end] for curve in curves]) for end in ends[1:])
        raw = self._out_of_fold(config, jobs, folds, theta) if folds else None
        return Trained(members, theta, curves, raw, max(state.n_iter for state in states), progress)

    def _jobs(
        self,
        members: Members,
        folds: Sequence[Fold],
        seeds: Sequence[int],
        reference: Sequence[float],
    ) -> tuple[list[Job], list[int], FitObserver | None]:
        """Return the jobs of a configuration, the epochs that end a cycle, and the rule that ends them early."""
        config, data, n_all = members.config, self.data, self.data.rows.n_rows
        n_rows = min((len(fold.train) for fold in folds), default=n_all)
        size = (256 if n_all >= LARGE else 128) if self.batch_size == "auto" else int(self.batch_size)
        size = min(size, n_rows)
        steps_per_pass = -(-n_rows // size)
        n_passes, n_epochs = _passes(config.max_iter, steps_per_pass)
        options = {
            **self.settings.options,
            "learning_rate_init": float(config.learning_rate_init),
            "weight_decay": float(config.weight_decay),
            "batch_size": size,
            "max_iter": n_epochs,
        }
        validated = bool(folds) or data.held_out is not None
        settings = replace(
            self.settings,
            options=options,
            max_iter=n_epochs,
            early_stopping=validated,
            n_passes=n_passes,
            averaged=True,
            schedule=CYCLES,
        )
        one_job = partial(Job, settings, data)
        networks = members.networks(data.features.layout, data.targets.n_outputs)
        one_fitted = partial(self._member, config)
        if folds:
            jobs = [
                one_job(
                    network,
                    partial(one_fitted, fold.parts),
                    seed,
                    rows=data.rows.select(_trimmed(fold.train, n_rows)),
                    held_out=self._held_out(fold),
                )
                for network, fold, seed in zip(networks, folds, seeds, strict=False)
            ]
        else:
            fitted = partial(one_fitted, ())
            jobs = [
                one_job(network, fitted, seed, rows=data.rows, held_out=data.held_out)
                for network, seed in zip(networks, seeds, strict=True)
            ]
        ends = [round(n_epochs * (2 ** (k + 1) - 1) / (2**N_CYCLES - 1)) for k in range(N_CYCLES - 1)]
        cycles = {
            end: (start, score)
            for (start, end), score in zip(pairwise(ends), reference, strict=True)
            if (end - start) * n_passes * steps_per_pass >= MIN_CYCLE_STEPS
        }
        return jobs, ends, StopAtCycleEnd(cycles) if validated else None

    def _held_out(self, fold: Fold) -> HeldOut:
        """Return the rows of a fold in two halves."""

        def of_rows(rows: Rows, parts: Sequence[HeldOut] = ()) -> HeldOut:
            return HeldOut(self.data.rows.select(rows), partial(self.data.source.take, rows), parts)

        return of_rows(fold.validation, [of_rows(half) for half in fold.halves])

    def _member(self, config: MemberConfig, left_out: tuple[int, ...], arrays: Arrays) -> Fitted:
        """Return what predicts with the parameters of one member, for scorers, which give it coded rows."""
        members = Members(config, [left_out] * n_members(arrays))
        return Fitted(Coded(self.data.features), self.data.targets, [Networks(members, arrays)])

    def _out_of_fold(self, config: MemberConfig, jobs: Sequence[Job], folds: Sequence[Fold], theta: Array) -> Array:
        """Return the raw output of the training rows (n, K), each by the member that has not seen it.

        A member without a score, because no row of its fold has a weight in the loss, predicts with ``theta``.
        """
        raw = np.zeros((self.data.rows.n_rows, self.data.targets.n_outputs), self.data.dtype)
        for job, fold, of_member in zip(jobs, folds, theta[:, None], strict=True):
            assert job.held_out is not None
            for rows, others in zip(fold.halves, job.held_out.parts[::-1], strict=True):
                params = job.network.layout.views(of_member if others.best_theta is None else others.best_theta)
                raw[rows] = outputs_of(job.network, params, self.data.X, identity_link, rows)[0]
        if not np.isfinite(raw).all():
            raise ValueError(
                "The out-of-fold predictions are not finite, because training diverged: lower learning_rate_init, "
                f"which is {config.learning_rate_init:g} in this setting."
            )
        return raw

    def join(self, trained: Sequence[Trained]) -> tuple[Fitted, dict[str, Any]]:
        """Return the fitted mixture, and the attributes that follow from out-of-fold predictions."""
        data, targets = self.data, self.data.targets
        encoded, layout = data.encoded, data.features.layout
        groups = [
            Networks(one.members, arrays_by_name(network_of(one.config, layout, targets.n_outputs), one.theta))
            for one in trained
        ]
        equal = np.full(len(trained), 1.0 / len(trained))
        fitted = Fitted(data.features, targets, groups, equal, n_members=len(self.seeds[0]))
        raws = [one.raw for one in trained if one.raw is not None]
        if not raws:
            return fitted, {}
        linked = np.stack([targets.linked(raw) for raw in raws])
        fitted.constant, constants = targets.constant(encoded), np.empty_like(linked[0])
        for fold in self.folds:
            constants[fold.validation] = targets.constant(encoded.take(fold.train))

        def fit_mixture(rows: Rows) -> tuple[NDArray[np.float64], float]:
            """Return the weights and the temperature that suit some rows."""
            of_rows = encoded.take(rows)
            weights = targets.mix([raw[rows] for raw in raws], constants[rows], of_rows)
            return weights, targets.find_temperature(mixed(weights, rows), of_rows)

        def mixed(weights: NDArray[np.float64], rows: Rows) -> Array:
            prediction: Array = np.tensordot(weights, linked[:, rows], 1) + (1.0 - weights.sum()) * constants[rows]
            return prediction

        # Weights that have seen a row predict it better than a new one: 0.35 of random labels of three classes.
        parts = []
        for fold in self.folds:
            weights, temperature = fit_mixture(fold.train)
            in_unit = targets.in_unit(mixed(weights, fold.validation))
            parts.append(targets.calibrated(in_unit, temperature))
        prediction = np.concatenate(parts)[np.argsort(np.concatenate([fold.validation for fold in self.folds]))]
        fitted.mixture, fitted.temperature = fit_mixture(np.arange(data.rows.n_rows))
        return fitted, dict(targets.out_of_fold(prediction, encoded, [fold.validation for fold in self.folds]))


def make_folds(
    strata: NDArray[Any] | None, n_rows: int, n_folds: int, groups: Any, rng: np.random.RandomState
) -> list[Fold]:
    """Return folds at random, with no group in two folds; the halves of a fold are made in the same way.

    They are stratified where a class is too rare for folds at random. Strata make the frequencies of the classes
    outside a fold those inside it, and so the score of guesses too high: 0.52 of 400 random labels.
    """
    rows, folds = np.arange(n_rows), []
    for k, of_fold in enumerate(_parts(strata, rows, n_folds, groups, rng)):
        first, *second = _parts(strata, of_fold, 2, groups, rng)
        halves = (first, second[0] if second else of_fold[:0])
        folds.append(Fold(np.setdiff1d(rows, of_fold), of_fold, halves, (k,)))
    return folds


def fold_of_rows(folds: Sequence[Fold]) -> Rows:
    """Return the number of the fold of each row."""
    numbers = np.empty(sum(len(fold.validation) for fold in folds), int)
    for k, fold in enumerate(folds):
        numbers[fold.validation] = k
    return numbers


def _parts(
    strata: NDArray[Any] | None, rows: Rows, n_parts: int, groups: NDArray[Any] | None, rng: np.random.RandomState
) -> list[Rows]:
    """Return at most ``n_parts`` parts of the rows at random, none of them empty."""
    strata = None if strata is None else np.unique(strata[rows], return_inverse=True)[1]
    groups = None if groups is None else groups[rows]
    n_parts = min(n_parts, len(rows) if groups is None else len(np.unique(groups)))
    if n_parts < 2:
        return [rows]
    rarest = 0 if strata is None else int(np.bincount(strata).min())
    stratified = n_parts <= rarest < N_RANDOM * n_parts
    splitters = (KFold, StratifiedKFold) if groups is None else (GroupKFold, StratifiedGroupKFold)
    splitter: Any = splitters[stratified](n_parts, shuffle=True, random_state=rng.randint(2**31 - 1))
    parts = [rows[part] for _, part in splitter.split(np.empty((len(rows), 1)), strata, groups)]
    return [part for part in parts if len(part)]  # of few groups that differ in size some parts may be empty


def _merged(folds: Sequence[Fold], n_left_out: int) -> Sequence[Fold]:
    """Return folds of ``n_left_out`` folds each, the folds themselves where that does not come out even."""
    if len(folds) % n_left_out or len(folds) <= n_left_out:
        return folds
    rows = np.arange(sum(len(fold.validation) for fold in folds))
    merged = []
    for k in range(0, len(folds), n_left_out):
        several = folds[k : k + n_left_out]
        first, second = (np.sort(np.concatenate([fold.halves[h] for fold in several])) for h in range(2))
        left_out = np.union1d(first, second)
        parts = tuple(part for fold in several for part in fold.parts)
        merged.append(Fold(np.setdiff1d(rows, left_out), left_out, (first, second), parts))
    return merged


def _passes(max_iter: int, steps_per_pass: int) -> tuple[int, int]:
    """Return the passes over the rows of an epoch, which ends with a validation, and the number of epochs."""
    total = max(max_iter, -(-MIN_STEPS // steps_per_pass))
    total = min(total, max(2**N_CYCLES, MAX_STEPS // steps_per_pass))
    n_passes = -(-total // max_iter)
    return n_passes, -(-total // n_passes)


def _mean_best(scores: Sequence[Sequence[float]]) -> float:
    """Return the mean over members of their best scores, minus infinity where there are none."""
    return float(np.mean([max(curve, default=-math.inf) for curve in scores]))


def _trimmed(rows: Rows, n_rows: int) -> Rows:
    """Leave out the last rows of a fold that is a little larger than the others: equal folds train side by side."""
    return rows[:n_rows] if len(rows) - n_rows <= max(1, n_rows // 100) else rows
