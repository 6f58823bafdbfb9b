"""Numbers: median, scale and squash, the edges of the encoding, and indicators of missing values."""

from __future__ import annotations

import numpy as np
import pytest

from mlp_estimator.fitting.features.blocks import ENCODED, MISSING, NUMBERS
from mlp_estimator.fitting.features.kinds import number
from mlp_estimator.fitting.features.kinds.contract import Resolution
from mlp_estimator.fitting.features.kinds.number import Number
from mlp_estimator.fitting.frames import read_frame

NAN = np.nan
FINE = Resolution(n_bins=32, n_exact=32, max_categories=64)
COARSE = Resolution(n_bins=4, n_exact=4, max_categories=64)


def learned(values, resolution=FINE, counts=None):
    """Return the kind of a column of numbers."""
    kind = Number("c")
    kind.learn_values(np.asarray(values, dtype=float), counts)
    kind.finish(resolution)
    return kind


def column(values):
    return read_frame(np.array(values, dtype=float)[:, None]).columns[0]


def squashed(u):
    return u / np.sqrt(1 + (u / 3) ** 2)


# Median, scale, squash.


@pytest.mark.parametrize("n", [4, 5, 101, 1000])
def test_numbers_are_centred_at_the_median_and_divided_by_the_interquartile_range(n):
    values = np.random.default_rng(n).lognormal(3.0, 2.0, n)
    kind = learned(values)
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    assert (kind.median, kind.scale) == (median, high - low)
    np.testing.assert_allclose(kind.transform(values), squashed((values - median) / (high - low)), rtol=1e-6)


def test_outliers_stay_within_3():
    kind = learned([0.0, 1.0, 2.0, 3.0, 4.0])
    far = kind.transform(np.array([-1e308, -1e9, 1e9, 1e308, 4.0]))
    np.testing.assert_allclose(far[:4], [-3, -3, 3, 3], rtol=1e-6)
    assert far[4] == pytest.approx(1 / np.sqrt(1 + 1 / 9))


def test_the_scale_is_half_of_the_range_where_the_middle_half_is_one_value():
    kind = learned([5.0] * 8 + [1.0, 21.0])
    assert (kind.median, kind.scale) == (5.0, 10.0)
    np.testing.assert_allclose(kind.transform(np.array([15.0])), [squashed(1.0)], rtol=1e-6)


def test_missing_values_do_not_count_in_median_and_scale_and_are_0():
    values = np.array([3.0, NAN, 1.0, 2.0, NAN, 5.0, 4.0])
    kind = learned(values)
    assert (kind.median, kind.scale) == (3.0, 2.0)
    assert kind.transform(values)[[1, 4]].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "uint64", "bool"])
def test_numbers_of_any_type_are_read_in_float64(dtype):
    values = np.array([0, 1, 1, 0, 1], dtype=dtype)
    kind = Number("c")
    kind.learn_values(values, None)
    kind.finish(FINE)
    np.testing.assert_array_equal(kind.transform(values), learned([0, 1, 1, 0, 1]).transform(values.astype(float)))


def test_differences_too_small_for_float32_are_none():
    kind = learned([-1.0, 0.0, 1e-41, 1.0])
    assert kind.transform(np.array([kind.median + 1e-35])) == 0.0


# Features and indicators.


@pytest.mark.parametrize(
    ("values", "blocks"),
    [
        ([1.0, 2.0, 3.0], [ENCODED]),
        ([1.0, 2.0, 3.0, NAN], [ENCODED, MISSING]),
        ([1.0, 2.0], [NUMBERS]),
        ([1.0, 2.0, NAN], [NUMBERS, MISSING]),
        ([1.0, 1.0], []),
        ([1.0, NAN], [NUMBERS, MISSING]),
        ([NAN, NAN], []),
    ],
)
def test_a_number_brings_its_value_and_an_indicator_where_it_was_missing(values, blocks):
    kind = learned(values)
    assert [feature.block for feature in kind.features()] == blocks
    coded = kind.code(column(values))
    assert len(coded) == len(blocks)
    if MISSING in blocks:
        np.testing.assert_array_equal(coded[1], np.isnan(values))


def test_a_value_that_was_never_missing_in_fit_has_no_indicator_and_is_0_where_it_is_missing_now():
    assert [values.tolist() for values in learned([1.0, 2.0, 3.0]).code(column([NAN]))] == [[0.0]]


def test_the_names_say_what_a_feature_is():
    assert [feature.name for feature in learned([1.0, 2.0, 3.0, NAN]).features()] == ["c", "c is missing"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("many", "Column 'x0' was numeric in fit, and now has an entry that is no number: 'many'"),
        (np.inf, "Input X contains infinity or a value too large in column 'x0'"),
        (-np.inf, "Input X contains infinity or a value too large in column 'x0'"),
    ],
)
def test_what_is_no_number_is_refused_with_its_column(entry, message):
    kind = learned([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=message):
        kind.code(read_frame([[1.0], [entry]]).columns[0])


# Edges.


def test_few_distinct_values_are_edges():
    values = np.repeat([1.0, 2.0, 4.0, 8.0], [1, 50, 3, 2])
    kind = learned(values, COARSE)
    np.testing.assert_array_equal(kind.edges, kind.transform(np.array([1.0, 2.0, 4.0, 8.0])))
    assert len(learned(np.arange(5.0), COARSE).edges) == 5
    assert len(learned(np.arange(33.0), FINE).edges) == 33


def test_more_distinct_values_than_bins_have_edges_at_quantiles():
    values = np.random.default_rng(0).gamma(2.0, size=501)
    kind = learned(values, COARSE)
    np.testing.assert_allclose(kind.edges, kind.transform(np.quantile(values, [0, 0.25, 0.5, 0.75, 1])), rtol=1e-6)
    assert len(learned(np.arange(34.0), FINE).edges) == 33


def test_a_large_table_may_have_more_exact_edges_than_bins():
    assert len(learned(np.arange(101.0), Resolution(32, 128, 64)).edges) == 101
    assert len(learned(np.arange(130.0), Resolution(32, 128, 64)).edges) == 33


def test_two_distinct_values_have_no_edges():
    assert len(learned([0.0, 1.0, 1.0]).edges) == 0


def test_ties_leave_room_for_edges_at_quantiles_of_the_distinct_values():
    # Half of the values are 0: quantiles alone would have 5 distinct edges for 8 bins.
    values = np.concatenate([np.zeros(100), np.arange(1.0, 101.0)])
    kind = learned(values, Resolution(8, 8, 64))
    edges = kind.edges
    assert len(edges) == 9
    assert (np.diff(edges) > 0).all()
    assert edges[0] == kind.transform(np.zeros(1))
    assert edges[-1] == kind.transform(np.array([100.0]))
    in_bins = np.histogram(kind.transform(values), edges)[0]
    assert in_bins[0] == 100
    assert in_bins[1:].min() >= 12
    assert in_bins[1:].max() <= 25


def test_edges_of_many_ties_are_merged_where_the_fewest_values_are():
    values = np.concatenate([np.zeros(900), np.linspace(1, 2, 90), [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0]])
    kind = learned(values, Resolution(4, 4, 64))
    in_bins = np.histogram(kind.transform(values), kind.edges)[0]
    assert len(in_bins) == 4
    assert in_bins.min() >= 8


# Weights, chunks, samples.


@pytest.mark.parametrize("n_bins", [4, 32])
def test_a_row_that_counts_twice_is_two_rows(n_bins):
    rng = np.random.default_rng(n_bins)
    values, counts = rng.normal(size=200), rng.integers(1, 5, 200)
    values[::9] = NAN
    resolution = Resolution(n_bins, n_bins, 64)
    weighted = learned(values, resolution, counts.astype(float))
    repeated = learned(np.repeat(values, counts), resolution)
    assert weighted.median == repeated.median
    assert weighted.scale == pytest.approx(repeated.scale, rel=1e-12)
    np.testing.assert_allclose(weighted.edges, repeated.edges, rtol=1e-6)
    assert (weighted.n_missing, weighted.n_rows) == (repeated.n_missing, repeated.n_rows)


def test_weights_of_any_size_move_the_median():
    values = np.arange(101.0)
    assert learned(values, counts=np.full(101, 0.25)).median == pytest.approx(50.0, abs=2.0)
    assert learned(values, counts=np.where(values < 20, 10.0, 0.25)).median < 20.0


@pytest.mark.parametrize("chunk_rows", [20_000, 1_000, 137])
@pytest.mark.parametrize("merged", [False, True], ids=["chunk by chunk", "merged"])
def test_quantiles_of_a_sample_are_close_to_those_of_all_rows(chunk_rows, merged, monkeypatch):
    monkeypatch.setattr(number, "MAX_SAMPLE", 2_000)
    values = np.sort(np.random.default_rng(0).normal(size=20_000))  # chunks differ as much as they can
    kind = Number("c")
    for start in range(0, len(values), chunk_rows):
        part = Number("c") if merged else kind
        part.learn_values(values[start : start + chunk_rows], None)
        if merged:
            kind.merge(part)
    kind.finish(FINE)
    # One standard error of a quantile in the middle is 0.5 / sqrt(2000) = 0.011 of the rows. It grows a little where
    # small chunks are sampled again and again.
    ranks = np.searchsorted(values, [kind.median, kind.median + kind.scale]) / len(values)
    assert ranks[0] == pytest.approx(0.5, abs=0.04)
    low, high = np.quantile(values, [0.25, 0.75])
    assert kind.scale == pytest.approx(high - low, rel=0.1)
    at = np.searchsorted(kind.transform(values), kind.edges[1:-1]) / len(values)
    np.testing.assert_allclose(at, np.arange(1, 32) / 32, atol=0.04)
    assert kind.n_rows == 20_000


def test_a_sample_has_the_size_that_was_asked_for_and_is_the_same_each_time(monkeypatch):
    monkeypatch.setattr(number, "MAX_SAMPLE", 100)
    values = np.random.default_rng(0).normal(size=1000)
    first, second = learned(values), learned(values)
    assert (first.median, first.scale) == (second.median, second.scale)
    np.testing.assert_array_equal(first.edges, second.edges)
    assert first.median != np.median(values)


def test_chunks_much_smaller_than_the_sample_keep_their_share(monkeypatch):
    monkeypatch.setattr(number, "MAX_SAMPLE", 50)
    values = np.sort(np.random.default_rng(0).normal(size=600))
    kind = Number("c")
    for chunk in np.array_split(values, 200):
        kind.learn_values(chunk, None)
    kind.finish(FINE)
    assert abs(kind.median) < 0.5


@pytest.mark.parametrize("merged", [False, True], ids=["chunk by chunk", "merged"])
def test_extremes_are_those_of_all_rows(merged, monkeypatch):
    monkeypatch.setattr(number, "MAX_SAMPLE", 20)
    values = np.zeros(400)
    values[[100, 300]] = -3.0, 11.0
    kind = Number("c")
    for chunk in np.split(values, 2):
        part = Number("c") if merged else kind
        part.learn_values(chunk, None)
        if merged:
            kind.merge(part)
    assert (kind.low, kind.high) == (-3.0, 11.0)


def test_parts_that_were_thinned_are_one_sample(monkeypatch):
    # The second part has few values, which are kept as often as those of the first one.
    monkeypatch.setattr(number, "MAX_SAMPLE", 4_000)
    rng, parts = np.random.default_rng(0), []
    for values in (
        rng.normal(0.0, 1.0, 30_000),
        np.where(np.arange(30_000) % 3 == 0, rng.normal(9.0, 1.0, 30_000), np.nan),
    ):
        part = Number("c")
        part.learn_values(values, None)
        part.thin(60_000)
        assert sum(len(chunk.values) for chunk in part._chunks) == pytest.approx(1_000, rel=0.1)
        parts.append(part)
    parts[0].merge(parts[1])
    sample = number.Sample.joined(parts[0]._chunks)
    assert np.mean(sample.values > 4.5) == pytest.approx(0.25, abs=0.03)
    assert parts[0].n_missing == 20_000
