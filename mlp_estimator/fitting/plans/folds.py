"""Folds and configurations: a network for each, out-of-fold predictions, and their mixture.

The recipe, its formulas and figures: ``docs/tabular.md``.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Any, cast

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.parallel import Parallel, delayed

from ...engine.batches import BLOCK_ROWS
from ...engine.losses import GammaDeviance
from ...engine.members import Array
from ...engine.monitor import Kept, scaled
from ...engine.schedules import CYCLES, N_CYCLES
from ..data import FitData, HeldOut, Source
from ..features import Coded, Table
from ..fitted import Arrays, Fitted, Networks, arrays_by_name, identity_link, n_members, outputs_of
from ..importances import RowSample
from ..jobs import Job, completed, fit_jobs
from ..member_config import SPREAD, MemberConfig, Members, Preset, network_of
from ..settings import Settings
from ..state import FitState
from ..targets import Encoded, Numbers, Targets
from ..threads import one_thread

MIN_STEPS = 1500  # of a run with the default number of epochs
MIN_EPOCHS, MANY_EPOCHS = 2**N_CYCLES, 24  # the latter where an epoch is a part of a pass
MIN_EPOCH_STEPS = 32  # epochs of small tables are several passes over the rows
NEARLY_BEST = 0.04  # of the loss: a later cycle with so much more is as good, and its parameters have averaged longer
MAX_WATCHED = 2**14  # rows of a fold whose predictions are watched; their mean loss is off by a hundredth
N_RANDOM = 10  # rows per fold of the rarest class from which on folds are not stratified
MIN_LEAD = 2.0  # standard errors by which the most frequent class leads where folds are stratified
SMALLEST_SPREAD = 0.01  # in means of the residuals

Rows = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows that a member does not train on, and those of them on which it is watched and makes predictions.

    ``halves`` are two parts of the latter, the second of which may be empty. The epoch of a prediction is the one that
    is best on the other half: chosen on the row itself, it would be better than on a new row. ``parts`` are the numbers
    of the folds that this one is made of. The table has ``n_all`` rows.
    """

    n_all: int
    left_out: Rows
    halves: tuple[Rows, Rows]
    parts: tuple[int, ...]

    @property
    def train(self) -> Rows:
        """The rows to train on."""
        is_left = np.ones(self.n_all, bool)
        is_left[self.left_out] = False
        return np.flatnonzero(is_left).astype(self.left_out.dtype)

    @property
    def n_train(self) -> int:
        """The number of rows to train on."""
        return self.n_all - len(self.left_out)

    @property
    def validation(self) -> Rows:
        """The rows on which a member is watched."""
        return np.sort(np.concatenate(self.halves))

    def watched(self, rng: np.random.RandomState) -> Fold:
        """Return the fold with a random part of its rows to be watched, where it has more than ``MAX_WATCHED``."""
        if sum(map(len, self.halves)) <= MAX_WATCHED:
            return self
        first, second = (
            np.sort(rng.choice(half, min(len(half), MAX_WATCHED // 2), replace=False)) for half in self.halves
        )
        return replace(self, halves=(first, second))

    def among(self, rows: Rows) -> Fold:
        """Return the same fold of a table of some rows, which have to include its validation rows."""
        left_out, first, second = (
            np.searchsorted(rows, part) for part in (np.intersect1d(self.left_out, rows), *self.halves)
        )
        return Fold(len(rows), left_out, (first, second), self.parts)


@dataclass
class Trained:
    """The members of one configuration, as far as they are trained."""

    members: Members
    states: list[FitState]
    raw: Array | None  # out-of-fold raw output (n, K) of the rows in folds, None without folds
    scores: list[float]  # of each cycle: the mean over members of their best scores within it
    n_epochs: int  # of all cycles

    @property
    def config(self) -> MemberConfig:
        """What the members have in common."""
        return self.members.config

    @property
    def theta(self) -> Array:
        """The parameters (M, P) that the members keep."""
        return np.concatenate([state.theta for state in self.states])

    @property
    def curves(self) -> list[list[float]]:
        """The scores of each epoch, of each member."""
        return [state.validation_scores or [] for state in self.states]

    @property
    def n_iter(self) -> int:
        """Number of epochs."""
        return max(state.n_iter for state in self.states)

    @property
    def best_length(self) -> float:
        """The part of all epochs after which the mean score of the members is the one to keep, by the rule of each."""
        curves = [curve for curve in self.curves if np.isfinite(curve[:1]).any()]
        if not curves:
            return self.n_iter / self.n_epochs
        kept, ends = Kept(NEARLY_BEST), _cycle_ends(self.n_epochs)
        for epoch, scores in enumerate(zip(*curves, strict=False)):  # some may have ended early
            if epoch in ends:
                kept.begin_cycle()
            kept.note(float(np.mean(scores)), np.array([epoch + 1.0]))
        return float(cast(Array, kept.theta)[0]) / self.n_epochs

    @property
    def has_paused(self) -> bool:
        """Whether there are further cycles."""
        return all(state.paused is not None for state in self.states)

    def gains(self, least: float, least_sum: float) -> bool:
        """Whether the last cycle has lowered the loss by a fraction and by an amount; the first one always has.

        A fraction below 0 allows the loss to rise.
        """
        if len(self.scores) < 2:
            return True
        *before, last = self.scores
        return last >= max(scaled(max(before), 1.0 - least), max(before) + least_sum)


@dataclass(eq=False)
class Folds:
    """Members of each configuration: one per fold, or on all rows where there are no folds.

    ``data.X`` is coded; ``data.features`` is the table that codes further rows. ``row_numbers`` are the places of its
    rows in X. ``lengths`` are the parts of all epochs that each configuration trains. ``folds`` are those that members
    predict; together they may have fewer rows than the table. ``seeds`` are (n_configs + 1, n_members), the last ones
    for what else is learned. Mixture and temperature are those of ``before`` if there is such a fit.
    """

    settings: Settings
    data: FitData
    configs: Sequence[MemberConfig]
    lengths: Sequence[float]
    folds: Sequence[Fold]
    seeds: Sequence[Sequence[int]]
    batch_size: int | str
    row_numbers: Rows
    preset: Preset
    groups: Rows | None = None  # of the rows
    before: Fitted | None = None
    verbose: bool = False
    of_members: list[Sequence[Fold]] = field(init=False)  # the folds of the members of each configuration
    rows: Rows = field(init=False)  # those in folds, in order: they have out-of-fold predictions
    row_folds: NDArray[np.int32] = field(init=False)  # the number of the fold of each of them
    constants: Array = field(init=False)  # their predictions (n, K) by what is constant outside of the fold

    def __post_init__(self) -> None:
        data, parts = self.data, [fold.validation for fold in self.folds]
        merged = {n: _merged(self.folds, n) for n in {config.n_left_out for config in self.configs}}
        self.of_members = [merged[config.n_left_out] for config in self.configs]
        rows = np.concatenate(parts or [np.empty(0, np.intp)])
        order = np.argsort(rows)
        self.rows = rows[order]
        self.row_folds = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])[order]
        self.constants = np.empty((len(rows), data.targets.n_outputs), data.dtype)
        for k, fold in enumerate(self.folds):
            trained = data.encoded.take(fold.train)
            if trained.weight is not None and not trained.weight.any():
                raise ValueError(
                    "All rows that have a weight, by class_weight, are in one fold: give other classes a weight, too, "
                    "or fit more rows, or smaller groups."
                )
            self.constants[self.row_folds == k] = data.targets.constant(trained)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to train members; targets as the user gave them are for scorers."""
        data = copy.copy(self.data)
        if self.settings.scoring == "loss":
            data.source = cast(Any, None)
        return vars(self) | {
            "data": data,
            "groups": None,
            "before": None,
            "rows": None,
            "row_folds": None,
            "constants": None,
        }

    def train(self, trained: list[Trained], n_jobs: int | None, observer: Any = None) -> None:
        """Train all configurations cycle by cycle, and leave in ``trained`` what each has reached.

        Those end that gain little, or have little weight in the mixture of all. In a cycle their members are spread
        over processes where ``n_jobs`` asks for it.
        """
        going, least = list(range(len(self.configs))), self.preset.least_gain
        # Where classes are nearly certain a hundredth of the log-loss is chance: 1 in all rows is the least.
        is_log_loss = self.data.targets.has_labels and self.settings.scoring == "loss"
        least_sum = 1.0 / self.data.encoded.n_rows if is_log_loss and least > 0.0 else -math.inf
        begun, n_processes = time.perf_counter(), effective_n_jobs(n_jobs)
        for cycle in range(N_CYCLES):
            if observer is not None:
                observer.begin()
            before = dict(enumerate(trained)) if cycle else {}
            stretches = {c: _stretches(len(self._members(c).left_out), n_processes) for c in going}
            calls = (
                delayed(self.train_members)(c, cycle, some, before[c].states[some] if cycle else None)
                for c in going
                for some in stretches[c]
            )
            results = iter(Parallel(n_jobs=n_jobs, pre_dispatch="n_jobs", return_as="generator")(calls))
            for c in going:
                members = [member for _ in stretches[c] for member in next(results)]
                trained[c : c + 1] = [self._joined(c, cycle, before.get(c), members)]
                if self.verbose:
                    print(self._progress(c, cycle, trained, time.perf_counter() - begun), flush=True)
            going = [c for c in going if trained[c].has_paused and trained[c].n_iter < self._last_epoch(c)]
            going = [c for c in going if trained[c].gains(least, least_sum)]
            if cycle in (1, 2) and self.folds:
                weights = self.out_of_fold(trained).fit()[0]
                going = [c for c in going if weights[c] >= self.preset.least_weight]
            if (observer is not None and observer.end()) or not going:
                break
        if self.verbose:
            print(
                f"Trained in {time.perf_counter() - begun:.0f} s: further cycles would gain little, or there are none."
            )

    def _progress(self, c: int, cycle: int, trained: Sequence[Trained], seconds: float) -> str:
        """Return a line about the end of a cycle of a configuration.

        A cycle takes twice as long as the one before, and further ones may not be needed.
        """
        n_configs = len(self.configs)
        done = (2**cycle * (1.0 + (c + 1) / n_configs) - 1.0) / (2**N_CYCLES - 1)
        unit = "log-loss" if self.data.targets.has_labels else "loss of standardised y"
        loss = f"out-of-fold {unit} {self.out_of_fold(trained).loss():.4g}, " if self.folds else ""
        left = f"{seconds:.0f} s, at most {seconds * (1.0 / done - 1.0):.0f} s more"
        return f"Setting {c + 1} of {n_configs}, cycle {cycle + 1} of {N_CYCLES} (at most): {loss}{left}"

    def learn_spread(
        self, residuals: NDArray[np.float64], n_jobs: int | None = None
    ) -> tuple[Fitted, NDArray[np.float64]]:
        """Return networks that expect the absolute residuals of rows, and what they expect of the training rows.

        ``residuals`` (n, n_targets) are those of ``rows``. These train on the same folds, with the gamma loss: its
        minimum is the mean of what cannot be negative.
        """
        data, rows = self.data, self.rows
        encoded = data.encoded.take(rows)
        mean = np.average(residuals, axis=0, weights=encoded.sample_weight)
        sizes = residuals + SMALLEST_SPREAD * np.where(mean > 0.0, mean, 1.0)
        targets = Numbers.learn(sizes, encoded.sample_weight, GammaDeviance(), standardise=True)
        encoded = replace(encoded, Y=targets.encode(sizes, data.dtype))
        X = data.X if len(rows) == len(data.X) else np.asarray(data.X[rows])
        data = replace(data, X=X, targets=targets, encoded=encoded, source=Source(X, sizes, encoded.sample_weight))
        plan = replace(
            self,
            settings=replace(self.settings, scoring="loss"),
            data=data,
            configs=[SPREAD],
            lengths=[1.0],
            folds=[fold.among(rows) for fold in self.folds],
            seeds=self.seeds[-1:],
            verbose=False,
        )
        trained: list[Trained] = []
        plan.train(trained, n_jobs)
        fitted, attributes = plan.join(trained)
        expected: NDArray[np.float64] = attributes["oof_prediction_"].reshape(residuals.shape)
        return fitted, expected

    def train_members(
        self, c: int, cycle: int, some: slice, before: Sequence[FitState] | None
    ) -> list[tuple[FitState, Array | None]]:
        """Train some members of a configuration, side by side, to the end of a cycle.

        Returns the state of each, and its raw output (n, K) for the rows in its fold, those of the first half first.
        """
        folds = self.of_members[c][some]
        jobs, ends = self._jobs(c, some)
        if before is not None:
            if max(state.n_iter for state in before) >= ends[cycle]:  # of few epochs some cycles have none
                return [(state, None) for state in before]
            jobs = [replace(job, start=state) for job, state in zip(jobs, before, strict=True)]
        until = ends[cycle] if ends[cycle] < jobs[0].settings.max_iter else math.inf
        with one_thread():  # processes are what spreads over cores
            states = completed(fit_jobs([replace(job, until=until) for job in jobs]))
            if not folds:
                return [(state, None) for state in states]
            return [
                (state, self._out_of_fold(self.configs[c], job, fold, state))
                for job, fold, state in zip(jobs, folds, states, strict=True)
            ]

    def _members(self, c: int) -> Members:
        return Members(self.configs[c], [fold.parts for fold in self.of_members[c]] or [()] * len(self.seeds[c]))

    def _joined(
        self, c: int, cycle: int, before: Trained | None, members: Sequence[tuple[FitState, Array | None]]
    ) -> Trained:
        """Return a configuration after a cycle, from what ``train_members`` returned of all members."""
        states = [state for state, _ in members]
        start = 0 if before is None else before.n_iter
        if before is not None and max(state.n_iter for state in states) <= start:
            return before
        score = _mean_best([(state.validation_scores or [])[start:] for state in states])
        scores = [*([] if before is None else before.scores), score]
        raw = None
        if self.folds:
            rows = self.rows
            raw = np.empty((len(rows), self.data.targets.n_outputs), self.data.dtype)
            for fold, (_, of_fold) in zip(self.of_members[c], members, strict=True):
                raw[np.searchsorted(rows, np.concatenate(fold.halves))] = of_fold
        return Trained(self._members(c), states, raw, scores, self._epochs(c)[-1])

    def _jobs(self, c: int, some: slice) -> tuple[list[Job], list[int]]:
        """Return the jobs of some members of a configuration, and the epochs that end a cycle."""
        config, data, folds, seeds = self.configs[c], self.data, self.of_members[c][some], self.seeds[c][some]
        n_rows, size, n_passes, n_epochs = self._epochs(c)
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
        members = Members(config, self._members(c).left_out[some])
        jobs = []
        for k, network in enumerate(members.networks(data.features.layout, data.targets.n_outputs)):
            fitted = partial(self._member, config, members.left_out[k])
            rows, held_out = data.rows, data.held_out
            if folds:
                rows, held_out = data.rows.select(_trimmed(folds[k].train, n_rows)), self._held_out(folds[k])
            jobs.append(
                Job(settings, data, network, fitted, seeds[k], rows=rows, held_out=held_out, tolerance=NEARLY_BEST)
            )
        return jobs, [min(end, self._last_epoch(c)) for end in _cycle_ends(n_epochs)]

    def _epochs(self, c: int) -> tuple[int, int, int | Fraction, int]:
        """Return the rows that each member of a configuration trains on, batch size, passes of an epoch, and epochs."""
        n_rows = min((fold.n_train for fold in self.of_members[c]), default=self.data.rows.n_rows)
        size = min(self.preset.size.batch_size if self.batch_size == "auto" else int(self.batch_size), n_rows)
        return n_rows, size, *_passes(self.configs[c].max_iter, -(-n_rows // size), self.preset.size.max_steps)

    def _last_epoch(self, c: int) -> int:
        """Return the epoch after which the training of a configuration ends."""
        return max(1, round(self.lengths[c] * self._epochs(c)[-1]))

    def _held_out(self, fold: Fold) -> HeldOut:
        """Return the rows of a fold in two halves."""

        def of_rows(rows: Rows, parts: Sequence[HeldOut] = ()) -> HeldOut:
            return HeldOut(self.data.rows.select(rows), lambda: self.data.source.take(rows), parts)

        return of_rows(fold.validation, [of_rows(half) for half in fold.halves])

    def _member(self, config: MemberConfig, left_out: tuple[int, ...], arrays: Arrays) -> Fitted:
        """Return what predicts with the parameters of one member, for scorers, which give it coded rows."""
        members = Members(config, [left_out] * n_members(arrays))
        return Fitted(Coded(self.data.features), self.data.targets, [Networks(members, arrays)])

    def _out_of_fold(self, config: MemberConfig, job: Job, fold: Fold, state: FitState) -> Array:
        """Return the raw output (n, K) of the member for the rows of its fold, half by half.

        The parameters for a half of a fold are those that the other half keeps, or where that has none, those of the
        member.
        """
        raws = []
        for rows, theta in zip(fold.halves, state.of_parts[::-1], strict=True):
            params = job.network.layout.views(state.theta if theta is None else theta)
            raws.append(outputs_of(job.network, params, self.data.X, identity_link, rows)[0])
        raw = np.concatenate(raws)
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
        fitted = Fitted(data.features, targets, groups, equal, n_members=len(self.folds or self.seeds[0]))
        if self.before is not None:
            fitted.mixture, fitted.temperature = self.before.mixture, self.before.temperature
            fitted.constant = targets.constant(encoded)
            return fitted, {}
        if data.held_out is not None:  # all members together predict its rows, as one fold
            predicting = replace(fitted, features=Coded(data.features))
            prediction, held_out = predicting.predict(data.held_out.data.X), self._of_held_out(data.held_out)
            attributes = targets.out_of_fold(prediction, held_out, [np.arange(len(prediction))])
            return fitted, {name: value for name, value in attributes.items() if name == "_residuals"}
        if not self.folds:
            return fitted, {}
        fitted.constant = targets.constant(encoded)
        # Weights that have seen a row predict it better than a new one: 0.35 of random labels of three classes.
        predictions, parts = self.out_of_fold(trained), []
        of_folds = [np.flatnonzero(self.row_folds == k) for k in range(len(self.folds))]
        for k, of_fold in enumerate(of_folds):
            weights, temperature = predictions.fit(np.flatnonzero(self.row_folds != k))
            in_unit = targets.in_unit(predictions.mixed(weights, of_fold))
            parts.append(targets.calibrated(in_unit, temperature))
        fitted.mixture, fitted.temperature = predictions.fit()
        prediction = np.concatenate(parts)[np.argsort(np.concatenate(of_folds))]
        attributes = targets.out_of_fold(prediction, predictions.encoded, of_folds)
        return fitted, {**attributes, "oof_rows_": self.row_numbers[self.rows]}

    def sample(self) -> RowSample:
        """Return rows with which the fit can be explained: those in folds, or of the validation set, or all."""
        data, rows, held_out = self.data, self.rows, self.data.held_out
        make = partial(RowSample.of, table=cast(Table, data.features))
        if self.folds:
            encoded = data.encoded.take(rows)
            groups = None if self.groups is None else self.groups[rows]
            return make(lambda some: np.array(data.X[rows[some]]), encoded, self.row_folds, groups, unseen=True)
        if held_out is not None:
            X = held_out.data.X
            return make(lambda some: np.array(X[some]), self._of_held_out(held_out), None, None, unseen=True)
        return make(lambda some: np.array(data.X[some]), data.encoded, None, None, unseen=False)

    @staticmethod
    def _of_held_out(held_out: HeldOut) -> Encoded:
        return Encoded(cast(Any, held_out.data.Y), held_out.data.weight, held_out.source().weight)

    def out_of_fold(self, trained: Sequence[Trained]) -> OutOfFold:
        """Return the predictions of ``rows``, which have not been seen, by configurations and by a constant."""
        targets, raws = self.data.targets, [one.raw for one in trained if one.raw is not None]
        linked = np.stack([targets.linked(raw) for raw in raws])
        return OutOfFold(targets, self.data.encoded.take(self.rows), raws, linked, self.constants)


@dataclass
class OutOfFold:
    """Predictions of rows by members that have not seen them, from which the mixture follows."""

    targets: Targets
    encoded: Encoded
    raws: list[Array]  # of each configuration (n, K)
    linked: Array  # the same by the inverse link of the loss
    constants: Array  # (n, K)

    def fit(self, rows: Rows | None = None) -> tuple[NDArray[np.float64], float]:
        """Return the weights of the configurations and the temperature that suit some of the rows, or all."""
        rows = np.arange(len(self.constants)) if rows is None else rows
        of_rows = self.encoded.take(rows)
        weights = self.targets.mix([raw[rows] for raw in self.raws], self.constants[rows], of_rows)
        return weights, self.targets.find_temperature(self.mixed(weights, rows), of_rows)

    def loss(self) -> float:
        """Return the mean loss of the mixture."""
        rows = np.arange(len(self.constants))
        return self.targets.mean_loss(self.encoded)(self.mixed(self.fit()[0], rows))

    def mixed(self, weights: NDArray[np.float64], rows: Rows) -> Array:
        """Return the mixture for some rows."""
        constant = (1.0 - weights.sum()) * self.constants[rows]
        mixed: Array = np.tensordot(weights, self.linked[:, rows], 1) + constant
        return mixed


def make_folds(
    strata: NDArray[Any] | None,
    n_rows: int,
    n_folds: int,
    groups: Any,
    rng: np.random.RandomState,
    n_watched: Callable[[int], int] = int,
) -> list[Fold]:
    """Return folds at random, with no group in two folds; the halves of a fold are made in the same way.

    They are stratified where a class is too rare for folds at random, unless it or another one may be the most frequent
    by chance. Strata make the frequencies of the classes outside a fold those inside it, and so the score of guesses
    too high: 0.53 of 60 random labels. ``n_watched`` tells how many of so many folds are watched: the halves of the
    others are empty.
    """
    if strata is not None:
        *others, leading = sorted(filter(None, np.bincount(strata).tolist()))
        second = others[-1] if others else 0
        leads = leading - second > MIN_LEAD * np.sqrt(leading + second)
        strata = strata if leads or (others and 2 * others[0] < second) else None
    rows: Rows = np.arange(n_rows, dtype=np.min_scalar_type(-n_rows))  # a quarter of a large table is numbers of rows
    parts, folds = _parts(strata, rows, n_folds, groups, rng), []
    watched = n_watched(len(parts))
    for k, of_fold in enumerate(parts):
        first, *second = _parts(strata, of_fold, 2, groups, rng) if k < watched else [of_fold[:0]]
        halves = (first, second[0] if second else of_fold[:0])
        folds.append(Fold(n_rows, of_fold, halves, (k,)).watched(rng))
    return folds


def in_blocks(folds: Sequence[Fold], rng: np.random.RandomState) -> tuple[Rows, list[Fold]]:
    """Return an order in which rows can be read from a file by blocks, and the folds of the table in this order.

    A fold is one stretch. It begins with the watched rows of each of its halves; the others follow in blocks that are
    drawn at random.
    """
    order, stored, start = [], [], 0
    for fold in folds:
        first, second = fold.halves
        others = rng.permutation(np.delete(fold.left_out, np.searchsorted(fold.left_out, fold.validation)))
        blocks = [np.sort(others[at : at + BLOCK_ROWS]) for at in range(0, len(others), BLOCK_ROWS)]
        order += [first, second, *blocks]
        places = np.arange(start, start + len(fold.left_out), dtype=fold.left_out.dtype)
        halves = (places[: len(first)], places[len(first) : len(first) + len(second)])
        stored.append(Fold(fold.n_all, places, halves, fold.parts))
        start += len(places)
    return np.concatenate(order), stored


def fold_of_rows(folds: Sequence[Fold]) -> Rows:
    """Return the number of the fold of each row."""
    numbers = np.empty(folds[0].n_all, np.int32)
    for k, fold in enumerate(folds):
        numbers[fold.left_out] = k
    return numbers


def _parts(
    strata: NDArray[Any] | None, rows: Rows, n_parts: int, groups: NDArray[Any] | None, rng: np.random.RandomState
) -> list[Rows]:
    """Return at most ``n_parts`` parts of the rows at random, none of them empty."""
    strata = None if strata is None else strata[rows].astype(np.intp, copy=False)
    groups = None if groups is None else groups[rows]
    n_parts = min(n_parts, len(rows) if groups is None else len(np.unique(groups)))
    if n_parts < 2:
        return [rows]
    rarest = 0 if strata is None else int(min(filter(None, np.bincount(strata).tolist())))
    stratified = n_parts <= rarest < N_RANDOM * n_parts
    seed = rng.randint(2**31 - 1)
    if groups is None and not stratified:  # as KFold does it, in less memory
        shuffled = np.random.RandomState(seed).permutation(rows)
        return [np.sort(part) for part in np.array_split(shuffled, n_parts)]
    of_groups: Any = StratifiedGroupKFold if stratified else GroupKFold
    splitter = (StratifiedKFold if groups is None else of_groups)(n_parts, shuffle=True, random_state=seed)
    parts = [rows[part] for _, part in splitter.split(np.empty((len(rows), 1)), strata, groups)]
    return [part for part in parts if len(part)]  # of few groups that differ in size some parts may be empty


def _merged(folds: Sequence[Fold], n_left_out: int) -> Sequence[Fold]:
    """Return folds of ``n_left_out`` folds each, the folds themselves where that is not even or leaves no rows."""
    if len(folds) % n_left_out:
        return folds
    merged = []
    for k in range(0, len(folds), n_left_out):
        several = folds[k : k + n_left_out]
        first, second = (np.sort(np.concatenate([fold.halves[h] for fold in several])) for h in range(2))
        left_out = np.sort(np.concatenate([fold.left_out for fold in several]))
        if len(left_out) == folds[0].n_all:
            return folds
        parts = tuple(part for fold in several for part in fold.parts)
        merged.append(Fold(folds[0].n_all, left_out, (first, second), parts))
    return merged


def _passes(max_iter: int, steps_per_pass: int, max_steps: int) -> tuple[int | Fraction, int]:
    """Return the passes over the rows of an epoch, which ends with a validation, and the number of epochs.

    An epoch of a small table is several passes, that of a very large one a part of one.
    """
    n_passes = max(max_iter, -(-MIN_STEPS // steps_per_pass))
    if max_steps >= MIN_EPOCHS * steps_per_pass:
        of_epoch = -(-MIN_EPOCH_STEPS // steps_per_pass)
        return of_epoch, min(max_iter, -(-min(n_passes, max_steps // steps_per_pass) // of_epoch))
    n_parts = min(-(-MANY_EPOCHS * steps_per_pass // max_steps), steps_per_pass)
    return Fraction(1, n_parts), min(max_iter, round(n_parts * max_steps / steps_per_pass))


def _cycle_ends(n_epochs: int) -> list[int]:
    """Return the last epoch of each cycle."""
    return [max(1, round(n_epochs * (2 ** (k + 1) - 1) / (2**N_CYCLES - 1))) for k in range(N_CYCLES)]


def _stretches(n: int, n_parts: int) -> list[slice]:
    """Return n things in at most ``n_parts`` stretches of about equal length."""
    n_parts = min(n, n_parts)
    return [slice(k * n // n_parts, (k + 1) * n // n_parts) for k in range(n_parts)]


def _mean_best(scores: Sequence[Sequence[float]]) -> float:
    """Return the mean of the best scores of the members that have scores, minus infinity without any."""
    best = [max(curve) for curve in scores if np.isfinite(curve[:1]).any()]
    return float(np.mean(best)) if best else -math.inf


def _trimmed(rows: Rows, n_rows: int) -> Rows:
    """Leave out the last rows of a fold that is a little larger than the others: equal folds train side by side."""
    return rows[:n_rows] if len(rows) - n_rows <= max(1, n_rows // 100) else rows
