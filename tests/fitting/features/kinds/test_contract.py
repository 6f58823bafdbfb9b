"""What all kinds of columns promise: chunks of rows in any order, counts of rows, features that match their codes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from mlp_estimator.fitting.features.blocks import BLOCKS, CODES
from mlp_estimator.fitting.features.kinds import KINDS
from mlp_estimator.fitting.features.kinds.contract import Resolution
from mlp_estimator.fitting.frames import read_frame

RESOLUTION = Resolution(n_bins=8, n_exact=8, max_categories=4)
N = 60
RNG = np.random.default_rng(0)


def with_gaps(values):
    """Return values as Python objects, some of them missing."""
    return [None if k % 7 == 3 else value for k, value in enumerate(values)]


COLUMNS = {
    "number": with_gaps(RNG.normal(size=N).tolist()),
    "number without gaps": RNG.integers(0, 400, N).tolist(),
    "number with ties": with_gaps(np.where(RNG.random(N) < 0.6, 0.0, RNG.normal(size=N)).tolist()),
    "number of few values": RNG.integers(0, 5, N).tolist(),
    "number of two values": with_gaps(RNG.integers(0, 2, N).tolist()),
    "number of one value": with_gaps([7.0] * N),
    "number of rare values": [0.0] * (N - 2) + [-5.0, 9.0],
    "number without a value": [None] * N,
    "category": with_gaps(RNG.choice(["a", "b", "c"], N).tolist()),
    "category of many levels": RNG.choice(list("abcdefgh"), N, p=np.arange(1, 9) / 36).tolist(),
    "category of booleans": with_gaps((RNG.random(N) < 0.5).tolist()),
    "category of text and numbers": [1, "1", "x", 2.5, True, b"x"] * 10,
    "date": with_gaps([date(2020, 1, 1) + timedelta(int(d)) for d in RNG.integers(0, 900, N)]),
    "date of hours": [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=int(h)) for h in RNG.integers(0, 99, N)],
    "date of durations": with_gaps([timedelta(minutes=int(m)) for m in RNG.integers(0, 900, N)]),
    "date of one day": [date(2020, 1, 1)] * N,
}
each_column = pytest.mark.parametrize("name", COLUMNS)


def kind_of(name):
    return KINDS[name.split()[0]]


def column_of(values):
    return read_frame([[value] for value in values]).columns[0]


def part(name, rows):
    return column_of([COLUMNS[name][row] for row in rows])


@cache
def learned_at_once(name):
    kind = kind_of(name)("c")
    kind.learn(column_of(COLUMNS[name]), None)
    kind.finish(RESOLUTION)
    return kind


def check_same(name, kind, expected):
    """Two kinds code all values of a column alike, into features that are alike."""
    for ours, theirs in zip(kind.features(), expected.features(), strict=True):
        assert (ours.name, ours.block, ours.n_levels, ours.n_indicators) == (
            theirs.name, theirs.block, theirs.n_levels, theirs.n_indicators
        )  # fmt: skip
        np.testing.assert_allclose(ours.edges, theirs.edges, rtol=1e-6, atol=1e-7)
    column = column_of(COLUMNS[name])
    for ours, theirs in zip(kind.code(column), expected.code(column), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def test_there_is_a_column_of_each_kind():
    assert {name.split()[0] for name in COLUMNS} == set(KINDS)


@each_column
def test_a_column_is_of_one_kind(name):
    holds = column_of(COLUMNS[name]).holds()
    assert [kind for kind in KINDS.values() if kind.takes(holds)] == [kind_of(name)]


def chunks_of(seed):
    """Return rows in a random order, in chunks of random sizes."""
    rng = np.random.default_rng(seed)
    return np.split(rng.permutation(N), np.sort(rng.choice(np.arange(1, N), rng.integers(1, 6), replace=False)))


@pytest.mark.parametrize("seed", range(4))
@each_column
def test_chunks_are_learned_in_any_order(name, seed):
    kind = kind_of(name)("c")
    for rows in chunks_of(seed):
        kind.learn(part(name, rows), None)
    kind.finish(RESOLUTION)
    check_same(name, kind, learned_at_once(name))


@pytest.mark.parametrize("seed", range(4))
@each_column
def test_parts_that_learned_by_themselves_are_merged_in_any_order(name, seed):
    kinds = []
    for rows in chunks_of(seed):
        kind = kind_of(name)("c")
        kind.learn(part(name, rows), None)
        kinds.append(kind)
    first, *others = kinds
    for other in others:
        first.merge(other)
    first.finish(RESOLUTION)
    check_same(name, first, learned_at_once(name))


@pytest.mark.parametrize("learns", [0, 1], ids=["the first learns", "the other learns"])
@each_column
def test_a_part_that_learned_nothing_adds_nothing_and_takes_over_what_another_learned(name, learns):
    kind, other = kinds = [kind_of(name)("c") for _ in range(2)]
    kinds[learns].learn(column_of(COLUMNS[name]), None)
    kind.merge(other)
    kind.finish(RESOLUTION)
    check_same(name, kind, learned_at_once(name))


@each_column
def test_a_chunk_without_a_value_is_so_many_missing_ones(name):
    kind, expected = kind_of(name)("c"), kind_of(name)("c")
    rows = np.argsort([value is not None for value in COLUMNS[name]], kind="stable")  # the missing ones first
    n_missing = COLUMNS[name].count(None)
    for chunk in (rows[n_missing:], rows[:n_missing]):
        if len(chunk):
            kind.learn(part(name, chunk), None)
    kind.finish(RESOLUTION)
    expected.learn(part(name, rows), None)
    expected.finish(RESOLUTION)
    check_same(name, kind, expected)


@each_column
def test_a_row_that_counts_twice_is_two_rows(name):
    counts = np.random.default_rng(1).integers(0, 4, N)
    counts[:4] = 1
    weighted, repeated = kind_of(name)("c"), kind_of(name)("c")
    present = np.flatnonzero(counts)
    for rows in np.array_split(present, 3):
        weighted.learn(part(name, rows), counts[rows].astype(float))
    repeated.learn(part(name, np.repeat(np.arange(N), counts)), None)
    for kind in (weighted, repeated):
        kind.finish(RESOLUTION)
    check_same(name, weighted, repeated)


@each_column
def test_features_match_codes(name):
    kind = learned_at_once(name)
    features, codes = kind.features(), kind.code(column_of(COLUMNS[name]))
    assert len(features) == len(codes)
    for feature, values in zip(features, codes, strict=True):
        assert values.shape == (N,)
        assert np.isfinite(values.astype(float)).all()
        assert feature.name.startswith("c")
        assert feature.block in BLOCKS
        if feature.block == CODES:
            assert set(values) == set(range(feature.n_levels))


@each_column
def test_a_value_is_coded_alone_as_among_others(name):
    kind = learned_at_once(name)
    together = np.array([values.astype(float) for values in kind.code(column_of(COLUMNS[name]))])
    for row in range(0, N, 7):
        alone = [values.astype(float)[0] for values in kind.code(part(name, [row]))]
        np.testing.assert_array_equal(alone, together[:, row] if len(together) else [])


@each_column
def test_no_more_numbers_are_encoded_than_share_the_bins_of_a_table(name):
    kind = kind_of(name)("c")
    kind.learn(column_of(COLUMNS[name]), None)
    n_numbers = kind.n_numbers
    kind.finish(RESOLUTION)
    assert sum(len(feature.edges) > 0 for feature in kind.features()) <= n_numbers
