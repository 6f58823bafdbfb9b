"""Runs side by side are the runs that they would be alone, however they differ and whenever they end."""

from __future__ import annotations

import numpy as np
import pytest
from problems import network_of, targets
from scipy import sparse

from mlp_estimator.engine.batches import Data
from mlp_estimator.engine.losses import LOSSES
from mlp_estimator.engine.monitor import Monitor
from mlp_estimator.engine.optimizers import OPTIMIZERS
from mlp_estimator.engine.population import bytes_of, populations
from mlp_estimator.engine.runs import Run, Training
from mlp_estimator.engine.solvers import SOLVERS, interrupt

N_ROWS = 30
DIFFERENT = [
    {},
    {"learning_rate_init": 0.03, "alpha": 0.0},
    {"beta_1": 0.5, "momentum": 0.3, "learning_rate": "cosine"},
    {"beta_2": 0.9, "epsilon": 1e-3, "max_iter": 7},
    {"weight_decay": 0.1, "power_t": 0.1, "learning_rate": "invscaling", "alpha": 1.0},
    {"max_grad_norm": 0.5, "tol": 0.05, "n_iter_no_change": 2},
]


def runs(differences, *, loss="softmax_cross_entropy", dtype=np.float64, form=np.asarray, dropout=0.0, **common):
    """One run for each dict of differences, each from another start and on other rows unless they are shared."""
    found = []
    for m, options in enumerate(differences):
        options = {
            "learning_rate_init": 0.01, "momentum": 0.9, "nesterovs_momentum": True, "beta_1": 0.9, "beta_2": 0.999,
            "epsilon": 1e-8, "batch_size": 8, "max_iter": 12, "shuffle": True, "learning_rate": "constant",
            "power_t": 0.5, "max_grad_norm": 10.0, "weight_decay": 0.0, "tol": 0.0, "n_iter_no_change": 100,
            "alpha": 0.3, "dropout": dropout, "weighted": False, **common, **options,
        }  # fmt: skip
        rng = np.random.default_rng(m)
        X = form(rng.normal(size=(N_ROWS, 4)).astype(dtype))
        function = LOSSES[loss]()
        rates = (options["dropout"],) * 2 if options["dropout"] else ()
        sizes = (4, 6, 5, 3 * function.n_outputs)
        network = network_of("relu", sizes, dropout=rates, sparse=sparse.issparse(X))
        Y = targets(function, N_ROWS, 3, rng)
        weight = rng.uniform(0.1, 2, N_ROWS).astype(dtype) if options["weighted"] else None
        training = Training(np.random.RandomState(m), noise=[np.random.default_rng(m)] if rates else None)
        theta = (0.5 * rng.normal(size=(1, network.layout.size))).astype(dtype)
        data = Data(X, Y if function.codes else Y.astype(dtype), weight)
        monitor = Monitor(tol=options["tol"], n_iter_no_change=options["n_iter_no_change"])
        found.append(
            Run(network, function, data, theta, options["alpha"], options["batch_size"], options, monitor, training)
        )
    return found


def size_of(run):
    return bytes_of(run.network, run.batch_size, run.theta.itemsize)


def same(together, alone, **tolerance):
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a.theta, b.theta, **tolerance)
        np.testing.assert_allclose(a.monitor.loss_curve, b.monitor.loss_curve, **tolerance)
        assert a.outcome == b.outcome
        assert a.state.progress == b.state.progress
        for name in a.state.optimizer.memory:
            np.testing.assert_allclose(
                getattr(a.state.optimizer, name), getattr(b.state.optimizer, name), atol=1e-6, **tolerance
            )


def compare(solver, differences, rtol=1e-9, **options):
    together, alone = (runs(differences, **options) for _ in range(2))
    SOLVERS[solver].run(together)
    for run in alone:
        SOLVERS[solver].run([run])
    same(together, alone, rtol=rtol)
    return together


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [8, N_ROWS])
@pytest.mark.parametrize("loss", LOSSES)
def test_members_may_differ_in_every_number(solver, batch_size, loss):
    together = compare(solver, DIFFERENT, batch_size=batch_size, loss=loss)
    assert len({run.monitor.n_iter for run in together}) > 1  # some have left before the others


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("options", [
    {"dtype": np.float32, "rtol": 2e-3}, {"form": sparse.csr_array}, {"form": np.asfortranarray}, {"weighted": True},
], ids=["float32", "sparse", "fortran", "weighted"])  # fmt: skip
def test_of_every_form_of_data(solver, options):
    together = compare(solver, DIFFERENT, **options)
    assert all(run.theta.dtype == options.get("dtype", np.float64) for run in together)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_members_may_differ_in_dropout(dtype):
    compare(
        "adam", [{"dropout": rate} for rate in (0.1, 0.5, 0.2)], dtype=dtype, rtol=1e-9 if dtype is np.float64 else 2e-3
    )


@pytest.mark.parametrize("batch_size", [8, N_ROWS])
def test_runs_of_one_stream_draw_the_same_numbers(batch_size):
    # Candidates with one random_state and one training set share one generator.
    together, alone = ([], [])
    for found in (together, alone):
        found += runs(DIFFERENT, batch_size=batch_size)
        for run in found:
            run.data, run.state.rng = found[0].data, np.random.RandomState(5)
    for run in together:
        run.stream = "one"
    SOLVERS["adam"].run(together)
    for run in alone:
        SOLVERS["adam"].run([run])
    same(together, alone, rtol=1e-9)


def test_a_member_that_diverges_does_not_affect_the_others():
    with np.errstate(all="ignore"):
        together = runs([{}, {"learning_rate_init": 1e300}, {"alpha": 1.0}])
        SOLVERS["sgd"].run(together)
    assert isinstance(together[1].error, ValueError)
    alone = runs([{}, {"learning_rate_init": 1e300}, {"alpha": 1.0}])[::2]
    for run in alone:
        SOLVERS["sgd"].run([run])
    same(together[::2], alone, rtol=1e-9)


def test_an_interrupt_ends_all_members_at_one_update():
    together = runs(DIFFERENT)
    note, calls = together[1].monitor.note, []

    def interrupted(loss, theta):
        calls.append(loss)
        if len(calls) == 3:
            raise KeyboardInterrupt
        note(loss, theta)

    together[1].monitor.note = interrupted
    with pytest.raises(KeyboardInterrupt):
        SOLVERS["adam"].run(together)
    interrupt(together)
    assert {run.outcome.status for run in together} == {"interrupted"}
    reference = runs(DIFFERENT, max_iter=3)
    for run in reference:
        run.options = {**run.options, "max_iter": 3}
        SOLVERS["adam"].run([run])
    for a, b in zip(together, reference, strict=True):
        if b.options["learning_rate"] != "cosine":
            np.testing.assert_allclose(a.theta, b.theta, rtol=1e-9)


def test_populations_are_of_one_kind_and_fit_the_cache():
    mixed = [
        *runs(DIFFERENT),
        *runs([{}] * 3, dtype=np.float32),
        *runs([{}] * 3, loss="squared_error"),
        *runs([{}] * 3, batch_size=N_ROWS),
        *runs([{"dropout": 0.1}, {"dropout": 0.2}]),
    ]
    for run in mixed[:4]:
        run.stream = "one"
    size = size_of(mixed[0])
    for most in (1, 2, 3, 100):
        found = list(populations(mixed, cache=most * size))
        assert sorted(map(id, (run for part in found for run in part))) == sorted(map(id, mixed))
        for part in found:
            assert len({run.kind for run in part}) == 1
            assert len(part) <= most or len(part) * size_of(part[0]) <= most * size
        if most >= 4:
            assert any(set(map(id, mixed[:4])) <= set(map(id, part)) for part in found)
    assert len(list(populations(mixed, cache=100 * size))) == 5


def test_a_run_is_alone_where_a_minibatch_may_weigh_nothing():
    weighted = runs([{}] * 3, weighted=True)
    weighted[1].data.weight[:20] = 0.0
    assert sorted(len(part) for part in populations(weighted)) == [1, 2]
    whole = runs([{}] * 3, weighted=True, batch_size=N_ROWS)
    whole[1].data.weight[:20] = 0.0
    assert [len(part) for part in populations(whole)] == [3]
