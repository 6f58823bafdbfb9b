"""Every activation and loss passes the checks for user-defined ones, and a mistake is named."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from samples import X_DIAB, Y_DIAB

from mlp_estimator import Activation, Loss, MLPRegressor, check_activation, check_loss
from mlp_estimator.engine.activations import ACTIVATIONS
from mlp_estimator.engine.losses import LOSSES, REGRESSION

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
each = pytest.mark.parametrize("name", ACTIVATIONS)


@each
def test_activations_pass_the_check_for_user_defined_ones(name):
    check_activation(ACTIVATIONS[name])


def half(z, out):
    np.multiply(z, 0.5, out=out)


BROKEN = {
    "slope at z = ": Activation(half, lambda a, out, work: out.fill(1.0)),
    "not finite": Activation(np.exp, lambda a, out, work: np.copyto(out, a)),
    "changes the array": Activation(half, lambda a, out, work: (out.fill(0.5), a.fill(0.0))),
}


@pytest.mark.parametrize("message", BROKEN)
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_failed_check_is_named(message):
    with pytest.raises(ValueError, match=message):
        check_activation(BROKEN[message])


def softsign(z, out):
    np.abs(z, out=out)
    np.add(out, 1.0, out=out)
    np.divide(z, out, out=out)


def softsign_slope(z, out, work):
    np.abs(z, out=out)
    np.add(out, 1.0, out=out)
    np.power(out, -2.0, out=out)


@ignore_convergence
def test_a_user_defined_activation():
    own = Activation(softsign, softsign_slope, saves="input")
    model = pickle.loads(pickle.dumps(MLPRegressor((20,), own, solver="lbfgs", random_state=0).fit(X_DIAB, Y_DIAB)))
    z = X_DIAB @ model.coefs_[0] + model.intercepts_[0]
    np.testing.assert_allclose(model.hidden_activations(X_DIAB), z / (1 + np.abs(z)), atol=1e-12)
    assert model.score(X_DIAB, Y_DIAB) > 0.5


class LogCosh(Loss):
    """log cosh(raw - y), summed over outputs."""

    def value_and_grad(self, y, raw, weight, d_raw, work):
        r = raw - y
        np.tanh(r, out=d_raw)
        terms = np.logaddexp(r, -r) - np.log(2)
        if weight is not None:
            terms, d_raw[:] = terms * weight, d_raw * weight
        return terms.sum(axis=(1, 2))

    def curvature(self, y, raw, weight, t):
        t *= (1 - np.tanh(raw - y) ** 2) * (1 if weight is None else weight)


class Wrong(LogCosh):
    def curvature(self, y, raw, weight, t):
        t *= 0.5


@ignore_convergence
def test_a_user_defined_loss():
    check_loss(LogCosh())
    with pytest.raises(ValueError, match=r"curvature of .*Wrong"):
        check_loss(Wrong())
    model = MLPRegressor((10,), loss=LogCosh(), solver="lbfgs", random_state=0).fit(X_DIAB, Y_DIAB)
    assert pickle.loads(pickle.dumps(model)).score(X_DIAB, Y_DIAB) > 0.5


@ignore_convergence
@pytest.mark.parametrize("name", LOSSES)
def test_losses_pass_the_check_for_user_defined_ones(name):
    if name in REGRESSION:
        check_loss(LOSSES[name]())
