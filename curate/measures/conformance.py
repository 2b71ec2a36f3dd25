"""What every measure keeps, as checks to run over one: in our tests, and in those of packages that bring their own.

    from likeness.curate.measures.conformance import CHECKS

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_measure(check, tmp_path):
        check("my_package.my_module:MyMeasure", Settings(), tmp_path)

Each check raises AssertionError with a sentence on what does not hold. The store that is measured has pictures of many
shapes, a broken one, a text, thumbnails, and random vectors under the key ``test``.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from PIL import Image

from curate.measures import measure_class
from curate.stage import run_measure
from index.stages.local_runner import Stage, run_local
from index.stages.progress import Bar
from index.store import Store
from index.store.runs import Runs
from schema import tables
from schema.ids import content_id, text_id
from schema.settings import Settings

Check: TypeAlias = Callable[[str, Settings, Path], None]

COUNT = 13
BROKEN = 6


def its_columns_begin_with_its_name(name: str, settings: Settings, folder: Path) -> None:
    """Columns are numbers, truths, short texts or lists of these, under names that no other table has."""
    measure = measure_class(name)(settings)
    assert measure.name.isidentifier() and measure.name.islower(), f"{measure.name!r} is not a plain name"
    assert measure.columns, "it gives no column"
    for column in measure.columns:
        own = column.name == measure.name or column.name.startswith(f"{measure.name}_")
        assert own, f"the column {column.name} does not begin with {measure.name}"


def its_key_is_known_without_loading_and_follows_the_options(
    name: str, settings: Settings, folder: Path
) -> None:
    """The key is the same every time, and no matter of threads or commits."""
    measure = measure_class(name)
    other = settings.measure.model_copy(update={"workers": 1, "commit_rows": 3})
    again = measure(settings.model_copy(update={"measure": other}))
    assert measure(settings).key == again.key, "the key depends on how the measure is run"


def every_item_has_values_or_a_reason(name: str, settings: Settings, folder: Path) -> None:
    """Items of the kind that it takes have a row or a failure, others neither; a second run does nothing."""
    measure = measure_class(name)(settings)
    with make_store(folder) as store:
        run_measure(store, settings, [name])
        taken = store.count("items", measure.where)
        rows, failed = store.count(measure.table), store.count("failures")
        assert rows + failed <= taken, "there are more rows and failures than items"
        assert rows, "no item has values"
        assert store.schema(measure.table).names == [field.name for field in measure.schema()]
        if measure.reads == "pixels":
            assert store.read("failures", ["row"]).column(0).to_pylist() == [BROKEN]
        version = store.version(measure.table)
        assert run_measure(store, settings, [name]).skipped
        assert store.version(measure.table) == version


def batches_and_order_do_not_change_it(name: str, settings: Settings, folder: Path) -> None:
    """Measuring some items first and the rest later, in other batches, gives the same values."""
    table = measure_class(name)(settings).table
    with make_store(folder / "whole") as store:
        run_measure(store, settings, [name])
        whole = store.read(table).to_pylist()
    small = settings.measure.model_copy(update={"workers": 1, "commit_rows": 1})
    with make_store(folder / "parts") as store:
        for where in ("row IN (1, 4, 9)", "row < 6", None):
            run_measure(store, settings.model_copy(update={"measure": small}), [name], where)
        parts = store.read(table).to_pylist()
    assert [record["row"] for record in parts] == [record["row"] for record in whole]
    for mine, other in zip(parts, whole, strict=True):
        for column, value in mine.items():
            same = (
                np.isclose(value, other[column], atol=1e-3)
                if isinstance(value, float)
                else value == other[column]
            )
            assert same, (
                f"{column} of row {mine['row']} is {value} in one batch and {other[column]} in another"
            )


def only_the_settings_travel(name: str, settings: Settings, folder: Path) -> None:
    """A measure that was loaded pickles to its settings."""
    measure = measure_class(name)(settings)
    measure.load()
    travelled = pickle.dumps(measure)
    measure.close()
    assert len(travelled) < 20_000, f"{len(travelled)} bytes travel to each worker"
    assert pickle.loads(travelled).key == measure.key  # noqa: S301 - what was pickled above


def a_killed_run_goes_on_where_it_was(name: str, settings: Settings, folder: Path) -> None:
    """Killed before any of its commits and run again, the table and the failures are those of an undisturbed run."""
    table = measure_class(name)(settings).table

    def contents(store: Store) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        failures = store.read("failures").to_pylist() if store.has("failures") else []
        return store.read(table).to_pylist(), failures

    with make_store(folder / "whole") as store:
        run_measure(store, settings, [name], runner=_Stopped(None))
        expected = contents(store)
    for stop in (0, 2):
        with make_store(folder / f"killed{stop}") as store:
            try:
                run_measure(store, settings, [name], runner=_Stopped(stop))
            except KeyboardInterrupt:
                run_measure(store, settings, [name], runner=_Stopped(None))
            np.testing.assert_equal(contents(store), expected, f"killed before commit {stop}")


class _Stopped:
    """Runs four rows at a time and is killed before a commit."""

    def __init__(self, stop: int | None) -> None:
        self._stop, self._commits = stop, 0

    def __call__(
        self,
        chunks: Iterable[pa.Table],
        stage: Stage,
        commit: Callable[[pa.Table], None],
        *,
        commit_rows: int,
        bar: Bar,
    ) -> int:
        def counted(result: pa.Table) -> None:
            if self._commits == self._stop:
                raise KeyboardInterrupt
            self._commits += 1
            commit(result)

        small = (chunk.slice(start, 4) for chunk in chunks for start in range(0, chunk.num_rows, 4))
        return run_local(small, stage, counted, commit_rows=1, bar=bar)


CHECKS: tuple[Check, ...] = (
    its_columns_begin_with_its_name,
    its_key_is_known_without_loading_and_follows_the_options,
    every_item_has_values_or_a_reason,
    batches_and_order_do_not_change_it,
    only_the_settings_travel,
    a_killed_run_goes_on_where_it_was,
)


def make_store(folder: Path) -> Store:
    """Return a new store in the folder, open to write: COUNT pictures, of which BROKEN cannot be read, and a text."""
    (folder / "pictures").mkdir(parents=True)
    rng = np.random.default_rng(6)
    items: list[dict[str, Any]] = []
    thumbnails = []
    for row in range(COUNT):
        path = folder / "pictures" / f"{row}.png"
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        coarse.resize((30 + 9 * row, 90 - 5 * row), Image.Resampling.BICUBIC).save(path)
        data = path.read_bytes()
        items.append(
            {"item_id": content_id(data), "uri": str(path), "status": "ok", "text": f"picture {row}"}
        )
        thumbnails.append({"row": row, "thumbnail": data, "commit": 1})
    (folder / "pictures" / f"{BROKEN}.png").write_bytes(b"no picture")
    items.append({"item_id": text_id("words alone"), "uri": "", "status": "text", "text": "words alone"})
    for row, item in enumerate(items):
        item |= {"row": row, "source": 0, "ordinal": row, "keys": [f"key-{row}"], "commit": 1}
    store = Store.open(folder / "store", create=True, write=True)
    store.append("items", pa.Table.from_pylist(items, tables.ITEMS), tables.ITEMS)
    store.append("thumbnails", pa.Table.from_pylist(thumbnails, tables.THUMBNAILS), tables.THUMBNAILS)
    schema = tables.vectors(16)
    vectors = rng.normal(size=(COUNT, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float16).ravel()), 16)
    ids = pa.array([item["item_id"] for item in items[:COUNT]])
    with Runs(store).start("embed", {}, ["items"]) as run:
        store.append(
            "vectors_test", [pa.record_batch([pa.array(range(COUNT)), ids, values], schema=schema)], schema
        )
        run.facts["key"] = "test"
    return store
