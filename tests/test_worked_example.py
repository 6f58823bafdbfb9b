"""The numbers of the worked example are what the engine computes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mlp_estimator.engine.activations import ACTIVATIONS, glorot
from mlp_estimator.engine.layers import Dense, Dropout, Elementwise, Step, uniform
from mlp_estimator.engine.losses import SoftmaxCrossEntropy, SquaredError
from mlp_estimator.engine.optimizers import Adam

PAGE = Path(__file__).parents[1] / "docs" / "worked_example.md"


def matrices():
    """Each matrix of the page by its name, rows separated by semicolons."""
    blocks = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(), flags=re.M | re.S)
    found = {}
    for name, numbers in re.findall(r"^(\w+) += (.+)$", "".join(blocks), flags=re.M):
        assert name not in found, f"{name} stands twice"
        found[name] = np.array([[float(x) for x in row.split()] for row in numbers.split(";")])
    return found


GIVEN = {"X", "W1", "b1", "W2", "b2", "T", "y", "M"}
SHOWN = matrices()


def columns(name):
    """A matrix of the page, samples as rows, as the engine has it: one member, samples as columns."""
    return SHOWN[name].T[None].copy()


def computed():
    """All that is not given, from the functions that the page includes."""
    X, W1, W2 = columns("X"), SHOWN["W1"][None], SHOWN["W2"][None]
    b1, b2 = SHOWN["b1"].T[None], SHOWN["b2"].T[None]
    first, second = Dense(2, uniform(glorot)), Dense(2, uniform(glorot))
    Z1, A1, Z2 = np.empty((1, 2, 3)), np.empty((1, 2, 3)), np.empty((1, 2, 3))
    first.forward(Step((W1, b1), X, Z1))
    relu = Elementwise(ACTIVATIONS["relu"])
    relu.forward(Step((), Z1, A1))
    second.forward(Step((W2, b2), A1, Z2))
    loss, dZ2, work = SoftmaxCrossEntropy(), np.empty((1, 2, 3)), np.empty((1, 3, 3))
    codes = SHOWN["T"].argmax(axis=1)[None, None, :]
    P = np.empty_like(Z2)
    loss.predict(Z2, P)
    L = loss.value_and_grad(codes, Z2.copy(), None, dZ2, work) / 3
    dZ2 /= 3
    dW2, db2, dA1 = np.empty_like(W2), np.empty_like(b2), np.empty_like(A1)
    second.backward(Step((W2, b2), A1, Z2, d_out=dZ2, dp=(dW2, db2), d_in=dA1))
    dZ1, dW1, db1 = np.empty_like(A1), np.empty_like(W1), np.empty_like(b1)
    relu.backward(Step((), Z1, A1, d_out=dA1, d_in=dZ1, work=np.empty_like(A1)))
    first.backward(Step((W1, b1), X, Z1, d_out=dZ1, dp=(dW1, db1)))
    sigmoid = Elementwise(ACTIVATIONS["logistic"])
    S, dS = Z1.copy(), np.empty_like(Z1)
    sigmoid.forward(Step((), Z1, S))
    sigmoid.backward(Step((), Z1, S, d_out=dA1, d_in=dS, work=np.empty_like(S)))
    D = np.empty_like(A1)
    Dropout(0.5).forward(Step((), A1, D, (columns("M"),)))
    dF = np.empty((1, 1, 3))
    E = SquaredError().value_and_grad(columns("y"), Z2[:, :1].copy(), None, dF, np.empty((1, 2, 3))) / 3
    adam = Adam(W1.reshape(1, -1), learning_rate_init=0.1, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
    steps = []
    for gradient in (dW1, 0.5 * dW1):
        step = gradient.reshape(1, -1).copy()
        adam.n_steps += 1
        adam.step(step)
        steps.append(step.reshape(2, 2))
    rows = {"Z1": Z1, "A1": A1, "Z2": Z2, "P": P, "dZ2": dZ2, "dA1": dA1, "dZ1": dZ1, "S": S, "dS": dS, "D": D}
    return {
        **{name: array[0].T for name, array in rows.items()},
        **{"dW1": dW1[0], "db1": db1[0].T, "dW2": dW2[0], "db2": db2[0].T, "step1": steps[0], "step2": steps[1]},
        **{"L": L[None], "E": E[None], "dF": dF[0].T / 3},
    }


def test_all_that_is_shown_is_given_or_computed():
    assert set(SHOWN) == GIVEN | set(computed())


@pytest.mark.parametrize("name", sorted(set(SHOWN) - GIVEN))
def test_the_numbers_are_the_engines(name):
    np.testing.assert_allclose(SHOWN[name], computed()[name], atol=5.001e-5)
