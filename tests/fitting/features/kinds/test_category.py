"""Categories: which values are one level, the order of levels, and which levels share a code."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from mlp_estimator.fitting.features.blocks import CODES
from mlp_estimator.fitting.features.kinds.category import UNKNOWN, Category, level_of
from mlp_estimator.fitting.features.kinds.contract import Resolution
from mlp_estimator.fitting.frames import read_frame


def column(values):
    return read_frame([[value] for value in values]).columns[0]


def learned(values, max_categories=64, counts=None):
    """Return the kind of a column of categories."""
    kind = Category("c")
    kind.learn(column(values), counts)
    kind.finish(Resolution(32, 32, max_categories))
    return kind


def codes(kind, values):
    return kind.code(column(values))[0].tolist()


class Town(str, Enum):  # noqa: UP042 - as people write it
    CORK = "Cork"


# What a value is.

SAME = {
    "a decimal of 32 bits": (0.1, [0.1, np.float32(0.1), np.float16(0.1), "0.1"]),
    "one": (1, [1, 1.0, True, "1", "1.0", "1.00", b"1", np.int8(1), np.float32(1), np.bool_(True), Decimal("1.00")]),
    "zero": (0, [0, 0.0, -0.0, False, "0", "-0", "0.0", Decimal(0), Fraction(0)]),
    "a half": (0.5, [0.5, "0.5", np.float64(0.5), Decimal("0.5"), Fraction(1, 2), b"0.5"]),
    "a negative number": (-12, [-12, "-12", "-12.0", -12.0, Decimal("-12.000")]),
    "an integer beyond 2^53": (2**53 + 1, [2**53 + 1, str(2**53 + 1), Decimal(2**53 + 1), np.int64(2**53 + 1)]),
    "an integer beyond 64 bits": (10**30 + 1, [10**30 + 1, str(10**30 + 1), Decimal(10**30 + 1)]),
    "a float as Python writes it": (int(1e300), [1e300, "1e+300"]),
    "a small float as Python writes it": (1e-07, [1e-07, "1e-07", "0.0000001"]),
    "a large float as Python writes it": (10**16, [1e16, "1e+16", "10000000000000000"]),
    "text": ("Cork", ["Cork", Town.CORK, b"Cork", np.str_("Cork"), np.bytes_(b"Cork")]),
    "a date": ("2024-01-31", [date(2024, 1, 31), datetime(2024, 1, 31), np.datetime64("2024-01-31"), "2024-01-31"]),
    "a time": ("2024-01-31T09:30:00", [datetime(2024, 1, 31, 9, 30), pd.Timestamp("2024-01-31 09:30")]),
    "an instant": (
        "2024-01-31T09:30:00",
        [datetime(2024, 1, 31, 9, 30, tzinfo=UTC), datetime(2024, 1, 31, 18, 30, tzinfo=timezone(timedelta(hours=9)))],
    ),
    "a duration in seconds": (5400, [timedelta(minutes=90), pd.Timedelta("90min"), np.timedelta64(90, "m"), "5400"]),
    "another type": ("(1, 2)", [(1, 2), "(1, 2)"]),
    "missing": (None, [None, np.nan, float("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), Decimal("NaN")]),
}


@pytest.mark.parametrize(("level", "values"), SAME.values(), ids=SAME)
def test_values_that_are_one_level(level, values):
    for value in values:
        found = level_of(value)
        assert found == level, value
        assert type(found) is type(level), value


def test_bytes_that_are_no_text_are_told_apart():
    assert level_of("café".encode("latin-1")) != level_of("cafè".encode("latin-1"))


def test_instants_beyond_the_dates_of_python():
    assert level_of(datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=5)))) == "10000-01-01T04:00:00.000000"


def test_a_decimal_with_zeros_behind_is_its_number_unless_it_is_a_level():
    assert codes(learned([0.5, 2.1]), ["0.50", "2.100", "2.1000", "2.10x"]) == [0, 1, -1, -1]
    versions = learned(["2.1", "2.10", "2.1", "2.10"])
    assert sorted(codes(versions, ["2.1", "2.10"])) == [0, 1]
    assert codes(versions, ["2.1", 2.1]) == 2 * codes(versions, ["2.100"])


def test_levels_are_told_apart():
    levels = {level for level, _ in SAME.values()} | {level_of(2**53), level_of(10**30)}
    assert len(levels) == len(SAME) + 1  # a time is an instant of UTC


@pytest.mark.parametrize(
    "text",
    ["1.23456789012345678901", "0.10000000000000001", "9" * 5000,
     "007", "01", "+1", " 1", "1 ", "1.", ".5", "1e3", "1E+300", "0x1", "1_000", "inf", "-inf", "nan", "NaN", "NA",
     "None", "", "true", "True", "½", "\u0661"],
)  # fmt: skip
def test_other_text_is_text(text):
    # A code of a post office is no number, and neither is the word nan.
    assert level_of(text) == text
    assert type(level_of(text)) is str


@pytest.mark.parametrize(("value", "level"), [(np.inf, np.inf), (Decimal("-Infinity"), -np.inf)])
def test_infinity_is_a_level(value, level):
    assert level_of(value) == level


def test_bytes_that_are_no_text_are_a_level_all_the_same():
    assert type(level_of(b"\xff\xfe")) is str


# What a column is.


@pytest.mark.parametrize(
    ("holds", "takes"),
    [
        ({"text"}, True),
        ({"text", "number"}, True),
        ({"text", "number", "boolean"}, True),
        ({"boolean"}, True),
        ({"category"}, True),
        ({"category", "date"}, True),
        ({"boolean", "number"}, False),
        ({"number"}, False),
        ({"text", "date"}, False),
        ({"date"}, False),
        (set(), False),
    ],
)
def test_categories_are_text_booleans_and_category_types(holds, takes):
    assert Category.takes(frozenset(holds)) is takes


# Codes.


def test_levels_are_in_order_numbers_before_text():
    kind = learned(["b", 10, "9", 2.5, "a", True, "10"])
    assert kind.categories.tolist() == [1, 2.5, 9, 10, "a", "b"]
    assert codes(kind, [True, 2.5, 9, 10, "a", "b"]) == [0, 1, 2, 3, 4, 5]
    (feature,) = kind.features()
    assert (feature.name, feature.block, feature.n_levels) == ("c", CODES, 6)


def test_the_order_of_rows_does_not_matter():
    values = ["b", "a", "c", "a"]
    assert learned(values).codes == learned(values[::-1]).codes


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT], ids=str)
def test_missing_is_the_last_level_where_values_were_missing_in_fit(missing):
    kind = learned(["b", missing, "a"])
    assert codes(kind, ["a", "b", None, np.nan, pd.NA]) == [0, 1, 2, 2, 2]
    assert kind.categories.tolist() == ["a", "b", None]
    assert kind.features()[0].n_levels == 3


def test_missing_is_unknown_where_no_value_was_missing_in_fit():
    kind = learned(["b", "a"])
    assert codes(kind, [None, "a"]) == [UNKNOWN, 0]
    assert kind.features()[0].n_levels == 2


def test_a_level_that_was_never_seen_is_unknown():
    assert codes(learned([1, 2, 4]), [3, "Cork", 2, "2.5", date(2024, 1, 1)]) == [-1, -1, 1, -1, -1]


def indicators(kind, values):
    """The indicator of each value."""
    return [min(code, kind.features()[0].n_indicators - 1) for code in codes(kind, values)]


def test_the_rarest_levels_have_the_last_codes_and_share_an_indicator():
    kind = learned(list("aaabccccddeeeef"), max_categories=4)
    assert codes(kind, list("acebdf")) == [0, 1, 2, 3, 4, 5]
    assert indicators(kind, list("acebdf")) == [0, 1, 2, 3, 3, 3]
    assert codes(kind, ["never"]) == [UNKNOWN]
    assert (kind.features()[0].n_levels, kind.features()[0].n_indicators) == (6, 4)
    assert sorted(kind.categories) == list("abcdef")


def test_missing_is_one_of_the_categories_and_never_shares():
    kind = learned([*"aaabbc", None], max_categories=3)
    assert codes(kind, ["a", "b", "c", None]) == [0, 2, 3, 1]
    assert indicators(kind, ["a", "b", "c", None]) == [0, 2, 2, 1]


def test_as_many_levels_as_categories_share_nothing():
    kind = learned(["a", "b", "b", "c"], max_categories=3)
    assert indicators(kind, ["a", "b", "c"]) == codes(kind, ["a", "b", "c"]) == [0, 1, 2]


def test_of_equally_frequent_levels_the_last_ones_are_kept_as_by_scikit_learn():
    from sklearn.preprocessing import OrdinalEncoder

    values = list("abcdabcdee")
    ours = np.array(indicators(learned(values, max_categories=3), list("abcde")))
    encoder = OrdinalEncoder(max_categories=3).fit(np.array(values)[:, None])
    theirs = encoder.transform(np.array(list("abcde"))[:, None])[:, 0]
    np.testing.assert_array_equal(ours, theirs)


def test_counts_decide_which_levels_are_kept():
    values = list("abc")
    for counts, expected in (([1.0, 5.0, 3.0], [1, 0, 1]), ([5.0, 1.0, 3.0], [0, 1, 1]), ([0.5, 0.1, 0.7], [1, 1, 0])):
        assert indicators(learned(2 * values, max_categories=2, counts=np.tile(counts, 2)), values) == expected


def test_forms_of_a_level_count_together():
    kind = learned([1, "1", True, 1.0, "x", "x", "y", "y", "y"], max_categories=2)
    assert indicators(kind, [1, "x", "y"]) == [0, 1, 1]


@pytest.mark.parametrize("entry", [[1, 2], {"a": 1}, {1}])
def test_a_list_in_a_cell_is_no_level(entry):
    with pytest.raises(ValueError, match=r"Column 'x0' has the entry .*, a (list|dict|set): a category is a number or"):
        learned(["a", entry])
    with pytest.raises(ValueError, match="Column 'x0' has the entry"):
        learned(["a", "b"]).code(column(["a", entry]))
