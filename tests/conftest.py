"""What all tests share: where the real data is, small pictures, a small store with known contents."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from filelock import FileLock
from hypothesis import settings
from PIL import Image

from index.store import Store
from index.store.runs import Runs
from schema import tables
from schema.ids import content_id, text_id

# No deadline: a slow machine is not a wrong answer.
settings.register_profile("likeness", deadline=None, max_examples=50)
settings.load_profile("likeness")

ROOT = Path(tables.__file__).resolve().parents[1]
DEMO_PICTURES = 120


# The files whose tests take longest: started first, they do not keep one worker busy when the others are done.
LONG = ("tests/ui/faults/", "tests/ui/views/", "tests/likeness/", "tests/label/", "tests/house/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order within a file stays."""
    order = {name: place for place, name in enumerate(LONG)}

    def place(item: pytest.Item) -> int:
        return next((order[name] for name in LONG if name in item.nodeid), len(LONG))

    items.sort(key=place)


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder in which the packages lie: the checkout, or likeness/ where the tests run against a wheel."""
    return ROOT


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The checkout, for tests that read what no wheel has, such as README; skipped where there is only a wheel."""
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("the tests run against a wheel, which has no such file")
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """A folder of real pictures with ground truth; the test is skipped where there is none."""
    named = os.environ.get("LIKENESS_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; LIKENESS_DATA names another folder")
    return folder


@pytest.fixture(scope="session")
def picture() -> Callable[..., Image.Image]:
    """Makes a picture that no other seed resembles: smooth colour fields with a few shapes, the same every time."""

    def make(seed: int = 0, width: int = 96, height: int = 96, mode: str = "RGB") -> Image.Image:
        rng = np.random.default_rng(seed)
        coarse = rng.integers(0, 256, size=(5, 5, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        for _ in range(4):
            left, top = int(rng.integers(0, width - 8)), int(rng.integers(0, height - 8))
            wide, high = int(rng.integers(8, width // 2)), int(rng.integers(8, height // 2))
            colour = tuple(int(c) for c in rng.integers(0, 256, size=3))
            image.paste(colour, (left, top, min(left + wide, width), min(top + high, height)))
        return image.convert(mode)

    return make


@pytest.fixture(scope="session")
def object_store() -> Iterator[dict[str, str]]:
    """An S3 server on this machine with the bucket ``likeness``: the environment that finds it."""
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        pytest.skip("no S3 server to test with; pip install 'moto[server]'")
    program = (
        "import sys, time; from moto.server import ThreadedMotoServer; "
        "server = ThreadedMotoServer('127.0.0.1', 0, verbose=False); server.start(); "
        "print(server.get_host_and_port()[1], flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        port = process.stdout.readline().strip()
        assert port, "the S3 server did not start"
        place = f"http://127.0.0.1:{port}"
        make = urllib.request.Request(f"{place}/likeness", method="PUT", headers={"Host": "127.0.0.1"})
        urllib.request.urlopen(make).close()
        yield {
            "AWS_ENDPOINT": place,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
        }
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


@pytest.fixture
def small_images(tmp_path: Path, picture: Callable[..., Image.Image]) -> Path:
    """A folder of twelve different PNGs, each with its caption of tags."""
    folder = tmp_path / "small_images"
    folder.mkdir()
    hair = ("black", "blonde", "red", "blue")
    for number in range(12):
        picture(number).save(folder / f"{number:02}.png")
        tags = f"1girl, solo, {hair[number % 4]} hair, {'smile' if number % 2 else 'closed eyes'}"
        (folder / f"{number:02}.txt").write_text(tags, encoding="utf-8")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store", create=True, write=True) as opened:
        yield opened


@pytest.fixture
def add_items() -> Callable[..., None]:
    """Appends n items: keys k0.., tag t0.., hostile names included."""

    def add(store: Store, n: int, first: int = 0, **values: Any) -> None:
        records = []
        for row in range(first, first + n):
            record: dict[str, Any] = dict.fromkeys(tables.ITEMS.names)
            record |= {"row": row, "item_id": content_id(str(row).encode()), "source": 0, "ordinal": row}
            record |= {
                "keys": [f"k'{row}"],
                "uri": f"/nowhere/{row}.png",
                "tags": [f"t{row % 3}"],
                "commit": 1,
            }
            record |= {"width": 10 + row, "height": 10, "format": "png", "status": "ok"} | values
            records.append(record)
        store.append("items", pa.Table.from_pylist(records, tables.ITEMS), tables.ITEMS)

    return add


@pytest.fixture
def add_vectors() -> Callable[..., None]:
    """Appends unit vectors for the given rows and records the embed run, as the embed stage does."""

    def add(store: Store, rows: npt.NDArray[np.int64], data: npt.NDArray[np.float16]) -> None:
        schema = tables.vectors(data.shape[1])
        vector = pa.FixedSizeListArray.from_arrays(pa.array(data.ravel()), data.shape[1])
        names = pa.array([content_id(str(row).encode()) for row in rows])
        batch = pa.record_batch([pa.array(rows), names, vector], schema=schema)
        with Runs(store).start("embed", {}, ["items"]) as run:
            store.append("vectors_test", [batch], schema)
            run.facts["key"] = "test"

    return add


@pytest.fixture
def unit() -> Callable[..., npt.NDArray[np.float16]]:
    """Unit vectors in clumps, as embeddings are, with some exact repeats."""

    def make(n: int, dim: int = 16, seed: int = 0, clumps: int = 12) -> npt.NDArray[np.float16]:
        rng = np.random.default_rng(seed)
        centres = np.random.default_rng(99).standard_normal((clumps, dim))
        data = centres[rng.integers(0, clumps, n)] + 0.4 * rng.standard_normal((n, dim))
        if n > 10:
            data[3] = data[7]
        return (data / np.linalg.norm(data, axis=1, keepdims=True)).astype(np.float16)

    return make


@pytest.fixture
def picture_store(
    tmp_path: Path, picture: Callable[..., Image.Image]
) -> Iterator[Callable[..., tuple[Store, list[Path]]]]:
    """Makes a store of ``count`` ingested pictures and ``texts``, and the files behind it."""
    opened: list[Store] = []

    def make(count: int = 20, texts: tuple[str, ...] = (), name: str = "store") -> tuple[Store, list[Path]]:
        folder = tmp_path / f"{name}_files"
        folder.mkdir()
        records: list[dict[str, object]] = []
        paths = []
        for row in range(count):
            path = folder / f"{row:03}.png"
            picture(row, 24 + row % 5 * 16, 40).save(path)
            paths.append(path)
            data = path.read_bytes()
            records.append(
                {"item_id": content_id(data), "keys": [f"key-{row}"], "uri": str(path), "status": "ok"}
            )
        records += [
            {"item_id": text_id(text), "keys": [f"text-{at}"], "uri": "", "status": "text", "text": text}
            for at, text in enumerate(texts)
        ]
        for row, record in enumerate(records):
            record |= {"row": row, "source": 0, "ordinal": row, "commit": 0}
        store = Store.open(tmp_path / name, create=True, write=True)
        opened.append(store)
        store.append("items", pa.Table.from_pylist(records, tables.ITEMS), tables.ITEMS)
        listed = [{"source": 0, "path": str(folder), "kind": "folder", "listed": len(records)}]
        store.append("sources", pa.Table.from_pylist(listed, tables.SOURCES), tables.SOURCES)
        return store, paths

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def kill_at_every_commit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a stage over fresh stores, stopped at its first write, its second and so on, and once more to its end."""

    def check(
        make: Callable[[str], Store], run: Callable[[Store], object], contents: Callable[[Store], Any]
    ) -> None:
        whole = make("whole")
        run(whole)
        expected = contents(whole)
        append, stops = Store.append, 0
        while True:
            store = make(f"killed{stops}")
            written = 0

            def killed(self: Store, table: str, *rest: Any, limit: int = stops) -> None:
                nonlocal written
                if written == limit:
                    raise KeyboardInterrupt
                written += 1
                append(self, table, *rest)

            with monkeypatch.context() as patch:
                patch.setattr(Store, "append", killed)
                try:
                    run(store)
                    assert stops > 3, "the stage commits several times"
                    return
                except KeyboardInterrupt:
                    stops += 1
            run(store)
            np.testing.assert_equal(contents(store), expected)

    return check


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of a finished demo: pictures, store and ``demo.toml``."""
    from schema.settings import load_settings
    from ui.demo.run import run_demo

    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    folder = shared / "demo" / "likeness-demo"
    with FileLock(shared / "demo.lock"):
        if not (folder / "demo.toml").exists():
            folder.parent.mkdir(exist_ok=True)
            run_demo(str(folder), load_settings(), count=DEMO_PICTURES, review=False)
    return folder


@pytest.fixture
def demo_copy(demo_folder: Path, tmp_path: Path) -> Path:
    """A demo folder that a test may change; its pictures stay where the store says they are."""
    copy = tmp_path / "likeness-demo"
    shutil.copytree(demo_folder, copy)
    return copy
