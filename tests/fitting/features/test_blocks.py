"""The layout of a coded table: each block in one piece, in the order of `BLOCKS`."""

from __future__ import annotations

import numpy as np
import pytest

from mlp_estimator.engine.layers import LevelNumbers
from mlp_estimator.fitting.features.blocks import BLOCKS, CODES, ENCODED, KEY, MISSING, NUMBERS, Feature, TableLayout
from mlp_estimator.fitting.features.target_means import Stretch, TargetMeans

EDGES = np.array([-1.0, 0.0, 2.0], np.float32)
FEATURES = [
    Feature("town", CODES, n_levels=5, n_indicators=3),
    Feature("age", NUMBERS),
    Feature("age is missing", MISSING),
    Feature("fare", ENCODED, EDGES),
    Feature("member", CODES, n_levels=2, n_indicators=2),
    Feature("fold", KEY),
    Feature("size", ENCODED, EDGES),
]


def test_features_stand_in_the_order_of_the_blocks_and_keep_their_order_in_each():
    layout = TableLayout(FEATURES)
    names = [feature.name for feature in layout.features]
    assert names == ["fare", "size", "age", "age is missing", "town", "member", "fold"]
    assert len(layout.features) == 7


def test_places_are_those_of_the_features_as_they_were_given():
    layout = TableLayout(FEATURES)
    assert [layout.features[place] for place in layout.places] == FEATURES


@pytest.mark.parametrize("left_out", [None, *BLOCKS])
def test_blocks_are_stretches_that_cover_all_features(left_out):
    layout = TableLayout(feature for feature in FEATURES if feature.block != left_out)
    places = []
    for block in BLOCKS:
        members = layout.features[layout.block(block)]
        assert all(feature.block == block for feature in members)
        assert (len(members) == 0) == (block == left_out)
        places += range(len(layout.features))[layout.block(block)]
    assert places == list(range(len(layout.features)))


@pytest.mark.parametrize(
    ("blocks", "n_indicators", "n_pieces"),
    [(BLOCKS, 4, 4), ((NUMBERS, CODES), 4, 0), ((ENCODED, MISSING), 0, 4), ((NUMBERS,), 0, 0)],
)
def test_encodings_are_those_that_the_blocks_need(blocks, n_indicators, n_pieces):
    layout = TableLayout(feature for feature in FEATURES if feature.block in blocks)
    assert layout.bottom() == ()
    assert [layer.starts[-1] for layer in (layout.one_hot, layout.encoding)] == [n_indicators, n_pieces]


def test_networks_read_means_with_the_folds_that_they_leave_out_in_the_type_of_the_computation():
    means = TargetMeans.of([5, 2], 2)
    codes = np.column_stack([np.arange(60) % 5, np.arange(60) % 2])
    means.learn(60, 3, [5, 2], lambda rows: Stretch(codes, np.arange(60) % 3, np.eye(60)[:, :2], np.ones(60)))
    layout = TableLayout(FEATURES, means=means, dtype="float64")
    for new_rows in (False, True):
        (first,) = layout.bottom(left_out=(1,), new_rows=new_rows)
        assert isinstance(first, LevelNumbers)
        assert (first.n_codes, first.columns, first.tables[0].dtype) == (2, (0,), np.float64)
        np.testing.assert_array_equal(first.tables[0][0], means.tables((1,), new_rows=new_rows)[0])


def test_networks_of_a_layout_have_one_encoding_so_that_they_can_train_together():
    layout = TableLayout(FEATURES)
    assert layout.encoding is layout.encoding
    layout.learn_encoding_means([(np.ones((4, 7), np.float32), np.ones(4))])
    np.testing.assert_array_equal(layout.encoding_means, [1.0, 0.5, 1.0, 0.5])


def test_the_bottom_layers_know_levels_and_edges():
    layout = TableLayout(FEATURES)
    indicators, encoding = layout.one_hot, layout.encoding
    assert indicators.n_levels == (3, 2)
    assert indicators.n_out(7) == 5 + 3 + 1
    assert encoding.n_out(9) == 9 + 2 + 2
