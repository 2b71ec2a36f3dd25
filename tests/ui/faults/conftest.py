"""A driver that runs the command line in warm processes, and a small store made in one go."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

TINY = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
GATES = """
[[gate]]
name = "no hair"
where = "hair_color IS NULL"
action = "flag"
[[gate]]
name = "smiling"
where = "has(tags, 'smile') and frame_border > 2"
"""
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def ask(root: Path) -> Iterator[Ask]:
    """Sends a request to the driver and returns its answer."""
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        [sys.executable, str(root / "tests" / "ui" / "faults" / "fault_driver.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env=environment,
    )

    def send(*args: str, **request: Any) -> dict[str, Any]:
        process.stdin.write(json.dumps({"args": args, **request}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, "the driver ended"
        return json.loads(line)

    try:
        assert "ready" in process.stdout.readline(), "the driver did not start"
        yield send
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(60)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., Image.Image]) -> Path:
    """Two folders: the first with byte copies, a smaller copy, a broken file and a text; the second with new ones."""
    base = tmp_path_factory.mktemp("pictures")
    hair = ("black", "blonde", "red", "blue")

    def draw(folder: Path, number: int) -> None:
        picture(number, 64, 64).save(folder / f"{number:02}.png")
        tags = f"1girl, solo, {hair[number % 4]} hair, {'smile' if number % 2 else 'closed eyes'}"
        if number % 5:
            (folder / f"{number:02}.txt").write_text(tags, encoding="utf-8")

    for name, numbers in (("first", range(26)), ("second", range(26, 34))):
        (base / name).mkdir()
        for number in numbers:
            draw(base / name, number)
    shutil.copy(base / "first" / "03.png", base / "first" / "copy.png")
    picture(4, 64, 64).resize((48, 48)).save(base / "first" / "smaller.png")
    (base / "first" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    shutil.copy(base / "first" / "07.png", base / "second" / "again.png")
    (base / "tiny.json").write_text(json.dumps(TINY), encoding="utf-8")
    (base / "gates.toml").write_text(GATES, encoding="utf-8")
    return base


@pytest.fixture(scope="session")
def flow(pictures: Path) -> Callable[..., list[str]]:
    """The arguments of a whole run in tiny commits."""

    def args(store: Path | str, *sources: str | Path, stage: str = "run") -> list[str]:
        chosen = {
            "ingest.commit_rows": 5,
            "encoder.commit_rows": 4,
            "encoder.model": pictures / "tiny.json",
            "encoder.pretrained": "random",
            "encoder.batch": 4,
            "encoder.device": "cpu",
            "measure.names": "frame",
            "caption.names": "tags",
            "measure.commit_rows": 4,
            "index.k": 6,
            "label.min_support": 5,
        }
        found = [stage, "--store", str(store), "--config", str(pictures / "gates.toml")]
        for source in sources:
            found += ["--source", str(pictures / source)]
        for name, value in chosen.items():
            found += ["--set", f"{name}={value}"]
        return found

    return args


@pytest.fixture(scope="session")
def undisturbed(ask: Ask, flow: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A store made in one go, and the seconds that took."""
    folder = tmp_path_factory.mktemp("undisturbed") / "store"
    done = ask(*flow(folder, "first"))
    assert done["code"] == 0, done["err"]
    return folder, done["seconds"]
