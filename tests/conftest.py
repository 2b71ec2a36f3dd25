"""What all tests share: where the real data is, and small pictures of every kind of colour."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

# No deadline: a slow machine is not a wrong answer.
settings.register_profile("likeness", deadline=None, max_examples=50)
settings.load_profile("likeness")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
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
