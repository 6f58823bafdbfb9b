"""Sources of chunks: the same rows from each of them, in each pass, and errors that name the place."""

import itertools
import os
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet
import pytest

from mlp_estimator.fitting import chunks as module
from mlp_estimator.fitting.chunks import read_chunks

N = 25
FRAME = pd.DataFrame(
    {
        "size": np.linspace(0.0, 1.0, N),
        "town": [*["Bonn", "Cork", None, "Dax", "Ely"] * 5],
        "label": ["yes", "no", "no", "yes", "no"] * 5,
    }
)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_ROWS", 4)


def files(folder, end=".parquet"):
    """Write the frame to three files, the first of which has most rows."""
    write = {".parquet": pa.parquet.write_table, ".csv": pa.csv.write_csv, ".arrow": pa.feather.write_feather}[end]
    options = {"row_group_size": 5} if end == ".parquet" else {}
    for k, part in enumerate((FRAME[:15], FRAME[15:20], FRAME[20:])):
        write(pa.Table.from_pandas(part, preserve_index=False), str(folder / f"part{k}{end}"), **options)
    return folder


def dask_frame(folder):
    dd = pytest.importorskip("dask.dataframe")
    parts = [FRAME[:0], FRAME[:10], FRAME[10:10], FRAME[10:]]
    return dd.from_map(lambda k: parts[k], range(4), meta=FRAME[:0])


SOURCES = {
    "frame": lambda folder: FRAME,
    "lazy frame of polars": lambda folder: pl.from_pandas(FRAME).lazy(),
    "scan of files": lambda folder: pl.scan_parquet(files(folder) / "*.parquet"),
    "dataset": lambda folder: pa.dataset.dataset(files(folder)),
    "dataset with a filter": lambda folder: pa.dataset.dataset(files(folder)).filter(pa.dataset.field("size") >= 0.0),
    "dataset in memory": lambda folder: pa.dataset.dataset(pa.Table.from_pandas(FRAME)),
    "folder": files,
    "folder as text": lambda folder: str(files(folder)),
    "pattern": lambda folder: str(files(folder) / "part[0-2].parquet"),
    "files of CSV": lambda folder: files(folder, ".csv"),
    "files of Arrow": lambda folder: files(folder, ".arrow"),
    "frame of Dask": dask_frame,
    "function": lambda folder: lambda: (FRAME[start : start + 3] for start in range(0, N, 3)),
    "function that returns a list": lambda folder: lambda: [FRAME[:7], FRAME[:0], FRAME[7:]],
}


def rows(chunks):
    """The rows of all chunks, by column."""
    columns = [[column.objects() for column in frame.columns] for frame in chunks]
    values = [list(itertools.chain(*parts)) for parts in zip(*columns, strict=True)]
    return [[None if pd.isna(value) else value for value in of_column] for of_column in values]


EXPECTED = [[None if pd.isna(value) else value for value in FRAME[name]] for name in FRAME]


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_has_the_rows_in_order_in_each_pass(source, tmp_path):
    chunks = read_chunks(SOURCES[source](tmp_path))
    for _ in range(2):
        np.testing.assert_allclose(rows(chunks)[0], EXPECTED[0], atol=1e-12)
        assert rows(chunks)[1:] == EXPECTED[1:]
        assert all(frame.n_rows for frame in chunks)
    in_one = {"frame"} | (
        set() if hasattr(pl.LazyFrame, "collect_batches") else {"lazy frame of polars", "scan of files"}
    )
    assert len(list(chunks)) > 1 or source in in_one


@pytest.mark.parametrize("source", SOURCES)
def test_columns_are_taken_out_by_name(source, tmp_path):
    chunks, (y, weight, groups) = read_chunks(SOURCES[source](tmp_path)).take_out(y="label", weight="size", groups=None)
    assert y.tolist() == EXPECTED[2]
    np.testing.assert_allclose(weight, EXPECTED[0], atol=1e-12)
    assert groups is None
    assert chunks.n_rows == N
    assert rows(chunks) == EXPECTED[1:2]


@pytest.mark.parametrize("source", SOURCES)
def test_some_of_the_rows(source, tmp_path):
    chosen = np.arange(N) % 3 == 1
    chunks = read_chunks(SOURCES[source](tmp_path)).where(chosen)
    assert rows(chunks)[2] == FRAME["label"][chosen].tolist()
    assert chunks.n_rows == chosen.sum()


def size_and_values(part, *values):
    """The numbers of a part, and its values of arrays, with the process that has read them."""
    return [np.concatenate([np.empty(0), *(frame.columns[0].numbers() for frame in part)]), *values, os.getpid()]


PARTS = {"pattern": 4, "dataset with a filter": 1, "files of CSV": 3, "frame of Dask": 4, "function": 1, "frame": 1}


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("some", [False, True], ids=["all rows", "some rows"])
@pytest.mark.parametrize("source", PARTS)
def test_parts_are_read_with_the_values_of_their_rows(source, some, n_jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PART_ROWS", 6)
    chosen = np.arange(N) % 3 != 1 if some else np.ones(N, bool)
    chosen[20:] &= not some  # the last file is left without rows
    chunks = replace(read_chunks(SOURCES[source](tmp_path)), n_jobs=n_jobs, n_read=N)
    chunks = chunks.where(chosen) if some else chunks
    numbers = np.arange(N)[chosen]
    for _ in range(2):
        parts = [(rows, of_part) for rows, of_part in chunks.each(size_and_values, numbers, None)]
        assert len(parts) == PARTS[source]
        for rows, (sizes, of_rows, nothing, process) in parts:
            np.testing.assert_array_equal(of_rows, numbers[rows])
            np.testing.assert_allclose(sizes, FRAME["size"][of_rows], atol=1e-12)
            assert nothing is None
            assert (process == os.getpid()) == (n_jobs is None or len(parts) == 1 or source == "frame of Dask")
        assert np.concatenate([of_rows for _, (_, of_rows, *_) in parts]).tolist() == numbers.tolist()


def test_other_values_in_a_part_are_noticed(tmp_path):
    chunks = replace(read_chunks(files(tmp_path, ".csv")), n_read=N)
    list(chunks.each(size_and_values))
    FRAME[15:20].assign(size=0.5).to_csv(tmp_path / "part1.csv", index=False)
    with pytest.raises(ValueError, match="X has other values than in the pass before"):
        list(chunks.each(size_and_values))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_part_with_fewer_rows_than_before_is_noticed_and_named(n_jobs, tmp_path):
    chunks = replace(read_chunks(files(tmp_path, ".csv")), n_jobs=n_jobs, n_read=N)
    list(chunks.each(size_and_values))
    FRAME[15:19].to_csv(tmp_path / "part1.csv", index=False)
    with pytest.raises(ValueError, match=r"part1\.csv: X has 19 rows, fewer than y or an earlier pass, 25"):
        list(chunks.each(size_and_values, np.arange(N)))


@pytest.mark.parametrize("weighted", [False, True])
def test_more_rows_in_several_files_than_in_y_are_noticed(weighted, tmp_path):
    chunks = replace(read_chunks(files(tmp_path)), n_read=20)
    chunks = chunks.where(np.arange(20) > 3) if weighted else chunks
    with pytest.raises(ValueError, match="X has 25 rows, more than y or an earlier pass, 20"):
        list(chunks.each(size_and_values, np.arange(20)))


def test_an_error_names_the_place_where_some_rows_are_left_out(tmp_path):
    chunks = read_chunks(files(tmp_path)).where(np.arange(N) > 3)
    assert [frame.place.split("/")[-1] for frame in chunks][-1].startswith("part2.parquet, chunk 1")


def test_columns_of_a_frame_of_dask_need_no_text_as_names():
    dd = pytest.importorskip("dask.dataframe")
    chunks = replace(
        read_chunks(dd.from_pandas(pd.DataFrame(np.arange(20.0).reshape(10, 2)), npartitions=3)), n_read=10
    )
    for _ in range(2):
        parts = [of_part for _, of_part in chunks.each(size_and_values, np.arange(10))]
        np.testing.assert_array_equal(np.concatenate([values for values, *_ in parts]), np.arange(0.0, 20.0, 2.0))


def test_some_row_groups_of_a_file_and_folders_named_by_a_value_are_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PART_ROWS", 6)
    for town, frame in {"Bonn": FRAME[:15], "Cork": FRAME[15:]}.items():
        (tmp_path / f"town={town}").mkdir()
        table = pa.Table.from_pandas(frame[["size"]], preserve_index=False)
        pa.parquet.write_table(table, str(tmp_path / f"town={town}" / "all.parquet"), row_group_size=5)
    chunks = read_chunks(tmp_path)
    assert len(chunks.sources) == 3
    assert rows(chunks)[1] == ["Bonn"] * 15 + ["Cork"] * 10
    whole = pa.dataset.dataset(tmp_path, partitioning="hive")
    (first, *_) = whole.get_fragments()
    part = pa.dataset.FileSystemDataset(
        [first.subset(row_group_ids=[1, 2])], whole.schema, first.format, first.filesystem
    )
    np.testing.assert_allclose(rows(read_chunks(part))[0], FRAME["size"][5:15], atol=1e-12)


def test_values_that_are_given_stay_as_they_are():
    y = FRAME["label"]
    chunks, values = read_chunks(FRAME).take_out(y=y, weight=None)
    assert values[0] is y
    assert rows(chunks) == EXPECTED


def test_equal_labels_of_many_chunks_are_one_object(tmp_path):
    _, (y,) = read_chunks(SOURCES["pattern"](tmp_path)).take_out(y="label")
    assert len(set(map(id, y))) == 2
    labels = np.array([f"label {k % 3}" for k in range(9)], dtype=object)
    before = list(map(id, labels))
    parts = [pd.DataFrame({"label": labels[k : k + 3]}, dtype=object, copy=False) for k in (0, 3, 6)]
    _, (y,) = read_chunks(lambda: iter(parts)).take_out(y="label")
    assert len(set(map(id, y))) == 3
    assert list(map(id, labels)) == before  # those of the user


@pytest.mark.parametrize("source", ["frame", "pattern", "function", "lazy frame of polars"])
def test_a_name_that_is_no_column_is_refused(source, tmp_path):
    with pytest.raises(ValueError, match=r"y='lable' is no column of X: choose among \['size', 'town', 'label'\]"):
        read_chunks(SOURCES[source](tmp_path)).take_out(y="lable")


def test_names_of_several_columns_are_refused(tmp_path):
    for source in ("frame", "pattern"):
        with pytest.raises(ValueError, match=r"y=\['size', 'label'\] names several columns: name one, or pass the"):
            read_chunks(SOURCES[source](tmp_path)).take_out(y=["size", "label"])
    labels = ["size", "label"] * 5  # are no names, since there is one for each row
    assert read_chunks(FRAME[:10]).take_out(y=labels)[1] == [labels]


def test_an_iterator_that_is_used_up_is_named():
    tables = iter([FRAME])
    chunks, _ = read_chunks(lambda: tables).take_out(y="label")
    with pytest.raises(ValueError, match=r"X has no rows in this pass.* A function has to return a new iterator"):
        chunks.first()


@pytest.mark.parametrize("X", [np.zeros((3, 2)), lambda: iter([np.zeros((3, 2))])])
def test_a_table_without_names_has_no_column_of_a_name(X):
    with pytest.raises(ValueError, match="columns have no names: pass the values"):
        read_chunks(X).take_out(y="label")


def test_columns_of_later_chunks_are_brought_in_order():
    parts = [FRAME[:10], FRAME[10:][["label", "size", "town"]]]
    assert rows(read_chunks(lambda: iter(parts))) == EXPECTED


def test_other_columns_in_a_later_chunk_are_refused():
    parts = [FRAME[:10], FRAME[10:][["label", "size"]]]
    with pytest.raises(ValueError, match=r"chunk 1: The columns are \['label', 'size'\]"):
        list(read_chunks(lambda: iter(parts)))


OTHER = {
    "fewer rows": lambda: FRAME[:20],
    "more rows": lambda: pd.concat([FRAME, FRAME[:1]]),
    "other numbers": lambda: FRAME.assign(size=np.linspace(0.0, 1.1, N)),
    "other text": lambda: FRAME.assign(town="Heidelberg"),
    "another order": lambda: FRAME.sample(frac=1.0, random_state=0),
}


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
@pytest.mark.parametrize("change", ["renamed", "left out", "new"])
def test_files_with_other_columns_are_refused(change, ending, tmp_path):
    folder = files(tmp_path, ending)
    assert read_chunks(folder).first().names == list(FRAME)
    rows = FRAME[15:20]
    others = {"renamed": rows.rename(columns={"size": "Size"}), "left out": rows.drop(columns="size"),
              "new": rows.assign(Size=1.0)}  # fmt: skip
    path = tmp_path / f"part1{ending}"
    write = others[change].to_csv if ending == ".csv" else others[change].to_parquet
    write(path, index=False)
    missing, new = ["size"] if change != "new" else [], ["Size"] if change != "left out" else []
    message = f"part1{ending} has other columns than the first file, without {missing} and with {new}: make them the"
    with pytest.raises(ValueError, match=re.escape(message)):
        list(read_chunks(folder))
    with_schema = pyarrow.dataset.dataset(str(tmp_path), format=ending[1:], schema=pa.schema({"size": pa.float64()}))
    assert sum(frame.n_rows for frame in read_chunks(with_schema)) == len(FRAME)


def test_batches_of_arrow_have_names():
    table = pa.Table.from_pandas(FRAME, preserve_index=False)
    chunks = read_chunks(lambda: iter(table.to_batches(7)))
    chunks, (label,) = chunks.take_out(y="label")
    assert label.tolist() == FRAME["label"].tolist()
    assert "label" not in chunks.first().names


@pytest.mark.parametrize("kind", OTHER)
def test_other_rows_in_a_later_pass_are_refused(kind):
    passes = iter([FRAME, OTHER[kind]()])

    def one():
        frame = next(passes)
        return (frame[start : start + 4] for start in range(0, len(frame), 4))

    chunks, _ = read_chunks(one).take_out(y=None)
    chunks.n_read = N
    assert rows(chunks) == EXPECTED
    messages = {"fewer rows": "X has 20 rows, fewer than y", "more rows": "X has more rows than y .* 25"}
    message = messages.get(kind, "X has other values than in the pass before")
    with pytest.raises(ValueError, match=message):
        list(chunks)


def test_a_file_that_vanishes_is_named(tmp_path):
    chunks = read_chunks(SOURCES["pattern"](tmp_path))
    (tmp_path / "part1.parquet").unlink()
    with pytest.raises(ValueError, match=r"part1\.parquet cannot be read: .*No such file"):
        list(chunks)


def test_a_file_in_which_a_column_has_another_type_is_named(tmp_path):
    chunks = read_chunks(SOURCES["pattern"](tmp_path))
    other = FRAME.assign(size="small")
    pa.parquet.write_table(pa.Table.from_pandas(other, preserve_index=False), str(tmp_path / "part2.parquet"))
    with pytest.raises(ValueError, match=r"part2\.parquet cannot be read: .*small"):
        list(chunks)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("nowhere/*.parquet", ValueError, "names no file: it has to name files that all end in one of"),
        (iter([FRAME]), TypeError, "can be gone through once: pass a function that returns it"),
        (lambda: FRAME, TypeError, "function that returns a DataFrame: it has to return an iterator of tables"),
    ],
    ids=["no file", "iterator", "function"],
)
def test_what_is_no_source_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        list(read_chunks(X))


def test_files_of_two_formats_are_refused(tmp_path):
    files(files(tmp_path), ".csv")
    with pytest.raises(ValueError, match="files of several formats"):
        read_chunks(tmp_path)


def test_folders_named_by_a_value_are_a_column(tmp_path):
    for town, part in FRAME.fillna("?").groupby("town"):
        (tmp_path / f"town={town}").mkdir()
        part = pa.Table.from_pandas(part.drop(columns="town"), preserve_index=False)
        pa.parquet.write_table(part, str(tmp_path / f"town={town}" / "all.parquet"))
    (tmp_path / "_SUCCESS").touch()
    chunks, (towns,) = read_chunks(tmp_path).take_out(y="town")
    assert set(towns) == {"?", "Bonn", "Cork", "Dax", "Ely"}
    assert len(rows(chunks)[0]) == N


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        read_chunks(lambda: iter([FRAME[:0]])).first()


def test_an_index_of_pandas_that_is_stored_is_no_column(tmp_path):
    for frame in (FRAME[FRAME["town"] != "Bonn"], FRAME.rename_axis("id")):
        for k in range(2):
            frame.to_parquet(tmp_path / f"part{k}.parquet", index=True)
        assert len(pa.parquet.read_schema(tmp_path / "part0.parquet").names) == 4
        for X in (tmp_path, pa.dataset.dataset(tmp_path), pa.Table.from_pandas(frame, preserve_index=True)):
            chunks, (y,) = read_chunks(X).take_out(y="label")
            assert [part.names for part in chunks] == [["size", "town"]] * len(list(chunks))
            assert len(y) % len(frame) == 0


def test_integers_beyond_floats_in_several_passes(tmp_path):
    ids = pa.table({"id": 2**53 + 1 + np.arange(N), "x": np.arange(N)})
    pa.parquet.write_table(ids, tmp_path / "ids.parquet")
    for X in (tmp_path / "ids.parquet", lambda: iter([ids])):
        chunks = replace(read_chunks(X), n_read=N)
        for _ in range(2):
            assert sum(frame.n_rows for frame in chunks) == N


def test_text_that_looks_like_numbers_is_text_in_later_files(tmp_path):
    (tmp_path / "new.csv").write_text("code,x\n01,1\ntrue,2\n")
    (frame,) = read_chunks(tmp_path / "new.csv", ["code"])
    assert [column.objects() for column in frame.columns] == [["01", "true"], [1, 2]]


def test_names_that_are_numbers_are_read_from_dask():
    dd = pytest.importorskip("dask.dataframe")
    frame = pd.DataFrame({1999: np.arange(6), 2000: np.arange(6) * 2})
    chunks, (y,) = read_chunks(dd.from_pandas(frame, npartitions=2)).take_out(y=2000)
    assert y.tolist() == [0, 2, 4, 6, 8, 10]
    assert [part.names for part in chunks] == [["1999"]] * 2
