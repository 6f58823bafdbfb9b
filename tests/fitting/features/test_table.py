"""A table: kinds of its columns, one coded array, and what the bottom layers make of that."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mlp_estimator.engine.layers import Dense, uniform
from mlp_estimator.engine.network import Network
from mlp_estimator.engine.sweeps import outputs
from mlp_estimator.fitting import chunks as chunks_module
from mlp_estimator.fitting import store
from mlp_estimator.fitting.chunks import Chunks, read_chunks
from mlp_estimator.fitting.features import table as module
from mlp_estimator.fitting.features.blocks import KEY
from mlp_estimator.fitting.features.kinds import Category, Date, Number, number
from mlp_estimator.fitting.features.table import Table, kind_of, named_columns, resolution_for
from mlp_estimator.fitting.frames import read_frame

NAN = np.nan
PEOPLE = pd.DataFrame(
    {
        "town": ["Cork", "Bonn", None, "Cork", "Dax", "Bonn"],
        "age": [20.0, 30.0, NAN, 40.0, 50.0, 60.0],
        "member": [True, False, True, True, False, False],
        "rooms": [1, 2, 2, 1, 1, 2],
        "nothing": [7.0] * 6,
    }
)
OPTIONS = {"categorical": None, "max_categories": 64, "n_bins": "auto", "dtype": "float64", "n_targets": 0}


def learned(X, **options):
    return Table.learn(read_chunks(X), len(X), **(OPTIONS | options))


def coded_and_taught(X, y=None, folds=None, counts=None, **options):
    """Return a table that has learned all its means, and the coded training rows."""
    table = learned(X, counts=counts, **options)
    folds = np.zeros(len(X), int) if folds is None else folds
    return table, coded_by(table, X, len(X), y, folds, counts)


def coded_by(table, X, n_rows, y, folds, counts, places=None):
    """Code the training rows, and let the table learn its means from them."""
    coded, y = np.zeros(table.shape(n_rows), table.dtype), np.zeros((n_rows, 1)) if y is None else y
    table.code_all(read_chunks(X), coded, folds, places)
    table.learn_means(coded, folds.max() + 1, lambda rows: y[rows], counts)
    return coded


def expanded(table, coded):
    """What the bottom layers make of coded rows: the inputs of the first affine layer (n, n_inputs)."""
    layout, width = table.layout, coded.shape[1]
    bottom = [*layout.bottom(), layout.one_hot, layout.encoding]
    for layer in bottom:
        width = layer.n_out(width)
    network = Network([*bottom, Dense(width, uniform(lambda n_in, n_out: 0.0))], coded.shape[1])
    params = network.params({"W": [np.eye(width)], "b": [np.zeros(width)]})
    return np.concatenate([raw[0].T.copy() for _, raw in outputs(network, params, coded)])


# Kinds.


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], Number),
        ([1.5, None], Number),
        ([None, None], Number),
        ([True, 2], Number),
        ([True, None], Category),
        (["a", "b"], Category),
        (["a", 1], Category),
        ([date(2024, 1, 1), None], Date),
        ([timedelta(1), None], Date),
    ],
)
def test_what_a_column_holds_decides_its_kind(values, kind):
    (column,) = read_frame([[value] for value in values]).columns
    assert kind_of(column, column.holds()) is kind


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [[1], [2]],
            r"Column 'x0' holds list, for example \[1\]. A column is number, category, date, text or booleans",
        ),
        ([1.5, 1j], "holds complex and number, for example 1j"),
        ([date(2024, 1, 1), "a"], "holds date and text, for example"),
    ],
)
def test_what_is_of_no_kind_is_refused_with_an_example(values, message):
    cells = np.empty((len(values), 1), dtype=object)
    cells[:, 0] = values
    (column,) = read_frame(cells).columns
    with pytest.raises(TypeError, match=message):
        kind_of(column, column.holds())


@pytest.mark.parametrize(
    ("chosen", "places"),
    [
        (None, []),
        ("from_dtype", []),
        (["rooms"], [3]),
        (["rooms", "age"], [1, 3]),
        ([3], [3]),
        ([False, False, False, True, False], [3]),
        ([], []),
    ],
)
def test_categories_are_named_by_name_place_or_mask(chosen, places):
    assert named_columns(read_frame(PEOPLE), chosen) == set(places)
    kinds = learned(PEOPLE, categorical=chosen).kinds
    assert [isinstance(kind, Category) for kind in kinds] == [k in {0, 2, *places} for k in range(5)]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["nose"], "'nose' which is not a feature name"),
        ([5], "the entry 5: give names, indices below [0-9]+, or a mask"),
        ([-1], "the entry -1"),
        ([True], "boolean mask should have shape"),
        ([1.5], "the entry 1.5"),
    ],
)
def test_what_names_no_column_is_refused(chosen, message):
    with pytest.raises(ValueError, match=message):
        named_columns(read_frame(PEOPLE), chosen)


@pytest.mark.parametrize(
    ("n_rows", "n_numbers", "n_bins", "expected"),
    [
        (500, 1, "auto", (32, 32)),
        (500, 16, "auto", (32, 32)),
        (500, 20, "auto", (25, 25)),
        (500, 1000, "auto", (4, 4)),
        (500, 0, "auto", (32, 32)),
        (9_999, 16, "auto", (32, 32)),
        (10_000, 16, "auto", (62, 128)),
        (16_000, 16, "auto", (100, 128)),
        (10**6, 16, "auto", (128, 128)),
        (10**6, 50, "auto", (40, 128)),
        (10_000, 100, "auto", (20, 20)),
        (10_000, 1, 7, (7, 7)),
        (10_000, 1, np.int64(7), (7, 7)),
    ],
)
def test_many_numbers_have_few_bins_and_few_values_in_many_rows_many(n_rows, n_numbers, n_bins, expected):
    resolution = resolution_for(n_rows, n_bins, 64, [Number("c")] * n_numbers)
    assert (resolution.n_bins, resolution.n_exact) == expected


@pytest.mark.parametrize(("n", "n_edges", "n_bins"), [(9_000, 33, 32), (10_000, 101, 62)])
def test_large_tables_have_an_edge_at_each_of_a_hundred_values(n, n_edges, n_bins):
    X = np.column_stack([np.arange(n) % 101, np.random.default_rng(0).normal(size=n)])
    assert [len(feature.edges) for feature in learned(X).layout.features] == [n_edges, n_bins + 1]


def test_rows_that_count_twice_make_a_table_large():
    X = (np.arange(6_000) % 101)[:, None]
    assert [len(feature.edges) for feature in learned(X, counts=np.full(6_000, 2.0)).layout.features] == [101]


# Coded rows.


def test_a_table_is_coded_by_block():
    table, coded = coded_and_taught(PEOPLE)
    names = [feature.name for feature in table.layout.features]
    assert names == ["age", "rooms", "age is missing", "town", "member"]
    u = (np.array([20.0, 30, 40, 40, 50, 60]) - 40) / 20
    u[2] = 0.0  # missing
    np.testing.assert_allclose(coded[:, 0], u / np.sqrt(1 + (u / 3) ** 2), rtol=1e-6)
    np.testing.assert_array_equal(coded[:, 2], [0, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(coded[:, 3], [1, 0, 3, 1, 2, 0])
    np.testing.assert_array_equal(coded[:, 4], [1, 0, 1, 1, 0, 0])


def test_the_network_reads_numbers_indicators_and_the_encoding():
    table, coded = coded_and_taught(PEOPLE)
    inputs = expanded(table, coded)
    np.testing.assert_allclose(inputs[:, :3], coded[:, :3])
    towns, member, encoding = inputs[:, 3:7], inputs[:, 7], inputs[:, 8:]
    np.testing.assert_array_equal(towns, np.eye(4)[[1, 0, 3, 1, 2, 0]])
    np.testing.assert_array_equal(member, [1, -1, 1, 1, -1, -1])
    # Edges at the five distinct values: a component is 1 above its bin, 0 below, and a missing value is the median.
    steps = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]])
    np.testing.assert_allclose(encoding, steps - steps.mean(axis=0), atol=1e-6)


def test_the_encoding_goes_on_by_one_bin_beyond_the_values_of_fit():
    X = np.arange(5.0)[:, None]
    table, coded = coded_and_taught(X)
    mean = np.array([4, 3, 2, 1]) / 5  # of the components over the training rows
    np.testing.assert_allclose(expanded(table, coded)[:, 1:].mean(axis=0), 0.0, atol=1e-6)
    far = expanded(table, table.code(read_frame(np.array([[-1e9], [1e9]]))))[:, 1:] + mean
    np.testing.assert_allclose(far, [[-1, 0, 0, 0], [1, 1, 1, 2]], atol=1e-6)


def test_unknown_levels_and_missing_booleans_are_neutral():
    table, _ = coded_and_taught(PEOPLE)
    inputs = expanded(table, table.code(read_frame(PEOPLE[:1].assign(town="Elba", member=None))))
    np.testing.assert_array_equal(inputs[0, 3:8], 0.0)


@pytest.mark.parametrize("weighted", [False, True], ids=["once", "weighted"])
def test_the_encoding_has_mean_0_over_the_training_rows_missing_ones_included(weighted):
    rng = np.random.default_rng(0)
    X = rng.lognormal(size=(3000, 3))
    X[rng.random((3000, 3)) < 0.3] = NAN
    counts = rng.integers(1, 9, 3000).astype(float) if weighted else None
    table, coded = coded_and_taught(X, counts=counts)
    encoding = expanded(table, coded)[:, coded.shape[1] :]
    assert encoding.shape[1] == 3 * (85 if weighted else 32)  # some 13,600 rows by weight
    np.testing.assert_allclose(np.average(encoding, axis=0, weights=counts), 0.0, atol=1e-6)
    assert encoding.std(axis=0).min() > 0.03


def test_a_table_without_anything_to_learn_has_one_column_of_zeros():
    X = np.full((5, 2), 3.0)
    table, coded = coded_and_taught(X)
    np.testing.assert_array_equal(coded, np.zeros((5, 1)))
    np.testing.assert_array_equal(expanded(table, coded), np.zeros((5, 1)))


def test_training_rows_have_the_key_of_their_fold_and_new_rows_that_of_none():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size": rng.normal(size=90), "town": rng.choice(list("abc"), 90), "member": rng.random(90) < 0.5})
    y, folds = rng.normal(size=(90, 2)), np.arange(90) % 3
    table, coded = coded_and_taught(X, y, folds, n_targets=2)
    assert [feature.name for feature in table.layout.features] == ["size", "town", "member", "fold"]
    np.testing.assert_array_equal(coded[:, -1], folds + 1)
    new = table.code(read_frame(X))
    np.testing.assert_array_equal(new[:, -1], np.zeros(90))
    np.testing.assert_array_equal(coded[:, :-1], new[:, :-1])
    means, of_folds = expanded(table, new)[:, 1:3], expanded(table, coded)[:, 1:3]
    of_new_rows, of_training_rows = (table.means.tables((), new_rows=flag)[0] for flag in (True, False))
    levels = 1 + coded[:, 1].astype(int)
    np.testing.assert_allclose(means, of_new_rows[0, levels])
    np.testing.assert_allclose(of_folds, of_training_rows[folds + 1, levels])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_coded_in_the_type_of_the_computation(dtype):
    assert learned(PEOPLE, dtype=dtype).code(read_frame(PEOPLE)).dtype == dtype


def test_a_layout_does_not_change_what_is_pickled():
    table, _ = coded_and_taught(PEOPLE)
    again = pickle.loads(pickle.dumps(table))
    before = pickle.dumps(again)
    again.layout.network("one", lambda: Network([Dense(1, lambda p, rng: None)], 1))  # with a function of no module
    assert pickle.dumps(again) == before


def test_the_layout_is_the_same_object_each_time():
    table, _ = coded_and_taught(PEOPLE)
    assert table.layout is table.layout


def test_categories_are_the_levels_of_categories_and_booleans():
    towns, members = learned(PEOPLE).categories
    assert towns.tolist() == ["Bonn", "Cork", "Dax", None]
    assert members.tolist() == [0, 1]


# Rows of a prediction.


def refuse(X, **options):
    raise ValueError("The feature names should match those that were passed during fit.")


def accept(X, **options):
    return X


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame])
def test_names_give_the_order_of_columns(container):
    columns = {"a": [1.0, 2.0], "b": [3.0, 4.0], "c": [5.0, 6.0]}
    table = learned(pd.DataFrame(columns))
    (frame,) = table.read(container({name: columns[name] for name in "cab"}), refuse)
    assert [column.numbers().tolist() for column in frame.columns] == list(columns.values())


def test_tables_without_names_are_read_by_position():
    table = learned(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}))
    (frame,) = table.read(np.array([[1.0, 2.0]]), accept)
    assert [column.numbers().tolist() for column in frame.columns] == [[1.0], [2.0]]


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"], ["a", "c"]])
def test_other_columns_than_those_of_fit_are_left_to_scikit_learns_validation(names):
    table = learned(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}))
    with pytest.raises(ValueError, match="The feature names should match"):
        list(table.read(pd.DataFrame(np.ones((2, len(names))), columns=names), refuse))


def test_pieces_are_the_coded_rows_in_stretches(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_ROWS", 4)
    table, _ = coded_and_taught(PEOPLE)
    pieces = list(table.pieces(read_chunks(PEOPLE)))
    assert [len(piece) for piece in pieces] == [4, 2]
    np.testing.assert_array_equal(np.concatenate(pieces), table.code(read_frame(PEOPLE)))


# Chunks.

IN_CHUNKS = {
    "text, of some chunks": (["Bonn", None, None, None, "Cork", "Bonn"], 2),
    "text, later than missing values": ([None, None, None, "Bonn", "Cork", "Bonn"], 2),
    "numbers, later than missing values": ([NAN, NAN, NAN, 1.0, 2.5, 7.0], 1),
    "numbers, earlier than missing values": ([1.0, 2.5, 7.0, NAN, NAN, NAN], 2),
    "nothing": ([None] * 6, 3),
    "booleans": ([True, False, True, True, False, None], 1),
    "numbers, later than text": (["Bonn", "Cork", "Bonn", 1, 2, 3], 3),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", IN_CHUNKS)
def test_a_table_in_chunks_is_the_table_in_one_frame(name, weighted):
    values, n_rows = IN_CHUNKS[name]
    X = pd.DataFrame({"c": pd.Series(values, dtype=object), "size": np.arange(6.0)})
    counts = np.array([1.0, 2.0, 1.0, 1.0, 3.0, 1.0]) if weighted else None

    def chunks():
        return (X[start : start + n_rows] for start in range(0, len(X), n_rows))

    together, coded = coded_and_taught(X, counts=counts)
    apart = Table.learn(replace(read_chunks(chunks), n_read=6), 6, counts=counts, **OPTIONS)
    in_chunks = coded_by(apart, chunks, 6, None, np.zeros(6, int), counts)
    assert [type(kind) for kind in apart.kinds] == [type(kind) for kind in together.kinds]
    np.testing.assert_array_equal(in_chunks, coded)
    assert pickle.dumps(apart) == pickle.dumps(together)


def in_parts(X, n_rows):
    """The table as parts of so many rows, each of which is read by itself."""
    parts = [X[start : start + n_rows] for start in range(0, len(X), n_rows)]
    return Chunks(
        [(f"part {k}", part) for k, part in enumerate(parts)], chunks_module._partition, list(X.columns), len(X)
    )


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", [name for name in IN_CHUNKS if name != "numbers, later than text"])  # see below
def test_a_table_in_parts_is_the_table_in_one_frame(name, weighted, n_jobs):
    values, n_rows = IN_CHUNKS[name]
    X = pd.DataFrame({"c": pd.Series(values, dtype=object), "size": np.arange(6.0)})
    counts = np.array([1.0, 2.0, 1.0, 1.0, 3.0, 1.0]) if weighted else None
    folds = np.array([0, 1, 0, 1, 0, 1])
    together, coded = coded_and_taught(X, counts=counts, folds=folds)
    parts = replace(in_parts(X, n_rows), n_jobs=n_jobs)
    apart = Table.learn(parts, 6, counts=counts, **OPTIONS)
    np.testing.assert_array_equal(coded_by(apart, parts, 6, None, folds, counts), coded)
    np.testing.assert_equal(list(map(vars, apart.kinds)), list(map(vars, together.kinds)))


def test_parts_of_two_types_are_refused_by_name_and_place():
    X = pd.DataFrame({"town": pd.Series(["Bonn", "Cork", 1, 2], dtype=object)})
    with pytest.raises(ValueError, match="part 1: Column 'town' holds number, and text in the chunks before"):
        Table.learn(in_parts(X, 2), 4, **OPTIONS)
    table = Table.learn(in_parts(X, 2), 4, **(OPTIONS | {"categorical": ["town"]}))
    assert table.categories[0].tolist() == [1, 2, "Bonn", "Cork"]


def test_rows_are_coded_in_another_order():
    folds, places = np.array([0, 1, 2, 0, 1, 2]), np.array([3, 0, 5, 1, 2, 4])
    table, coded = coded_and_taught(PEOPLE, folds=folds, n_targets=1)
    found = coded_by(learned(PEOPLE, n_targets=1), PEOPLE, 6, None, folds, None, places)
    np.testing.assert_array_equal(found[places], coded)
    assert coded[:, table.layout.block(KEY)].ravel().tolist() == [1, 2, 3, 1, 2, 3]


def written_by(write, monkeypatch):
    """Return the rows that the process of the fit writes, beside those of its parts."""
    returned, each = [], module.Chunks.each

    def listening(*arguments):
        for rows, result in each(*arguments):
            returned.append(result)
            yield rows, result

    monkeypatch.setattr(module.Chunks, "each", listening)
    write()
    return [result for result in returned if result is not None]


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("backend", ["loky", "another"])
def test_processes_write_rows_that_they_share(in_file, backend, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "MIN_SHARED", 0)
    monkeypatch.setattr(chunks_module, "processes_are_local", lambda: backend == "loky")
    folds, places = np.array([0, 1, 2, 0, 1, 2]), np.array([3, 0, 5, 1, 2, 4])
    coded = coded_and_taught(PEOPLE, folds=folds)[1]
    parts = replace(in_parts(PEOPLE, 2), n_jobs=2)
    table = Table.learn(parts, 6, **OPTIONS)
    with store.zeros(coded.shape, "float32", tmp_path, 0 if in_file else np.inf, shared=True) as out:
        written = written_by(lambda: table.code_all(parts, out, folds, places if in_file else None), monkeypatch)
        np.testing.assert_array_equal(out[places] if in_file else out, coded)
    assert len(written) == (0 if backend == "loky" else 3)


def test_only_the_process_of_the_fit_writes_rows_of_its_own():
    # Another one would write to a copy.
    folds, places = np.array([0, 1, 2, 0, 1, 2]), np.array([3, 0, 5, 1, 2, 4])
    coded = coded_and_taught(PEOPLE, folds=folds)[1]
    parts = replace(in_parts(PEOPLE, 2), n_jobs=2)
    found = coded_by(Table.learn(parts, 6, **OPTIONS), parts, 6, None, folds, None, places)
    np.testing.assert_array_equal(found[places], coded)


@pytest.mark.parametrize("n_parts", [1, 3])
def test_the_resolution_of_many_columns_is_found_once(n_parts, monkeypatch):
    # It counts the numbers of all columns: found for each of 20,000 columns, it took 40 s.
    calls, find = [], module.resolution_for
    monkeypatch.setattr(module, "resolution_for", lambda *arguments: (calls.append(0), find(*arguments))[1])
    Table.learn(in_parts(PEOPLE, 6 // n_parts), 6, **OPTIONS)
    assert len(calls) == (1 if n_parts == 1 else n_parts + 1)  # of each chunk, which may be the last one


def test_the_encoding_of_many_rows_has_its_means_from_some_of_them(monkeypatch):
    X = np.random.default_rng(0).normal(size=(3000, 2))
    expected = coded_and_taught(X)[0].encoding_means
    monkeypatch.setattr(module, "MAX_MEANS", 1000)
    found = coded_and_taught(X)[0].encoding_means
    assert 0.0 < np.abs(found - expected).max() < 0.05


def test_a_column_of_two_types_in_two_chunks_is_refused_by_name_and_place():
    parts = [pd.DataFrame({"town": [1, 2]}), pd.DataFrame({"town": ["Bonn", "Cork"]})]
    with pytest.raises(ValueError, match="chunk 1: Column 'town' holds text, and number in the chunks before"):
        Table.learn(read_chunks(lambda: iter(parts)), 4, **OPTIONS)


@pytest.mark.parametrize("as_array", [False, True])
def test_a_first_chunk_without_values_has_no_type(as_array):
    parts = [pd.DataFrame({"town": pd.Series(values, dtype=object)}) for values in ([np.nan] * 2, ["Bonn", "Cork"])]
    parts = [parts[0].to_numpy(float), parts[1].to_numpy(object)] if as_array else parts
    table = Table.learn(read_chunks(lambda: iter(parts)), 4, **OPTIONS)
    assert table.categories[0].tolist() == ["Bonn", "Cork", None]


def test_chunks_have_as_many_columns_as_the_first_one():
    with pytest.raises(ValueError, match=r"chunk 1: X has 1 column\(s\), and 2 in the chunks before"):
        Table.learn(read_chunks(lambda: iter([np.ones((2, 2)), np.ones((2, 1))])), 4, **OPTIONS)


def test_a_category_of_the_user_may_hold_text_after_numbers():
    parts = [pd.DataFrame({"town": [1, 2]}), pd.DataFrame({"town": ["Bonn", "Cork"]})]
    table = Table.learn(read_chunks(lambda: iter(parts)), 4, **(OPTIONS | {"categorical": ["town"]}))
    assert table.categories[0].tolist() == [1, 2, "Bonn", "Cork"]


def test_a_part_of_a_large_table_returns_its_share_of_the_sample_alone(monkeypatch):
    # What processes return of all parts would otherwise be all values.
    monkeypatch.setattr(number, "MAX_SAMPLE", 400)
    frame = pd.DataFrame({"x": np.arange(300.0)})
    part = chunks_module.Part(frame, lambda source, columns: iter([("chunk 0", source)]), n_total=3000)
    learned = module.Learned.of(None, lambda kinds: resolution_for(3000, 32, 64, kinds), None, part, None)
    assert sum(len(chunk.values) for chunk in learned.learners[0].known._chunks) == pytest.approx(20, abs=10)
    assert learned.learners[0].known.n_rows == 300
