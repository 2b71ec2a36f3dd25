"""The whole flow on nothing, one and two items, on texts alone and on broken files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(1800)

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def few(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources: an empty folder, broken files, one and two pictures, one without tags, one and two texts."""
    base = tmp_path_factory.mktemp("few")
    for name, numbers in (("nothing", ()), ("one", (1,)), ("two", (1, 2)), ("untagged", (5,))):
        (base / name).mkdir()
        for number in numbers:
            for file in (pictures / "first").glob(f"{number:02}.*"):
                shutil.copy(file, base / name)
    (base / "broken").mkdir()
    (base / "broken" / "a.png").write_bytes(b"")
    (base / "broken" / "b.png").write_bytes(b"junk")
    for count in (1, 2):
        lines = [json.dumps({"id": f"t{n}", "text": f"a girl with red hair {n}"}) for n in range(count)]
        (base / f"texts{count}.jsonl").write_text("\n".join(lines))
    return base


def in_words(done: dict[str, Any], what: object) -> None:
    told = done["out"] + done["err"]
    assert "Traceback" not in told and "RuntimeWarning" not in told, (what, told[-2000:])
    assert done["code"] in (0, 1, 3), (what, done)
    assert done["code"] != 1 or "likeness: " in done["err"], (what, done)


@pytest.mark.parametrize("source", ["nothing", "broken", "one", "two", "texts1.jsonl"])
def test_the_whole_flow_ends_well_on_few_items(
    ask: Ask, flow: Any, few: Path, tmp_path: Path, source: str
) -> None:
    store = tmp_path / "store"
    done = ask(*flow(store, few / source))
    in_words(done, source)
    assert done["code"] in (0, 3), done
    out = tmp_path / "out"
    done = ask("export", str(out), "--store", str(store), "--format", "jsonl")
    assert done["code"] == 0, done
    rows = sum(len(file.read_text().splitlines()) for file in out.glob("*.jsonl"))
    assert rows == {"nothing": 0, "broken": 0, "one": 1, "two": 2, "texts1.jsonl": 1}[source]
