"""Whole runs: from an objective and starting parameters to better ones.

A solver says which of the estimator's parameters it ``reads``, whether it can continue (``incremental``) and in which
``dtype`` it works. It reports every epoch or iteration to the monitors of its runs, and on a keyboard interrupt
leaves the parameters of the last completed update.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from .layout import Array, for_members
from .least_squares import LevenbergMarquardt
from .monitor import CONVERGED, INTERRUPTED, Monitor, Outcome
from .objective import Objective
from .optimizers import OPTIMIZERS, Update, joined, part
from .runs import OneByOne, Run, objective_of
from .schedules import SCHEDULES, Progress, Schedule, of_fraction

SMALLEST_RATE = 1e-6  # at or below it a plateau stops a run whose schedule lowers the rate on plateaus


class Solver(Protocol):
    """One way to minimise an objective."""

    reads: tuple[str, ...]
    incremental: bool
    needs: str  # what a loss must offer, or ""
    dtype: Any  # a NumPy type, or None for the data's

    def run(self, runs: Sequence[Run]) -> None:
        """Carry out runs of one kind, until each is over."""
        ...


class Minibatch:
    """Epochs of shuffled minibatches, one optimizer step for each, for all members at once."""

    incremental = True
    needs = ""
    dtype: Any = None

    def __init__(self, optimizer: type[Any]):
        self.optimizer = optimizer
        self.reads = (
            *optimizer.reads,
            *Update.reads,
            *("batch_size", "max_iter", "shuffle", "learning_rate", "power_t", "dropout"),
        )

    def run(self, runs: Sequence[Run]) -> None:
        orders = [run.data.order for run in runs]
        streams: dict[Hashable, np.random.RandomState] = {}
        for run in runs:
            run.attempt(self._ready_optimizer)
            if run.stream is not None:  # one generator for all of them, and not that of another population
                if run.stream not in streams:
                    streams[run.stream] = copy.deepcopy(run.training.rng)
                run.training.rng = streams[run.stream]
        while going := [m for m, run in enumerate(runs) if not run.over]:
            runs, orders = [runs[m] for m in going], [orders[m] for m in going]
            self.train(objective_of(runs), runs, orders)
            for run in runs if len(runs) > 1 else ():
                run.theta = run.theta.copy()  # memory of its own, while the others go on in that of another objective

    def train(self, objective: Objective, runs: Sequence[Run], orders: list[np.ndarray]) -> None:
        """Epochs until a run is over; ``orders`` are those of the rows of each."""
        optimizers: list[Any] = [run.training.optimizer for run in runs]
        whole = joined(optimizers)
        limits = {name: for_members([run.options[name] for run in runs]) for name in Update.reads}
        update = Update(whole, objective.theta, objective.network.layout.n_decayed, limits)
        try:
            while not any(run.over for run in runs):
                for run in runs:
                    run.monitor.begin()
                if runs[0].options["shuffle"]:
                    self._shuffle(runs, orders)
                whole.learning_rate = for_members([optimizer.learning_rate for optimizer in optimizers])
                losses = self._epoch(objective, update, orders, runs)
                for run, loss in zip(runs, losses.tolist(), strict=True):
                    run.attempt(self._note, loss, objective.n_rows)
                for run in runs:
                    run.attempt(self._judge)
        except KeyboardInterrupt:
            for m, run in enumerate(runs):
                if np.isnan(run.monitor.loss):  # before the first update
                    run.monitor.loss = float(objective.value()[m])
                run.outcome = run.outcome or INTERRUPTED
        finally:
            part(whole, optimizers)

    def _ready_optimizer(self, run: Run) -> None:
        """The optimizer that goes on, at the rate that the options now ask for, or a new one."""
        at, optimizer = run.training.progress, run.training.optimizer
        if not isinstance(optimizer, self.optimizer):
            options = {name: run.options[name] for name in self.optimizer.reads}
            at, optimizer = Progress(), self.optimizer(run.theta, **options)
        optimizer.learning_rate = _rate(_schedule(optimizer, run.options), at, run.options)
        run.training.optimizer = optimizer

    @staticmethod
    def _shuffle(runs: Sequence[Run], orders: list[np.ndarray]) -> None:
        """Put the rows of each run in a new order; runs of one stream share it.

        A batch of all rows has no order. To draw one takes a tenth of an epoch of 150 rows: it waits until somebody
        goes on with the generator.
        """
        drawn: dict[Hashable, np.ndarray] = {}
        for m, run in enumerate(runs):
            if run.training.own and run.batch_size == len(run.data):
                run.training.undrawn.append(run.batch_size)
                continue
            stream = run.stream or m
            if stream not in drawn:
                drawn[stream] = orders[m][run.training.rng.permutation(len(orders[m]))]
            orders[m] = drawn[stream]

    @staticmethod
    def _epoch(objective: Objective, update: Update, orders: list[np.ndarray], runs: Sequence[Run]) -> np.ndarray:
        """One pass over the rows in their order; the mean (M,) of the batch losses on the way."""
        order = orders[0] if len(objective.data) == 1 else np.stack(orders)
        n, batch_size, total, n_done = objective.n_rows, runs[0].batch_size, np.zeros(len(runs)), 0
        try:
            for start in range(0, n, batch_size):
                # A batch of all rows needs no gathering in a new order: its sums are the same.
                rows = order[..., start : start + batch_size] if batch_size < n else None
                value = objective.value_and_grad(rows)
                if value is None:  # these rows weigh nothing
                    continue
                update(objective.grad)
                n_rows = n if rows is None else rows.shape[-1]
                total += value * n_rows
                n_done += n_rows
        except KeyboardInterrupt:
            for run, summed in zip(runs, total, strict=True):
                if run.monitor.n_iter == 0 and n_done:
                    run.monitor.loss = float(summed) / n_done
            raise
        return total / n_done

    @staticmethod
    def _note(run: Run, loss: float, n_rows: int) -> None:
        """The epoch's end for one run."""
        at = run.training.progress
        at.n_seen += n_rows
        at.n_epochs += 1
        run.monitor.note(loss, run.theta)

    @staticmethod
    def _judge(run: Run) -> None:
        """Set the next epoch's learning rate, or end the run where progress has stalled or its epochs are spent."""
        monitor, at, optimizer, options = run.monitor, run.training.progress, run.training.optimizer, run.options
        schedule = _schedule(optimizer, options)
        monitor.tell()
        stalled = stops = monitor.stalled
        verdict = "Stopping."
        if stalled and schedule.lowers_on_plateau:
            stops, verdict = bool(optimizer.learning_rate <= SMALLEST_RATE), "Learning rate too small. Stopping."
            at.n_plateaus += not stops
        optimizer.learning_rate = _rate(schedule, at, options)
        if stalled:
            monitor.say_stalled(verdict if stops else f"Setting learning rate to {optimizer.learning_rate:f}")
            monitor.n_flat = monitor.n_flat if stops else 0
        if stops or monitor.ended:
            run.outcome = monitor.ended or CONVERGED
        elif monitor.n_iter >= options["max_iter"]:
            spent = f"Stochastic Optimizer: Maximum iterations ({options['max_iter']}) reached and the optimization "
            exhausted = Outcome("exhausted", spent + "hasn't converged yet.")
            run.outcome = CONVERGED if schedule.budgeted else exhausted


def _rate(schedule: Schedule, at: Progress, options: Mapping[str, Any]) -> float:
    return options["learning_rate_init"] * schedule.factor(at, options["power_t"])


def _schedule(optimizer: Any, options: Mapping[str, Any]) -> Schedule:
    chosen = options["learning_rate"]
    if isinstance(chosen, str):
        return SCHEDULES["constant" if chosen in optimizer.keeps_rate else chosen]
    return of_fraction(chosen)


class _Evaluations:
    """The objective as scipy's methods call it: of one vector, each answer in fresh memory, because they keep it."""

    def __init__(self, objective: Objective, monitor: Monitor):
        self._objective, self._monitor = objective, monitor
        self._product = np.empty_like(objective.theta)
        self.n_calls = 0
        self._latest: tuple[Array, Array] | None = None  # a point, and the gradient there

    def value_and_grad(self, x: Array) -> tuple[float, Array]:
        self._monitor.begin()
        return self._evaluate(x)

    def _evaluate(self, x: Array) -> tuple[float, Array]:
        self.n_calls += 1
        np.copyto(self._objective.theta[0], x)
        value = self._objective.value_and_grad()
        assert value is not None
        if np.isnan(self._monitor.loss):
            self._monitor.loss = float(value[0])
            self._monitor.check_finite(self._monitor.loss)
        self._latest = x.copy(), self._objective.grad[0].copy()
        return float(value[0]), self._latest[1]

    def curvature_product(self, x: Array, v: Array) -> Array:
        np.copyto(self._objective.theta[0], x)
        self._objective.curvature_product(v[None], self._product)
        return self._product[0].copy()

    def slope_at(self, x: Array) -> float:
        """The largest component of the gradient."""
        if self._latest is None or not np.array_equal(x, self._latest[0]):
            self._evaluate(x)
        assert self._latest is not None
        return float(np.abs(self._latest[1]).max())


class Minimize(OneByOne):
    """A method of ``scipy.optimize.minimize`` on all data at once, in float64: methods pass on the type they get.

    ``limits`` says under which names the method knows ``max_iter``, ``max_fun`` and ``tol``, the largest component of
    the gradient; what it does not know is looked after here, its own rules being ``fixed`` so as not to act. Some
    methods need the products of the curvature matrix.
    """

    reads: tuple[str, ...] = ("max_iter", "max_fun", "tol")

    def __init__(self, name: str, method: str, limits: Mapping[str, str], needs: str = "", **fixed: float):
        self.name, self.method, self.limits, self.needs, self.fixed = name, method, limits, needs, fixed

    def minimise(self, objective: Objective, monitor: Monitor, options: Mapping[str, Any]) -> Outcome:
        accepted = objective.theta.copy()
        evaluations = _Evaluations(objective, monitor)

        def callback(intermediate_result: OptimizeResult) -> None:
            np.copyto(accepted[0], intermediate_result.x)
            np.copyto(objective.theta, accepted)
            monitor.record(float(intermediate_result.fun), accepted)
            self._look_after(evaluations, accepted[0], monitor, options)

        try:
            result = minimize(
                evaluations.value_and_grad,
                accepted[0].copy(),
                method=self.method,
                jac=True,
                hessp=evaluations.curvature_product if self.needs else None,
                callback=callback,
                options={theirs: options[ours] for theirs, ours in self.limits.items()} | self.fixed,
            )
        except KeyboardInterrupt:
            if np.isnan(monitor.loss):  # before the first evaluation
                monitor.loss = evaluations.value_and_grad(accepted[0])[0]
            return INTERRUPTED
        else:
            np.copyto(accepted[0], result.x)
            monitor.loss = float(result.fun)
            monitor.best_loss = min(monitor.best_loss, monitor.loss)
            monitor.check_finite(result.fun)
        finally:
            np.copyto(objective.theta, accepted)
        if monitor.ended or result.success:
            return monitor.ended or CONVERGED
        message = (
            f"{self.name} failed to converge after {monitor.n_iter} iteration(s) "
            f"(status={result.status}):\n{result.message}\n"
        )
        if monitor.n_iter >= options["max_iter"]:
            message += (
                f"\nIncrease the number of iterations to improve the convergence (max_iter={options['max_iter']})."
            )
        return Outcome("exhausted", message + "\nScaling the data often helps as well.")

    def _look_after(self, evaluations: _Evaluations, x: Array, monitor: Monitor, options: Mapping[str, Any]) -> None:
        """Stop the method where the monitor says so, or a limit of which it does not know."""
        if monitor.gives_up():
            monitor.ended = monitor.ended or CONVERGED
        theirs = self.limits.values()
        if "tol" not in theirs and evaluations.slope_at(x) <= options["tol"]:
            monitor.ended = monitor.ended or CONVERGED
        if "max_fun" not in theirs and evaluations.n_calls >= options["max_fun"]:
            monitor.ended = monitor.ended or Outcome(
                "exhausted", f"{self.name} failed to converge within max_fun={options['max_fun']} evaluations."
            )
        if monitor.ended:
            raise StopIteration


SOLVERS: dict[str, Solver] = {
    **{name: Minibatch(optimizer) for name, optimizer in OPTIMIZERS.items()},
    "lbfgs": Minimize("lbfgs", "L-BFGS-B", {"maxiter": "max_iter", "maxfun": "max_fun", "gtol": "tol"}),
    "cg": Minimize("cg", "CG", {"maxiter": "max_iter", "gtol": "tol"}),
    "newton-cg": Minimize("newton-cg", "Newton-CG", {"maxiter": "max_iter"}, needs="curvature", xtol=0.0),
    "lm": LevenbergMarquardt(),
    "trust-krylov": Minimize("trust-krylov", "trust-krylov", {"maxiter": "max_iter"}, needs="curvature", gtol=0.0),
}
