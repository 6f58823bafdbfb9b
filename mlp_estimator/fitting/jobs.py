"""Jobs: settings and data in, fitted states out. Jobs of one kind train side by side.

One network is one job. An ensemble is a job per member, a search a job per candidate and fold.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Protocol

import numpy as np
from sklearn.utils import check_random_state

from ..engine.batches import Data
from ..engine.members import Array
from ..engine.monitor import PAUSED, Monitor, Observer
from ..engine.network import Network
from ..engine.population import bytes_of, populations
from ..engine.runs import Paused, Run, RunState
from ..engine.schedules import Progress
from ..engine.solvers import SOLVERS, Solver, interrupt
from .data import FitData, HeldOut
from .fitted import Arrays, Fitted, arrays_by_name
from .held_out import scores_of, split
from .settings import Settings
from .state import FitState
from .threads import limited_threads


@dataclass(eq=False)
class Job:
    """One network to train.

    ``fitted`` returns what predicts with parameters of the network, for scorers and callbacks. ``seed`` is an int, or a
    generator that the caller shares. ``start`` continues an earlier fit, or a run that paused after ``until`` epochs.
    ``rows`` and ``held_out`` are set together, or early stopping chooses them. ``tolerance`` is that of ``Kept``.
    """

    settings: Settings
    data: FitData
    network: Network
    fitted: Callable[[Arrays], Fitted]
    seed: Any
    start: FitState | None = None
    partial: bool = False  # one more epoch of an incremental fit
    member: bool = False  # of an ensemble, whose seeds are kept
    rows: Data | None = None
    held_out: HeldOut | None = None
    until: float = math.inf
    tolerance: float = 0.0

    @property
    def n_bytes(self) -> int:
        """Estimate of the memory of the job in training."""
        n_rows = (self.rows or self.data.rows).n_rows
        batch_size = self.settings.options_for(n_rows)[0].get("batch_size", n_rows)
        return bytes_of(self.network, batch_size, self.data.dtype.itemsize)


class FitObserver(Observer, Protocol):
    """An observer of a whole fit, which may look at its runs and ask for the fitted network of the moment."""

    def follow(self, monitors: Sequence[Monitor], snapshot: Callable[[], Fitted]) -> None:
        """Take the records of the runs, and the function that returns the network."""


_interrupts_are_raised: ContextVar[bool] = ContextVar("interrupts_are_raised", default=False)


@contextmanager
def raised_interrupts() -> Iterator[None]:
    """Raise keyboard interrupts also of fits that would keep what they have reached, such as those of a search."""
    token = _interrupts_are_raised.set(True)
    try:
        yield
    finally:
        _interrupts_are_raised.reset(token)


def interrupts_are_raised() -> bool:
    """Tell whether a fit must not keep what it has reached."""
    return _interrupts_are_raised.get()


def fit_jobs(
    jobs: Sequence[Job], observer: FitObserver | None = None, *, keep_interrupted: bool = False
) -> list[FitState | Exception]:
    """Train the jobs, side by side where they are of one kind; the result of a job that fails is its exception.

    A keyboard interrupt ends all jobs. With ``keep_interrupted`` their results are the parameters of the last update,
    or the first ones of jobs that have not begun; without it the interrupt is raised.
    """
    prepared = _prepare(jobs)
    runs: list[Run] = []
    solvers: dict[str, list[Run]] = {}
    for k, (job, result) in enumerate(zip(jobs, prepared, strict=True)):
        if isinstance(result, Run):
            runs.append(result)
            solvers.setdefault(job.settings.solver_name, []).append(result)
            result.monitor.observer = observer
            result.monitor.name = f"Network {k + 1}: " if len(prepared) > 1 else ""
    if observer is not None:
        observer.follow([run.monitor for run in runs], lambda: _snapshot(runs, jobs[0]))
    try:
        for name, of_solver in solvers.items():
            _train(SOLVERS[name], of_solver)
    except KeyboardInterrupt:
        if not keep_interrupted or interrupts_are_raised():
            raise
        interrupt(runs)
    return [_result(job, run) if isinstance(run, Run) else run for job, run in zip(jobs, prepared, strict=True)]


def _prepare(jobs: Sequence[Job]) -> list[Run | Exception]:
    """Return the run of each job; those that draw the same numbers have one beginning."""
    prepared: list[Run | Exception] = []
    beginnings: dict[Hashable, _Beginning] = {}
    keys = [random_key(job) for job in jobs]
    n_alike = Counter(keys)
    for job, key in zip(jobs, keys, strict=True):
        try:
            begun = beginnings.get(key) or _begin(job)
            if n_alike[key] > 1:
                beginnings[key] = begun
                begun = begun.fork()
            prepared.append(_run(job, begun, key if key in beginnings else None))
        except Exception as error:
            prepared.append(error)
    return prepared


def completed(results: Iterable[FitState | Exception]) -> list[FitState]:
    """Return the states, or raise the first exception."""
    states = []
    for result in results:
        if isinstance(result, Exception):
            raise result
        states.append(result)
    return states


@dataclass
class _Beginning:
    """The random choices of a run: initial parameters, generators and the early-stopping split."""

    theta: Array  # (1, P)
    state: RunState
    rows: Data
    held_out: HeldOut | None
    paused: Paused | None = None

    def fork(self) -> _Beginning:
        """Return the same beginning for another run."""
        return replace(self, theta=self.theta.copy(), state=self.state.fork())


def random_key(job: Job) -> Hashable:
    """Equal for jobs that draw the same numbers: those with equal integer seeds, layers and rows."""
    if not isinstance(job.seed, Integral) or job.start is not None:
        return id(job)
    s = job.settings
    network = (s.hidden, s.activations, s.output_bound, job.network.noisy, job.network.kind)
    return (id(job.data), id(job.rows), int(job.seed), network, s.early_stopping, s.validation_fraction)


def _begin(job: Job) -> _Beginning:
    """Draw initial parameters, the generator of dropout and the split, in scikit-learn's order."""
    if job.start is not None and job.start.paused is not None:
        paused = copy.deepcopy(job.start.paused)  # a run changes its arrays in place
        return _Beginning(paused.theta, paused.state, job.rows or job.data.rows, job.held_out, paused)
    state = _run_state(job)
    if job.start is not None:
        theta = job.start.theta
    else:
        theta = np.empty((1, job.network.layout.size), job.data.dtype)
        job.network.init(theta, [state.rng])
    if job.network.noisy and state.noise is None:
        state.noise = [np.random.default_rng(state.rng.randint(2**31))]
    rows, held_out = job.rows or job.data.rows, job.held_out
    if job.settings.early_stopping and held_out is None:
        held_out = job.data.held_out
        if held_out is None:
            rows, held_out = split(job.data, job.settings.validation_fraction, state.rng)
    return _Beginning(theta, state, rows, held_out)


def _run_state(job: Job) -> RunState:
    """Return the generator, progress and optimizer to start with."""
    before = job.start.run_state if job.start is not None and job.partial else None
    if before is None:
        n_seen = 0 if job.start is None else job.start.n_seen
        return RunState(check_random_state(job.seed), Progress(n_seen), in_progress=job.partial)
    state = copy.deepcopy(before)  # a failed call leaves the state that it continued from
    if isinstance(job.seed, Integral):
        state.draw_pending()
    else:
        state.rng = check_random_state(job.seed)  # others see the generator, and may have drawn from it
    if not before.in_progress:  # before was a fit, whose schedule is over
        state.progress.n_epochs = 0
    state.in_progress = job.partial
    return state


def _run(job: Job, begun: _Beginning, stream: Hashable) -> Run:
    """Return the run of a job."""
    settings, data = job.settings, job.data
    options, _ = settings.options_for(begun.rows.n_rows)
    if job.partial:
        options["max_iter"] = 1
    monitor = Monitor(
        tol=settings.tol,
        n_iter_no_change=settings.n_iter_no_change,
        verbose=settings.verbose,
        max_time=settings.max_time,
        tolerance=job.tolerance,
    )
    start, paused = job.start, begun.paused
    if paused is not None:
        monitor = paused.monitor
        for kept in monitor.kept:
            kept.begin_cycle()
    elif start is not None:
        if start.best_loss is not None and (start.loss is None or type(start.loss) is type(data.targets.loss)):
            monitor.best_loss = start.best_loss
        monitor.n_flat = start.n_flat if job.partial else 0
    if begun.held_out is not None:
        monitor.validate = scores_of(begun.held_out, settings.scoring, data, job.network, job.fitted)
        if start is not None and paused is None:  # the baseline is the start, scored on the current validation set
            monitor.keep(monitor.validate(begun.theta), begun.theta)
    begun.state.progress.n_planned = settings.max_iter
    theta = begun.theta.astype(settings.solver.dtype or data.dtype, copy=False)
    alpha = 0.0 if settings.alpha == "auto" else settings.alpha  # the solver estimates it
    if paused is not None:
        averaged, order = paused.averaged, paused.order
    else:
        averaged, order = begun.theta.copy() if settings.averaged else None, None
    return Run(
        network=job.network,
        loss=data.targets.loss,
        data=begun.rows,
        theta=theta,
        alpha=alpha,
        batch_size=options.get("batch_size", begun.rows.n_rows),
        options=options,
        monitor=monitor,
        state=begun.state,
        stream=stream,
        n_passes=settings.n_passes,
        schedule=settings.schedule,
        averaged=averaged,
        until=job.until,
        order=order,
    )


def _train(solver: Solver, runs: Sequence[Run]) -> None:
    """Train runs in populations; those that take turns share ``max_time``."""
    for population in populations(runs):
        side_by_side = len(population) if solver.incremental else 1
        for run in population:
            run.monitor.time_share = side_by_side / len(runs)
        first = population[0]
        quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # monitors check the losses
        with quiet, limited_threads(first.network, min(first.batch_size, first.data.n_rows)):
            solver.run(population)


def _snapshot(runs: Sequence[Run], job: Job) -> Fitted:
    """Return what predicts with the parameters of this moment, in a copy."""
    theta = np.concatenate([run.theta for run in runs]).astype(job.data.dtype, copy=False)
    return job.fitted(arrays_by_name(job.network, theta))


def _result(job: Job, run: Run) -> FitState | Exception:
    """Return the state that a run leaves, or its error."""
    monitor, state, start = run.monitor, run.state, job.start
    if run.error is not None:
        return run.error
    assert run.outcome is not None
    monitor.close()
    last = run.theta if run.averaged is None else run.averaged
    theta = last if monitor.best_theta is None else monitor.best_theta
    try:
        monitor.check_finite(float(np.abs(theta).max()))
    except ValueError as error:
        return error
    if monitor.diverged:
        state.optimizer = None  # its memory is not finite
    if not isinstance(job.seed, Integral):
        state.draw_pending()  # others see the generator
    validated = monitor.validate is not None
    before = FitState(job.network, None, theta)
    if start is not None and start.paused is None:  # otherwise the monitor has the curves of the whole run
        before = start
    return FitState(
        network=job.network,
        loss=run.loss,
        theta=theta.astype(job.data.dtype, copy=False),
        run_state=state,
        n_seen=state.progress.n_seen,
        loss_curve=[*before.loss_curve, *monitor.loss_curve],
        validation_scores=[*(before.validation_scores or []), *monitor.validation_scores] if validated else None,
        last_loss=monitor.loss,
        best_loss=None if validated else monitor.best_loss,
        best_score=monitor.best_score if validated else None,
        n_iter=monitor.n_iter,
        n_flat=monitor.n_flat,
        outcome=monitor.ended or run.outcome,
        warning=job.settings.options_for(run.data.n_rows)[1],
        seed=int(job.seed) if job.member else None,
        of_parts=[kept.theta for kept in monitor.kept[1:]],
        paused=run.paused() if run.outcome is PAUSED else None,
    )
