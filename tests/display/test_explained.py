"""Pictures of importances and contributions show the numbers of the fit."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from mlp_estimator import Explanation, ExplanationDisplay, ImportanceDisplay, TabularMLPClassifier

DATA = pd.DataFrame({"age": [20.0, np.nan, 40.0], "town": ["Bonn", "Cork", None], "on": [True, False, True]})
VALUES = np.array([[0.1, -0.2, 0.05], [0.3, 0.1, 0.0], [-0.4, 0.2, 0.01]])
ROWS = DATA.astype(object).to_numpy()
EXPLANATION = Explanation(VALUES, np.full(3, 0.5), ROWS, list(DATA))
BOTH = Explanation(np.stack([-VALUES, VALUES], axis=2), np.full((3, 2), 0.5), ROWS, list(DATA), ["no", "yes"])


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_importances_with_their_errors():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({name: rng.normal(size=200) for name in "abc"})
    settings = [{"hidden_layer_sizes": (8,)}]
    model = TabularMLPClassifier(settings=settings, n_folds=2, max_iter=8, random_state=0).fit(X, X["b"] > 0)
    display = ImportanceDisplay.from_estimator(model, max_columns=2)
    assert labels(display.ax_.yaxis)[0] == "b"
    np.testing.assert_allclose([bar.get_width() for bar in display.bars_], np.sort(model.feature_importances_)[:0:-1])
    assert display.ax_.get_title() == "TabularMLPClassifier"
    assert ImportanceDisplay.from_estimator(model, name="mine").ax_.get_title() == "mine"


def test_mean_sizes():
    display = ExplanationDisplay.from_explanation(BOTH, max_columns=2)
    assert labels(display.ax_.yaxis) == ["town", "age"]  # from the bottom
    np.testing.assert_allclose([bar.get_width() for bar in display.ax_.patches], [0.5 / 3, 0.8 / 3])


def test_a_row_from_its_base_value_to_its_prediction():
    display = ExplanationDisplay.from_explanation(BOTH, row=0, output="yes", max_columns=2)
    assert labels(display.ax_.yaxis) == ["1 others", "age = 20", "town = Bonn"]
    np.testing.assert_allclose([bar.get_width() for bar in display.ax_.patches], [0.05, 0.1, -0.2])
    np.testing.assert_allclose([bar.get_x() for bar in display.ax_.patches], [0.5, 0.55, 0.65])
    assert display.ax_.get_xlabel() == "from 0.5, the mean prediction of yes, to 0.45"
    assert [text.get_text() for text in display.ax_.texts] == ["+0.05", "+0.1", "-0.2"]
    missing = ExplanationDisplay.from_explanation(EXPLANATION, row=1)
    assert labels(missing.ax_.yaxis)[-1] == "age = missing"


def test_a_column_by_its_values():
    display = ExplanationDisplay.from_explanation(EXPLANATION, column="age")
    np.testing.assert_allclose(display.ax_.lines[0].get_xydata(), [[20.0, 0.1], [40.0, -0.4]])
    np.testing.assert_allclose(display.ax_.lines[1].get_ydata(), 0.3)  # of missing values
    display = ExplanationDisplay.from_explanation(EXPLANATION, column="town")
    assert labels(display.ax_.xaxis) == ["Bonn", "Cork", "missing"]
    assert labels(ExplanationDisplay.from_explanation(EXPLANATION, column="on").ax_.xaxis) == ["False", "True"]


def test_dates_are_an_axis_and_many_levels_are_limited():
    when = [pd.Timestamp("2020-01-03"), None, pd.Timestamp("2020-02-01 10:30")]
    dated = Explanation(VALUES[:, :1], np.full(3, 0.5), np.array(when, object)[:, None], ["when"])
    display = ExplanationDisplay.from_explanation(dated, column="when")
    assert display.ax_.lines[0].get_xdata()[0] == np.datetime64("2020-01-03")
    assert labels(ExplanationDisplay.from_explanation(dated, row=0).ax_.yaxis) == ["when = 2020-01-03"]
    lasting = np.array([pd.Timedelta("1min"), None, timedelta(seconds=2.5)], object)[:, None]
    timed = Explanation(VALUES[:, :1], np.full(3, 0.5), lasting, ["s"])
    display = ExplanationDisplay.from_explanation(timed, column="s")
    np.testing.assert_allclose(display.ax_.lines[0].get_xdata(), [60.0, 2.5])
    levels = np.array([f"level {k % 50 + 50 * (k > 199)}" for k in range(230)], object)[:, None]
    many = Explanation(np.arange(230.0)[:, None], np.zeros(230), levels, ["level"])
    assert len(labels(ExplanationDisplay.from_explanation(many, column="level").ax_.xaxis)) == 20
    odd = Explanation(VALUES[:, :1], np.zeros(3), np.array([np.inf, Fraction(1, 2), "a"], object)[:, None], ["odd"])
    assert len(labels(ExplanationDisplay.from_explanation(odd, column="odd").ax_.xaxis)) == 3
    assert labels(ExplanationDisplay.from_explanation(odd, row=0).ax_.yaxis) == ["odd = inf"]
    with pytest.raises(TypeError, match=r"explanation is a ndarray: give what model\.explain\(X\) returns"):
        ExplanationDisplay.from_explanation(VALUES)


def test_missing_values_and_instants_of_pandas():
    frame = pd.DataFrame(
        {"n": pd.array([1, None, 3], dtype="Int64"), "when": pd.to_datetime(["2020-01-03"] * 3, utc=True)}
    )
    rows = np.empty((3, 2), object)
    rows[:, 0], rows[:, 1] = list(frame["n"]), list(frame["when"].dt.tz_convert("Asia/Tokyo"))
    explanation = Explanation(VALUES[:, :2], np.full(3, 0.5), rows, list(frame))
    display = ExplanationDisplay.from_explanation(explanation, column="n")
    np.testing.assert_allclose(display.ax_.lines[0].get_xydata(), [[1.0, 0.1], [3.0, -0.4]])
    display = ExplanationDisplay.from_explanation(explanation, column="when")
    assert (display.ax_.lines[0].get_xdata() == np.datetime64("2020-01-03")).all()  # in UTC
    assert "n = missing" in labels(ExplanationDisplay.from_explanation(explanation, row=1).ax_.yaxis)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"row": 1, "column": "age"}, "Give a row or a column, not both"),
        ({"row": 1.5}, r"row=1\.5: give the number of a row"),
        ({"row": 3}, "row=3: the explanation has 3 rows"),
        ({"column": "agee"}, r"column='agee' is none of \['age', 'town', 'on'\]"),
        ({"output": "maybe"}, r"output='maybe': there are the outputs \['no', 'yes'\]"),
        ({"output": 2}, r"output=2: there are the outputs"),
    ],
)
def test_what_is_not_there(wanted, sentence):
    with pytest.raises(ValueError, match=sentence):
        ExplanationDisplay.from_explanation(BOTH, **wanted)
