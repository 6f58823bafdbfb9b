"""From data that an estimator has read to runs of the engine, and from finished runs to fitted attributes.

An estimator with ``n_members`` networks is so many runs. What belongs to one of them is an entry of its own in the
fitted attributes; with one member it is the attribute itself, as in scikit-learn.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from .engine.batches import Data, readable
from .engine.losses import Loss
from .engine.monitor import Monitor
from .engine.network import Network
from .engine.population import populations
from .engine.runs import Run, Training
from .engine.schedules import Progress
from .engine.solvers import SOLVERS, Solver
from .fitted import attributes_of, theta_of
from .parameters import dropout_rates, hidden_sizes, network_of, options_for
from .threads import limited_threads
from .validation import HeldOut, split_rows

LARGEST_SEED = np.iinfo(np.int32).max


@dataclass
class Reading:
    """Data as the engine reads them, with the loss for them."""

    X: Any
    y: np.ndarray  # as the user gave them, validated
    Y: np.ndarray
    loss: Loss
    sample_weight: np.ndarray | None
    weigh: Callable[..., Any]
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        self.X = readable(self.X)
        self.weight = self.weigh(self.Y, self.sample_weight)
        self.data = Data(self.X, self.Y, self.weight)


def one_or_all(values: Sequence[Any]) -> Any:
    """What belongs to one member as it is, what belongs to several as a list."""
    return values[0] if len(values) == 1 else list(values)


def each(value: Any, n_members: int) -> list[Any]:
    """The inverse: one entry for each member, None for each where there is nothing for so many."""
    if n_members == 1:
        return [value]
    return list(value) if isinstance(value, list) and len(value) == n_members else [None] * n_members


@dataclass
class Start:
    """Where a run begins, as far as chance decides it."""

    theta: np.ndarray  # (1, P)
    training: Training
    data: Data
    watched: HeldOut | None  # by early stopping

    def again(self) -> Start:
        """The same start for another run."""
        return replace(self, theta=self.theta.copy(), training=self.training.again(self.training.rng))


def draw(estimator: Any, read: Reading, given: HeldOut | None, resume: bool, incremental: bool) -> list[Start]:
    """The starts of the runs that a fit consists of; ``given`` is a validation set of the user's own."""
    network = _network(estimator, read)
    if resume:
        _check_sizes(estimator, network.sizes)
    trainings = _trainings(estimator, resume, incremental)
    if resume:
        thetas = [row[None] for row in theta_of(estimator, network, read.dtype)]
    else:
        thetas = [np.empty((1, network.layout.size), read.dtype) for _ in trainings]
        for theta, training in zip(thetas, trainings, strict=True):
            network.init(theta, [training.rng])
    starts = []
    for theta, training in zip(thetas, trainings, strict=True):
        if network.noisy and training.noise is None:
            training.noise = [np.random.default_rng(training.rng.randint(2**31))]
        starts.append(Start(theta, training, *_split(estimator, read, given, training.rng)))
    return starts


def runs_from(starts: Sequence[Start], estimator: Any, read: Reading, resume: bool, incremental: bool) -> list[Run]:
    """Runs that start there, by the estimator's parameters."""
    solver, network = SOLVERS[estimator.solver], _network(estimator, read)
    options = options_for(estimator, solver, len(starts[0].data))
    if incremental:
        options["max_iter"] = 1
    alpha = 0.0 if estimator.alpha == "auto" else float(estimator.alpha)  # which the solver then finds
    runs = []
    for m, start in enumerate(starts):
        monitor = _monitor(estimator, m, read.loss, resume, incremental)
        if start.watched is not None:
            monitor.validate = start.watched.score_of(estimator, network, read.loss, read.dtype)
            if resume:  # what it has to beat is where it starts from, by the score and set of now
                monitor.best_score, monitor.best_theta = monitor.validate(start.theta), start.theta.copy()
        start.training.progress.n_planned = estimator.max_iter
        theta = start.theta.astype(solver.dtype or read.dtype, copy=False)
        runs.append(Run(network, read.loss, start.data, theta, alpha, options, monitor, start.training))
    return runs


def _network(estimator: Any, read: Reading) -> Network:
    hidden = hidden_sizes(estimator.hidden_layer_sizes)
    n_outputs = len(estimator.classes_) if read.loss.codes else read.Y.shape[1] * read.loss.n_outputs
    reads_sparse = sparse.issparse(read.X) and SOLVERS[estimator.solver].needs != "residuals"
    dropout = dropout_rates(estimator.dropout, len(hidden))
    return network_of(estimator, [read.X.shape[1], *hidden, n_outputs], reads_sparse, dropout)


def _trainings(estimator: Any, resume: bool, incremental: bool) -> list[Training]:
    """Generators, progress and optimizer of each member: new ones, or those of training that goes on."""
    n_members = estimator.n_members
    before = each(getattr(estimator, "_training", None) if resume and incremental else None, n_members)
    seeds = vars(estimator).get("member_seeds_") if resume else vars(estimator).pop("member_seeds_", None)
    if n_members == 1:
        rngs = [check_random_state(estimator.random_state)]
        if before[0] is not None and isinstance(estimator.random_state, Integral):  # only that is our own
            rngs = [before[0].generator()]
    elif before[0] is not None:
        rngs = [training.generator() for training in before]
    else:
        if seeds is None or not resume or len(seeds) != n_members:
            seeds = check_random_state(estimator.random_state).randint(LARGEST_SEED, size=n_members)
        estimator.member_seeds_ = seeds
        rngs = [np.random.RandomState(seed) for seed in seeds]
    trainings = []
    for rng, old, n_seen in zip(rngs, before, each(getattr(estimator, "t_", 0), n_members), strict=True):
        if old is None:
            training = Training(rng, Progress((n_seen or 0) if resume else 0))
        else:  # in copies, so that a failed call leaves what it went on from
            training = old.again(rng)
            training.optimizer = copy.deepcopy(old.optimizer)
            if not old.under_way:  # that was a fit, whose plan is carried out
                training.progress.n_epochs = 0
        training.under_way = incremental
        training.own = n_members > 1 or isinstance(estimator.random_state, Integral)
        trainings.append(training)
    return trainings


def _check_sizes(estimator: Any, sizes: Sequence[int]) -> None:
    fitted, asked = (estimator._n_fitted(), *estimator._fitted_sizes()), (estimator.n_members, *sizes)
    if fitted[1:] != asked[1:]:
        raise ValueError(
            f"The fitted network has layer sizes {list(fitted[1:])}, but the data and hidden_layer_sizes now ask for "
            f"{list(sizes)}. Training can go on with the same sizes only: set warm_start=False to start afresh."
        )
    if fitted[0] != asked[0]:
        raise ValueError(
            f"The fitted ensemble has {fitted[0]} member(s), but n_members={asked[0]}. Training can go on with the "
            "same members only: set warm_start=False to start afresh."
        )


def _split(estimator: Any, read: Reading, given: HeldOut | None, rng: Any) -> tuple[Data, HeldOut | None]:
    """The rows to train on, and those that early stopping watches."""
    if not estimator.early_stopping or given is not None:
        return read.data, given
    strata = estimator._strata(read.Y)
    rows, others = split_rows(len(read.Y), estimator.validation_fraction, strata, read.weight, rng)
    watched = Data(read.X, read.Y, read.weight, others)
    return Data(read.X, read.Y, read.weight, rows), HeldOut(watched, read.y, read.sample_weight)


def _monitor(estimator: Any, m: int, loss: Loss, resume: bool, incremental: bool) -> Monitor:
    monitor = Monitor(
        tol=float(estimator.tol),
        n_iter_no_change=estimator.n_iter_no_change,
        verbose=bool(estimator.verbose),
        max_time=np.inf if estimator.max_time is None else float(estimator.max_time),
    )
    if resume:
        best_loss, n_flat = (
            each(getattr(estimator, name, None), estimator.n_members)[m]
            for name in ("best_loss_", "_no_improvement_count")
        )
        if best_loss is not None and type(getattr(estimator, "_loss", loss)) is type(loss):
            monitor.best_loss = best_loss
        monitor.n_flat = (n_flat or 0) if incremental else 0
    return monitor


def train(solver: Solver, runs: Sequence[Run]) -> None:
    """Carry out the runs, as many side by side as is worth it; those that take turns share ``max_time``."""
    for population in populations(runs):
        at_a_time = len(population) if solver.incremental else 1
        for run in population:
            run.monitor.max_time *= at_a_time / len(runs)
        first = population[0]
        quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # monitors look at the losses
        with quiet, limited_threads(first.network, min(first.batch_size, len(first.data))):
            solver.run(population)


def keep(estimator: Any, runs: Sequence[Run], dtype: Any, resume: bool) -> None:
    """Set the fitted attributes, all at once at the end.

    Raises
    ------
    Exception
        What a run has failed with.
    """
    monitors = [run.monitor for run in runs]
    for run in runs:
        if run.error is not None:
            raise run.error
        run.monitor.close()
    best = [run.theta if run.monitor.best_theta is None else run.monitor.best_theta for run in runs]
    for monitor, theta in zip(monitors, best, strict=True):
        monitor.check_finite(float(np.abs(theta).max()))
    theta = best[0] if len(best) == 1 else np.concatenate(best)
    vars(estimator).update(attributes_of(runs[0].network, theta.astype(dtype, copy=False), runs[0].loss))
    estimator.n_iter_ = max(monitor.n_iter for monitor in monitors)
    estimator.t_ = one_or_all([run.training.progress.n_seen for run in runs])
    estimator.loss_ = one_or_all([monitor.loss for monitor in monitors])
    validated = monitors[0].validate is not None
    estimator.best_loss_ = None if validated else one_or_all([monitor.best_loss for monitor in monitors])
    estimator.best_validation_score_ = one_or_all([monitor.best_score for monitor in monitors]) if validated else None
    for name, curves, wanted in (
        ("loss_curve_", [monitor.loss_curve for monitor in monitors], True),
        ("validation_scores_", [monitor.validation_scores for monitor in monitors], validated),
    ):
        before = each(getattr(estimator, name, None) if resume else None, len(runs))
        whole = [[*(old or []), *new] for old, new in zip(before, curves, strict=True)]
        setattr(estimator, name, one_or_all(whole) if wanted else None)
    estimator._no_improvement_count = one_or_all([monitor.n_flat for monitor in monitors])
    for run in runs:
        if run.monitor.diverged:
            run.training.optimizer = None  # its memory is not finite
    estimator._training = one_or_all([run.training for run in runs])
    _keep_found(estimator, runs)


def at_this_moment(runs: Sequence[Run], dtype: Any) -> dict[str, Any]:
    """Attributes that predict with the parameters of this moment, in a copy."""
    theta = np.concatenate([run.theta for run in runs]).astype(dtype, copy=False)
    return attributes_of(runs[0].network, theta, runs[0].loss)


FOUND = ("alpha_", "n_effective_params_", "noise_variance_", "_posterior")


def _keep_found(estimator: Any, runs: Sequence[Run]) -> None:
    """Keep what the solver found besides weights, and forget what an earlier one did."""
    for name in FOUND:
        vars(estimator).pop(name, None)
    found = [run.outcome.found for run in runs if run.outcome is not None]
    vars(estimator).update(
        {name: one_or_all([one[name] for one in found]) for name in FOUND if all(name in one for one in found)}
    )


def warn(runs: Sequence[Run], incremental: bool = False, stacklevel: int = 6) -> None:
    """Say what there is to say of how runs ended, once for members that ended alike."""
    outcomes = [run.monitor.ended or run.outcome for run in runs]
    for status, message in dict.fromkeys((o.status, o.message) for o in outcomes if o is not None):
        if message and not (incremental and status == "exhausted"):
            category = ConvergenceWarning if status == "exhausted" else UserWarning
            warnings.warn(message, category, stacklevel=stacklevel)
