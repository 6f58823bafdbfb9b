"""Entries of the portfolio, and the network of each: layers, first weights and learning rates of the recipe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlp_estimator.engine.layers import Dense, Dropout, Elementwise, LookupDense, OneHot, Piecewise, ScaledDense
from mlp_estimator.fitting.features.blocks import CODES, ENCODED, KEY, MISSING, Feature, TableLayout
from mlp_estimator.fitting.features.target_means import Stretch, TargetMeans
from mlp_estimator.fitting.member_config import PORTFOLIO, PRESETS, MemberConfig, Members, configs_of, network_of

EDGES = np.linspace(-1.0, 1.0, 21).astype(np.float32)
LAYOUT = TableLayout(
    [Feature(f"x{k}", ENCODED, EDGES) for k in range(3)]
    + [Feature("x0 is missing", MISSING), Feature("town", CODES, n_levels=4, n_indicators=4)]
)
N_INPUTS, N_PIECES = 3 + 1 + 4, 3 * 20
SMALL = MemberConfig((400, 300))


def layers(config, n_out=2):
    return [type(layer) for layer in network_of(config, LAYOUT, n_out).layers]


def first_parameters(config=SMALL, n_out=2):
    """Return the parameters at the start, by name one array of each layer."""
    network = network_of(config, LAYOUT, n_out)
    theta = np.empty((1, network.layout.size), np.float32)
    network.init(theta, [np.random.RandomState(0)])
    return {name: [array[0] for array in arrays] for name, arrays in network.named(theta).items()}


# Networks.


def test_the_bottom_expands_the_table_and_the_first_layer_has_factors(monkeypatch):
    monkeypatch.setenv("MLP_ESTIMATOR_KERNELS", "numpy")  # with 20 bins it does not look up
    bottom = [OneHot, Piecewise]
    hidden = [ScaledDense, Elementwise, Dropout, Dense, Elementwise, Dropout]
    assert layers(MemberConfig((8, 4), dropout=0.1)) == [*bottom, *hidden, Dense]
    assert layers(MemberConfig((8,))) == [*bottom, ScaledDense, Elementwise, Dense]
    assert layers(MemberConfig((8,), encoding=False, dropout=0.1)) == [OneHot, ScaledDense, Elementwise, Dropout, Dense]


@pytest.mark.parametrize(("form", "n_bins"), LookupDense.MIN_BINS.items())
def test_from_some_bins_on_the_first_layer_looks_up(form, n_bins, monkeypatch):
    # The same parameters and function in either form: a file is read by both.
    if form == "numba":
        pytest.importorskip("numba", reason="the loop forms need Numba")
    monkeypatch.setenv("MLP_ESTIMATOR_KERNELS", form)
    sizes = []
    for n, first in ((n_bins, LookupDense), (n_bins - 1, Piecewise)):
        edges = [np.linspace(0, 1, n + 1, dtype=np.float32), np.linspace(0, 1, n_bins + 1, dtype=np.float32)]
        layout = TableLayout([Feature("a", ENCODED, edges[0]), Feature("b", ENCODED, edges[1])])
        network = network_of(SMALL, layout, 1)
        assert type(network.layers[0]) is first
        sizes.append(network.layout.size)
    width = SMALL.hidden_layer_sizes[0]
    assert sizes[0] - sizes[1] == width + 1  # one component fewer: its weights and its factor


@pytest.mark.parametrize(("form", "n_levels"), LookupDense.MIN_LEVELS.items())
def test_from_some_levels_on_the_first_layer_looks_up(form, n_levels, monkeypatch):
    if form == "numba":
        pytest.importorskip("numba", reason="the loop forms need Numba")
    monkeypatch.setenv("MLP_ESTIMATOR_KERNELS", form)
    few, many = (Feature("few", ENCODED, np.linspace(0, 1, n, dtype=np.float32)) for n in (4, 60))
    code, rare = (Feature("town", CODES, n_levels=n, n_indicators=n) for n in (n_levels, n_levels - 1))

    def bottom(features, **options):
        network = network_of(MemberConfig((8,), **options), TableLayout(features), 1)
        return [type(layer) for layer in network.layers if not isinstance(layer, Elementwise)][:-1]

    assert bottom([code]) == bottom([many, code]) == [LookupDense]
    assert bottom([few, code]) == [OneHot, Piecewise, ScaledDense]
    assert bottom([rare]) == [OneHot, ScaledDense]
    assert bottom([many, rare]) == [OneHot, LookupDense]
    assert bottom([few, code], encoding=False) == [LookupDense]


def test_a_network_that_predicts_is_planned_once():
    class Coded:
        layout = LAYOUT

    def planned(sizes, left_out, n_out):
        return Members(MemberConfig(sizes), left_out).fitted_network(Coded, {"W": [np.zeros((9, n_out))]}, sparse=False)

    one = planned((400,), [(0,), (1,)], 2)
    assert planned((400,), [(0,), (1,)], 2) is one
    for others in (((400,), [(0,), (1,)], 3), ((300,), [(0,), (1,)], 2), ((400,), [(0,), (2,)], 2)):
        assert planned(*others) is not one


@pytest.mark.parametrize(("n_targets", "n_networks"), [(0, 1), (1, 2)])
def test_members_share_a_network_unless_they_read_means_of_other_folds(n_targets, n_networks):
    means, rng = TargetMeans.of([4], n_targets), np.random.default_rng(0)
    if n_targets:
        stretch = Stretch(rng.integers(0, 4, (60, 1)), np.arange(60) % 3, rng.normal(size=(60, 1)), np.ones(60))
        means.learn(60, 3, [4], lambda rows: stretch)
    layout = TableLayout([*LAYOUT.features, Feature("fold", KEY)], means=means)
    networks = Members(SMALL, [(0,), (1,), (0,)]).networks(layout, 1)
    assert len(set(map(id, networks))) == n_networks
    assert networks[0] is networks[2]


@pytest.mark.parametrize(("encoding", "n_pieces"), [(True, N_PIECES), (False, 0)])
def test_first_weights_are_normal_and_those_of_the_encoding_half_as_large(encoding, n_pieces):
    W = first_parameters(MemberConfig((400, 300), encoding=encoding))["W"]
    assert [array.shape for array in W] == [(N_INPUTS + n_pieces, 400), (400, 300), (300, 2)]
    std = np.sqrt(2.0 / (N_INPUTS + n_pieces / 4))
    assert W[0][:N_INPUTS].std() == pytest.approx(std, rel=0.05)
    if encoding:
        assert W[0][N_INPUTS:].std() == pytest.approx(std / 2, rel=0.05)
    assert W[1].std() == pytest.approx(np.sqrt(2.0 / 400), rel=0.05)


def test_the_last_layer_starts_at_0_and_the_factors_at_1():
    parameters = first_parameters()
    assert not parameters["W"][-1].any()
    assert not parameters["b"][-1].any()
    assert (parameters["scales"][0] == 1.0).all()


def test_first_biases_are_uniform_between_minus_a_half_and_a_half():
    for b in first_parameters()["b"][:-1]:
        assert -0.5 <= b.min() < -0.45
        assert 0.45 < b.max() <= 0.5
        assert b.std() == pytest.approx(1 / np.sqrt(12), rel=0.1)


def test_learning_rates_are_those_of_the_recipe():
    network = network_of(SMALL, LAYOUT, 2)
    rates = {}
    for layer in network.layout.params:
        for param in layer:
            rates.setdefault(param.name, []).append(param.rate)
    effective = [N_INPUTS + N_PIECES / 4, 400, 300]
    np.testing.assert_allclose(rates["W"], 1 / np.sqrt(effective))
    assert rates["b"] == [0.1] * 3
    assert rates["scales"] == [6.0]


def test_weights_decay_and_biases_and_factors_do_not():
    network = network_of(SMALL, LAYOUT, 2)
    decays = {(param.name, param.decay) for layer in network.layout.params for param in layer}
    assert decays == {("W", True), ("b", False), ("scales", False)}


def test_fitted_members_have_as_many_outputs_as_their_weights():
    class Features:
        layout = LAYOUT

    arrays = first_parameters(n_out=5)
    assert Members(SMALL, [()]).fitted_network(Features, arrays, sparse=False).widths[-1] == 5


# Entries.


def test_the_portfolio_is_for_narrow_tables_wide_tables_and_smooth_targets():
    narrow, wide, smooth = configs_of("auto", {}, {}, PRESETS["default"])
    assert narrow == MemberConfig((128, 128), "relu", True, 0.05, 0.0, 0.04, 48, 1)
    assert wide == MemberConfig((128, 128), "relu", True, 0.5, 0.2, 0.04, 48, 2)
    assert smooth == MemberConfig((128, 128, 128), "mish", False, 0.02, 0.0, 0.12, 128, 2)
    assert len(PORTFOLIO) == 3
    assert configs_of("auto", {}, {}, PRESETS["fast"]) == [narrow, wide, smooth]
    large = configs_of("auto", {}, {}, PRESETS["default"].for_table(10_000, has_labels=False))
    assert large == [narrow]
    *same, widest = configs_of("auto", {}, {}, PRESETS["best"])
    assert same == [narrow, wide, smooth]
    assert widest == MemberConfig((256, 256), n_left_out=2)


@pytest.mark.parametrize("preset", PRESETS)
def test_labels_have_fewer_layers_and_epochs_for_smooth_targets(preset):
    numbers, labels = (
        configs_of("auto", {}, {}, PRESETS[preset].for_table(100, has_labels=has_labels)) for has_labels in (0, 1)
    )
    assert numbers[2].hidden_layer_sizes == (128, 128, 128)
    assert labels == [*numbers[:2], replace(numbers[2], hidden_layer_sizes=(128, 128), max_iter=64), *numbers[3:]]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("n_rows", "batches"),
    [(10, (128, 32)), (1_249, (128, 32)), (1_250, (128, 64)), (2_499, (128, 64)), (2_500, (128, 128)),
     (10_000, (256, 256)), (250_000, (1024, 1024))],
)  # fmt: skip
def test_small_tables_have_small_batches_of_labels(preset, n_rows, batches):
    sizes = [PRESETS[preset].for_table(n_rows, has_labels=has_labels).size for has_labels in (False, True)]
    assert tuple(size.batch_size for size in sizes) == batches


@pytest.mark.parametrize(
    ("preset", "n_rows", "n_members"),
    [("default", 10_000, 8), ("default", 40_000, 4), ("default", 250_000, 2), ("fast", 39_999, 4), ("fast", 40_000, 2),
     ("fast", 10**6, 2), ("best", 40_000, 4), ("best", 250_000, 2)],
)  # fmt: skip
def test_large_tables_have_fewer_members(preset, n_rows, n_members):
    of_size = PRESETS[preset].for_table(n_rows, has_labels=False)
    assert of_size.n_members(8) == n_members
    assert len(of_size.portfolio) == {"best": 4}.get(preset, 1)
    assert of_size.least_gain == {"fast": 0.05, "default": 0.03, "best": -0.02}[preset]


def test_numbers_of_the_estimator_replace_those_of_the_portfolio():
    defaults = {"hidden_layer_sizes": 8, "learning_rate_init": 0.01}
    portfolio = configs_of("auto", defaults, {"dropout": 0.0, "max_iter": 3}, PRESETS["default"])
    assert [config.dropout for config in portfolio] == [0.0] * 3
    assert [config.max_iter for config in portfolio] == [3] * 3
    assert [config.hidden_layer_sizes for config in portfolio] == [(8,), (8,), (128, 128, 128)]
    assert [config.learning_rate_init for config in portfolio] == [0.01, 0.01, 0.12]
    assert [config.weight_decay for config in portfolio] == [0.05, 0.5, 0.02]


def test_entries_of_the_user_stand_on_the_estimators_numbers():
    configs = configs_of(
        [{}, {"dropout": 0.1, "hidden_layer_sizes": 3}],
        {"hidden_layer_sizes": (8,)},
        {"dropout": 0.3},
        PRESETS["default"],
    )
    assert [config.dropout for config in configs] == [0.3, 0.1]
    assert [config.hidden_layer_sizes for config in configs] == [(8,), (3,)]


@pytest.mark.parametrize("settings", [[], None, {}, [{}, 3], (), [[("dropout", 0.1)]]])
def test_settings_that_are_no_list_of_dicts(settings):
    with pytest.raises(ValueError, match="give 'auto', or a list of dicts"):
        configs_of(settings, {}, {}, PRESETS["default"])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"widths": 3}, r"unknown entries \['widths'\]: choose among"),
        ({"activation": "sine"}, "activation='sine': choose among"),
        ({"max_iter": 0}, "settings has max_iter=0: it must be an int in the range"),
        ({"dropout": 1.0}, "settings has dropout=1.0: it must be a float in the range"),
        ({"weight_decay": "much"}, "settings has weight_decay='much': it must be a float"),
        ({"learning_rate_init": 0.0}, "settings has learning_rate_init=0.0: it must be a float in the range"),
        ({"encoding": "no"}, "settings has encoding='no': it must be True or False"),
        ({"n_left_out": 0}, "settings has n_left_out=0: it must be an int in the range"),
        ({"hidden_layer_sizes": (2.5,)}, "one positive integer per hidden layer"),
        ({"hidden_layer_sizes": None}, "one positive integer per hidden layer"),
    ],
)
def test_entries_that_cannot_be(entry, message):
    with pytest.raises(ValueError, match=message):
        MemberConfig.of(entry, {})
