"""A stage on local Ray workers: the results of one machine, in order, also when a worker is killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from index.stages.local_runner import run_local
from index.stages.progress import progress

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(1800),
    # What Ray itself says about its own future is none of these tests' business.
    pytest.mark.filterwarnings("ignore"),
]


class Squares:
    """Returns rows and their squares; kills its worker once when it meets the row 50."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, table: pa.Table) -> pa.Table:
        rows = table.column("row").to_numpy()
        (Path(self.folder) / f"pid{os.getpid()}").touch()
        died = Path(self.folder) / "died"
        if 50 in rows and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        vectors = np.stack([rows, rows**2], axis=1).astype(np.float16)
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 2)
        reason = pa.array([None if row % 7 else "seven" for row in rows.tolist()], pa.string())
        return pa.table({"row": table.column("row"), "vector": column, "reason": reason})


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    # A busy machine starts its workers slowly.
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "240")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    ray = pytest.importorskip("ray", reason="the ray extra is not installed")
    from ray import cloudpickle

    # The workers cannot import a test module.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    ray.init(
        num_cpus=3,
        object_store_memory=100 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
    )
    yield
    ray.shutdown()


def chunks() -> Iterator[pa.Table]:
    for start in range(0, 120, 8):
        yield pa.table({"row": pa.array(np.arange(start, start + 8))})


def test_a_killed_worker_changes_nothing(local_ray: None, tmp_path: Path) -> None:
    from index.stages.ray_runner import RayRunner

    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    (here / "died").touch()
    expected: list[pa.Table] = []
    found: list[pa.Table] = []
    with progress(None, "test") as bar:
        assert run_local(chunks(), Squares(str(here)), expected.append, commit_rows=20, bar=bar) == 120
        done = RayRunner(3).run(chunks(), Squares(str(there)), found.append, commit_rows=20, bar=bar)
    assert done == 120
    assert (there / "died").exists()
    assert len(list(there.glob("pid*"))) >= 2
    assert [table.num_rows for table in found] == [table.num_rows for table in expected]
    for mine, other in zip(found, expected, strict=True):
        assert mine.to_pylist() == other.to_pylist()
