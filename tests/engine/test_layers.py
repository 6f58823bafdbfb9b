"""Each layer: its three sweeps agree with each other, with differences and with its formula."""

from __future__ import annotations

import numpy as np
import pytest
from problems import relative_error
from samples import X_IRIS, Y_IRIS, close_weights
from scipy import sparse

from mlp_estimator import MLPClassifier
from mlp_estimator.engine.activations import ACTIVATIONS, glorot
from mlp_estimator.engine.layers import (
    LAYERS,
    Dense,
    Dropout,
    Elementwise,
    LevelNumbers,
    LookupDense,
    Noise,
    OneHot,
    Piecewise,
    ScaledDense,
    SparseDense,
    Step,
    uniform,
)
from mlp_estimator.engine.layout import Layout

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("name", [*LAYERS, *ACTIVATIONS])
def test_layer_alone(name):
    # The same identities for one layer, with the gradient of its input unless it is a bottom layer.
    layer = LAYERS[name]() if name in LAYERS else Elementwise(ACTIVATIONS[name])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 9))
    p, v, dp = (tuple(rng.normal(size=view.shape) for view in views_of(layer, 2)) for _ in range(3))
    t_in, d_in = (None, None) if layer.bottom else (rng.normal(size=x.shape), np.empty_like(x))
    out, t_out, work, u = (rng.normal(size=(2, layer.n_out(4), 9)) for _ in range(4))
    scratch = tuple(np.empty((2, s.n_rows or 9, s.width)).swapaxes(1, 2) for s in layer.scratch(4))
    layer.draw(scratch, Noise([np.random.default_rng(m) for m in range(2)]))
    start, read = x.copy(), reader(layer)
    step = Step(p, read(x), out, scratch, u, dp, d_in, v, t_in, t_out, work)
    layer.forward(step)
    layer.tangent(step)
    step.work = np.empty_like(x)
    layer.backward(step)
    left = (u * t_out).sum()
    right = sum((a * b).sum() for a, b in zip(dp, v, strict=True))
    if not layer.bottom:
        right += (d_in * t_in).sum()
    assert abs(left - right) <= 1e-12 * max(abs(left), 1.0)

    def output(size):
        moved, moving = np.empty_like(out), tuple(a + size * b for a, b in zip(p, v, strict=True))
        layer.forward(Step(moving, read(start.copy() if t_in is None else start + size * t_in), moved, scratch))
        return moved

    assert relative_error(t_out, (output(1e-6) - output(-1e-6)) / 2e-6) < 1e-7


@pytest.mark.parametrize(
    ("name", "expected"), [("dense", 20), ("scaled_dense", 20), ("lookup_dense", 15), ("piecewise", 0), ("dropout", 0)]
)
def test_the_largest_product_of_a_row_decides_on_threads(name, expected):
    assert LAYERS[name]().n_multiplications(4) == expected  # without those with an encoding that is never made


def views_of(layer, n_members):
    """Arrays for the parameters of a layer on four inputs."""
    layout = Layout([layer.params(4)])
    return layout.views(np.empty((n_members, layout.size)))[0]


def reader(layer):
    """A function from x (M, 4, B) to the batch that the layer reads."""
    if not isinstance(layer, SparseDense):
        return lambda x: x

    def sparse_rows(x):
        batches = layer.batches([sparse.csr_array(x_m.T) for x_m in x], x.shape[2], x.dtype)
        batches.gather([slice(None)] * len(x))
        return batches.x

    return sparse_rows


def test_piecewise_is_the_formula_and_extrapolates():
    edges = [np.array([0.0, 1.0, 3.0]), np.array([-1.0, 1.0])]
    layer, x = Piecewise(edges, np.array([0.5, 0.25, 0.0])), np.array([[[-2.0, 0.5, 2.0, 9.0], [0.0, -5.0, 1.0, 5.0]]])
    out = np.empty((1, 5, 4))
    layer.forward(Step((), x, out))
    np.testing.assert_array_equal(out[0, :2], x[0])
    first = [[-1.0, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 2.0]]
    np.testing.assert_allclose(out[0, 2:4], np.array(first) - [[0.5], [0.25]])
    np.testing.assert_allclose(out[0, 4], [0.5, -1.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="at least two and increasing"):
        Piecewise([np.array([0.0, 0.0])])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shared", [False, True], ids=["", "shared x"])
@pytest.mark.parametrize(("n_encoded", "n_levels"), [(4, ()), (4, (3, 2, 5)), (0, (2, 4)), (1, (2,))])
@pytest.mark.parametrize("seed", range(4))
def test_a_lookup_is_the_affine_layer_on_encoding_and_indicators(seed, n_encoded, n_levels, shared, dtype):
    rng = np.random.default_rng(seed)
    n_in, width, n_rows, n_members = 6 + len(n_levels), 7, 40, 1 if shared and seed % 2 else 3
    edges = [np.unique(rng.normal(size=rng.integers(2, 20))).astype(dtype) for _ in range(n_encoded)]
    n_components = sum(len(e) - 1 for e in edges)
    encoding, one_hot = Piecewise(edges, rng.uniform(size=n_components).astype(dtype)), OneHot(n_levels)
    x = 2 * rng.normal(size=(1 if shared else n_members, n_rows, n_in)).astype(dtype).swapaxes(1, 2)
    for e, of_feature in enumerate(edges):
        x[0, e, : len(of_feature)] = of_feature[: n_rows - 1]  # values at edges
    for k, n in enumerate(n_levels, start=6):
        x[:, k] = rng.integers(-1, n + 1, x[:, k].shape)  # unknown levels, and more than there are
    lookup = LookupDense(width, uniform(glorot), encoding, one_hot)
    dense, encoded = ScaledDense(width, uniform(glorot)), x
    for layer in (one_hot, encoding):
        below, n_out = encoded, layer.n_out(encoded.shape[1])
        encoded = np.empty((len(x), n_rows, n_out), dtype).swapaxes(1, 2)
        layer.forward(Step((), below, encoded))
    layout = Layout([lookup.params(n_in)])
    assert layout.params == Layout([dense.params(encoded.shape[1])]).params
    theta = rng.normal(size=(n_members, layout.size)).astype(dtype)
    d_out = rng.normal(size=(n_members, n_rows, width)).astype(dtype).swapaxes(1, 2)
    results = []
    for layer, values in ((lookup, x), (dense, encoded)):
        gradient, out = np.empty_like(theta), np.empty_like(d_out)
        scratch = tuple(
            np.empty((n_members, s.n_rows or n_rows, s.width), dtype).swapaxes(1, 2)
            for s in layer.scratch(values.shape[1])
        )
        step = Step(layout.views(theta)[0], values, out, scratch, d_out, layout.views(gradient)[0])
        layer.forward(step)
        layer.backward(step)
        results.append((out, gradient))
    for found, expected in zip(*results, strict=True):
        atol = {np.float32: 3e-5, np.float64: 1e-12}[dtype] * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=atol)


def test_bias_gradient_is_the_sum_over_samples():
    # Some textbooks give the upstream matrix itself as the bias gradient. It has one entry per unit.
    rng = np.random.default_rng(0)
    layer, x, d_out = Dense(2, uniform(glorot)), rng.normal(size=(1, 3, 4)), rng.normal(size=(1, 2, 4))
    dW, db = np.empty((1, 3, 2)), np.empty((1, 2, 1))
    layer.backward(Step((np.zeros((1, 3, 2)), np.zeros((1, 2, 1))), x, d_out, d_out=d_out, dp=(dW, db)))
    np.testing.assert_allclose(db[0, :, 0], d_out[0].sum(axis=1))
    np.testing.assert_allclose(dW[0], x[0] @ d_out[0].T)


@ignore_convergence
def test_dropout_leaves_the_expectation():
    x, out = np.ones((1, 5, 20000)), np.empty((1, 5, 20000))
    layer, mask = Dropout(0.3), np.empty_like(out)
    layer.draw((mask,), Noise([np.random.default_rng(0)]))
    layer.forward(Step((), x, out, (mask,)))
    assert set(np.unique(out)) == {0.0, 1 / 0.7}
    assert out.mean() == pytest.approx(1.0, abs=0.01)
    assert np.abs(np.corrcoef(mask[0]) - np.eye(5)).max() < 0.03


@ignore_convergence
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_acts_in_training_only_and_by_the_seed(dtype):
    options = {"hidden_layer_sizes": (8, 8), "max_iter": 5, "dtype": dtype}
    models = [MLPClassifier(dropout=[0.2, 0.5], random_state=s, **options).fit(X_IRIS, Y_IRIS) for s in (0, 0, 1)]
    close_weights(models[0], models[1], rtol=0)
    assert np.abs(models[0].coefs_[0] - models[2].coefs_[0]).max() > 0
    plain = MLPClassifier(random_state=0, **options).fit(X_IRIS, Y_IRIS)
    assert np.abs(models[0].coefs_[0] - plain.coefs_[0]).max() > 0
    close_weights(MLPClassifier(dropout=0.0, random_state=0, **options).fit(X_IRIS, Y_IRIS), plain, rtol=0)
    a = X_IRIS.astype(dtype)
    for W, b in zip(models[0].coefs_[:-1], models[0].intercepts_[:-1], strict=True):
        a = np.maximum(a @ W + b, 0)
    np.testing.assert_allclose(models[0].hidden_activations(X_IRIS), a, atol=1e-5)


@ignore_convergence
def test_nothing_is_learned_below_a_layer_that_is_always_dropped():
    options = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 3, "batch_size": 10, "alpha": 0.0}
    model = MLPClassifier(dropout=1 - 1e-12, **options).fit(X_IRIS, Y_IRIS)
    still = MLPClassifier(**(options | {"learning_rate_init": 1e-300})).fit(X_IRIS, Y_IRIS)
    np.testing.assert_array_equal(model.coefs_[0], still.coefs_[0])
    assert np.abs(model.intercepts_[1] - still.intercepts_[1]).max() > 0


def test_indicators_are_one_for_their_code_and_zero_for_unknown_ones():
    layer = OneHot([2, 3])
    x, out = np.array([[[7.0, 8.0, 9.0], [0.0, 1.0, -1.0], [2.0, -1.0, 0.0]]]), np.empty((1, 5, 3))
    layer.forward(Step((), x, out))
    np.testing.assert_array_equal(out[0], [[7, 8, 9], [-1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]])


def test_larger_codes_share_the_last_indicator():
    layer = OneHot([2, 3])
    x, out = np.array([[[1.0, 5.0, -1.0], [2.0, 7.0, -1.0]]]), np.empty((1, 4, 3))
    layer.forward(Step((), x, out))
    np.testing.assert_array_equal(out[0], [[1, 1, 0], [0, 0, 0], [0, 0, 0], [1, 1, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_inputs", [1, 3], ids=["one input for all members", "an input each"])
def test_numbers_are_read_by_member_key_and_code(dtype, n_inputs):
    rng = np.random.default_rng(0)
    tables = [rng.normal(size=(3, 2, 1 + n, 2)).astype(dtype) for n in (4, 6)]
    layers = [LevelNumbers(3, [0, 2], [table[m : m + 1] for table in tables]) for m in range(3)]
    layer = layers[0].joined(layers)
    assert layer.splits
    assert not layers[0].splits
    assert layer.kind == layers[1].kind
    x = np.empty((n_inputs, 6, 50), dtype)
    x[:, :2] = rng.normal(size=(n_inputs, 2, 50))
    for k, n in enumerate((4, 9, 6)):
        x[:, 2 + k] = rng.integers(-1, n, (n_inputs, 50))
    x[:, 5] = rng.integers(0, 4, (n_inputs, 50))  # larger keys read the last one
    out = np.full((3, layer.n_out(6), 50), np.nan, dtype)
    layer.forward(Step((), x, out, tuple(np.empty((3, 50, s.width), dtype).swapaxes(1, 2) for s in layer.scratch(6))))
    for m in range(3):
        inputs = x[m % n_inputs]
        key = np.minimum(inputs[5].astype(int), 1)
        numbers = [tables[t][m, key, 1 + inputs[2 + c].astype(int)].T for t, c in ((0, 0), (1, 2))]
        np.testing.assert_array_equal(out[m], np.concatenate([inputs[:2], *numbers, inputs[2:5]]))


def test_a_mask_depends_on_the_generator_of_its_member_alone():
    # Side by side with others or by itself, in this process or another one.
    layer, masks, alone = Dropout(0.4), np.empty((3, 5, 400)), np.empty((1, 5, 400))
    layer.draw((masks,), Noise([np.random.default_rng(m) for m in range(3)], factor=0.5))
    for m in range(3):
        Dropout(0.2).draw((alone,), Noise([np.random.default_rng(m)]))  # the factor halves the rate
        np.testing.assert_array_equal(masks[m], alone[0])


@pytest.mark.parametrize("name", [name for name, make in LAYERS.items() if hasattr(make(), "sources")])
def test_outputs_change_with_their_source_alone(name):
    layer = LAYERS[name]()
    x = np.random.default_rng(0).random((1, 4, 1)) - 0.5
    x[:, 2:] = 0.0  # a code and a key
    sources = layer.sources(np.arange(4))
    scratch = tuple(np.empty((1, 1, s.width)).swapaxes(1, 2) for s in layer.scratch(4))

    def output(x):
        out = np.empty((1, layer.n_out(4), 1))
        layer.forward(Step((), x, out, scratch))
        return out[0, :, 0]

    before, seen = output(x), set()
    assert sources.shape == before.shape
    for k in range(4):
        moved = x.copy()
        moved[:, k] += 1.0 if k >= 2 else 0.3
        changed = np.flatnonzero(output(moved) != before)
        is_key = name == "level_numbers" and k == 3  # it has no outputs of its own
        assert is_key or (sources[changed] == k).all()
        seen |= set(sources[changed].tolist())
    assert seen == set(sources.tolist())
