"""Epochs of shuffled minibatches, one optimizer step for each, for all members at once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..batches import Order, shuffle
from ..members import for_members, options_for_members
from ..monitor import CONVERGED, PAUSED, Outcome
from ..objective import Objective
from ..optimizers import Optimizer
from ..runs import Run, objective_of, unfinished
from ..schedules import Progress, rate, schedule_of
from ..updates import Update
from .base import Solver

MIN_RATE = 1e-6  # at or below it a plateau stops a run whose schedule lowers the rate on plateaus


class Minibatch(Solver):
    """Training in minibatches with one optimizer."""

    incremental = True

    def __init__(self, optimizer: type[Optimizer]):
        self.optimizer = optimizer
        self.reads = (
            "learning_rate_init",
            *optimizer.reads,
            *Update.reads,
            *("batch_size", "max_iter", "shuffle", "learning_rate", "power_t", "dropout"),
        )

    def run(self, runs: Sequence[Run]) -> None:
        streams: dict[Hashable, tuple[np.random.RandomState, Order]] = {}
        for run in runs:
            run.attempt(self._prepare_optimizer)
            if run.order is None:
                run.order = run.data.order()
            if run.stream is not None:
                # The runs of a stream share a generator and an order, within this population only.
                if run.stream not in streams:
                    streams[run.stream] = copy.deepcopy(run.state.rng), run.order
                run.state.rng, run.order = streams[run.stream]
        while going := unfinished(runs):
            if len(going) < len(runs):
                runs = [runs[m] for m in going]
            self._train(objective_of(runs), runs)
            for run in runs if len(runs) > 1 else ():
                run.theta = run.theta.copy()  # others continue in the memory of another objective

    def _train(self, objective: Objective, runs: Sequence[Run]) -> None:
        """Train epochs until a run is finished."""
        orders = [run.order for run in runs if run.order is not None]
        optimizers = [run.state.optimizer for run in runs if run.state.optimizer is not None]
        options = [run.options for run in runs]
        averages = [run.averaged for run in runs if run.averaged is not None]
        stacked = self.optimizer.stack(optimizers)
        limits = options_for_members(options, Update.reads)
        averaged = np.concatenate(averages) if averages else None
        update = Update(stacked, objective.theta, objective.network.layout, limits, averaged)
        for m, run in enumerate(runs):
            run.averaged = None if averaged is None else averaged[m : m + 1]
        try:
            while len(unfinished(runs)) == len(runs):
                for run in runs:
                    run.monitor.begin()
                if len(optimizers) > 1:
                    stacked.learning_rate = for_members([optimizer.learning_rate for optimizer in optimizers])
                losses = self._epoch(objective, update, orders, runs)
                for run, loss in zip(runs, losses.tolist(), strict=True):
                    run.attempt(self._note, loss, objective.n_rows)
                    run.data.release()
                for run in runs:
                    run.attempt(self._end_epoch)
        finally:
            stacked.unstack(optimizers)

    def _prepare_optimizer(self, run: Run) -> None:
        """Set the learning rate that the options ask for, of the optimizer that continues or of a new one."""
        progress, optimizer = run.state.progress, run.state.optimizer
        if not isinstance(optimizer, self.optimizer):
            options = {name: run.options[name] for name in ("learning_rate_init", *self.optimizer.reads)}
            progress, optimizer = Progress(), self.optimizer(run.theta, **options)
        if run.schedule is None:
            run.schedule = schedule_of(run.options["learning_rate"], optimizer.ignores_schedules)
        optimizer.learning_rate = rate(run.schedule, progress, run.options)
        run.state.optimizer = optimizer

    @staticmethod
    def _shuffle(runs: Sequence[Run], orders: list[Order]) -> None:
        """Shuffle the rows of each run; the runs of a stream share them.

        A batch of all rows does not depend on the order. Drawing one takes a tenth of an epoch of 150 rows, so that it
        is left pending.
        """
        shuffled: set[int] = set()
        for run, order in zip(runs, orders, strict=True):
            if run.batch_size == run.data.n_rows:
                run.state.pending.append(run.batch_size)
            elif id(order) not in shuffled:
                shuffle(order, run.state.rng)
                shuffled.add(id(order))

    def _epoch(
        self, objective: Objective, update: Update, orders: list[Order], runs: Sequence[Run]
    ) -> NDArray[np.floating[Any]]:
        """Pass over the rows, once or ``n_passes`` times, or over a part; return the mean (M,) of the batch losses.

        The epoch in which the time of the first run is over ends with the step.
        """
        n, batch_size, total, n_done = objective.n_rows, runs[0].batch_size, np.zeros(len(runs)), 0
        n_passes, n_parts = runs[0].n_passes.numerator, runs[0].n_passes.denominator
        part, n_steps = runs[0].state.progress.n_epochs % n_parts, -(-n // batch_size)
        begin, end = (batch_size * (n_steps * k // n_parts) for k in (int(part), int(part) + 1))
        move = _mover(runs, objective, update, n_passes * -(-(end - begin) // batch_size))
        for _ in range(n_passes):
            if runs[0].options["shuffle"] and not part:
                self._shuffle(runs, orders)
            # A batch of all rows needs no gathering in a new order: its sums are the same.
            some = None if batch_size == n else [order[begin:end] for order in orders]
            order = None if some is None else some[0] if len(objective.data) == 1 else np.stack(some)
            for start in range(0, end - begin, batch_size):
                rows = None if order is None else order[..., start : start + batch_size]
                move()
                value = objective.value_and_grad(rows)
                if value is None:  # all weights of these rows are 0
                    continue
                update(objective.grad)
                n_rows = n if rows is None else rows.shape[-1]
                total += value * n_rows
                n_done += n_rows
                if runs[0].monitor.time_is_over:
                    return total / n_done
        return total / n_done

    @staticmethod
    def _note(run: Run, loss: float, n_rows: int) -> None:
        """Record the end of the epoch for one run."""
        progress = run.state.progress
        progress.n_seen += int(n_rows * run.n_passes)
        progress.n_epochs += 1
        run.monitor.note(loss, run.theta if run.averaged is None else run.averaged)

    @staticmethod
    def _end_epoch(run: Run) -> None:
        """Set the next epoch's learning rate, or end the run where progress has stalled or all epochs are done."""
        monitor, progress, options = run.monitor, run.state.progress, run.options
        optimizer, schedule = run.state.optimizer, run.schedule
        assert optimizer is not None
        assert schedule is not None
        monitor.notify()
        stalled = stops = monitor.stalled
        verdict = "Stopping."
        if stalled and schedule.lowers_on_plateau:
            stops, verdict = bool(optimizer.learning_rate <= MIN_RATE), "Learning rate too small. Stopping."
            progress.n_plateaus += not stops
        optimizer.learning_rate = rate(schedule, progress, options)
        if stalled:
            monitor.print_stalled(verdict if stops else f"Setting learning rate to {optimizer.learning_rate:f}")
            monitor.n_flat = monitor.n_flat if stops else 0
        if stops or monitor.ended:
            run.outcome = monitor.ended or CONVERGED
        elif monitor.n_iter >= options["max_iter"]:
            spent = f"Stochastic Optimizer: Maximum iterations ({options['max_iter']}) reached and the optimization "
            exhausted = Outcome("exhausted", spent + "hasn't converged yet.")
            run.outcome = CONVERGED if schedule.budgeted else exhausted
        elif monitor.n_iter >= run.until:
            run.outcome = PAUSED


def _mover(runs: Sequence[Run], objective: Objective, update: Update, n_steps: int) -> Callable[[], None]:
    """Return what sets learning rate, dropout and decay for the next step of an epoch.

    It does nothing unless the schedule, which the runs share, changes from step to step.
    """
    schedule, power_t = runs[0].schedule, runs[0].options["power_t"]
    if schedule is None or schedule.regularisation is None:
        return lambda: None
    regularisation, progress = schedule.regularisation, copy.copy(runs[0].state.progress)
    rates: Any = for_members([run.options["learning_rate_init"] for run in runs])

    def move() -> None:
        update.optimizer.learning_rate = rates * schedule.factor(progress, power_t)
        update.decay_factor = regularisation(progress.fraction)
        if objective.noise is not None:
            objective.noise.factor = update.decay_factor
        progress.n_epochs += 1.0 / n_steps

    return move
