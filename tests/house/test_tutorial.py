"""docs/tutorial.md, from top to bottom: its four sources are made, its commands and lines of Python run."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from ui.main import cli


@pytest.fixture
def sources(tmp_path: Path, picture: Callable[..., Image.Image]) -> Path:
    """The four sources of the page."""

    def draw(path: str, seed: int) -> Path:
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        picture(seed).save(place)
        return place

    for number, (hair, score) in enumerate((("blonde", 35), ("black", 12))):
        path = draw(f"booru/{1001 + number}.png", number)
        post = {
            "category": "danbooru", "id": 1001 + number, "rating": "g", "score": score,
            "tag_string_general": f"1girl solo {hair}_hair", "tag_string_character": "samus_aran",
            "tag_string_artist": "painter", "tag_string_copyright": "metroid", "tag_string_meta": "highres",
            "created_at": "2024-05-31T12:00:00.000Z", "source": "https://example.org/1", "extension": "png",
        }  # fmt: skip
        path.with_suffix(".png.json").write_text(json.dumps(post))
    (tmp_path / "hub" / "data").mkdir(parents=True)
    (tmp_path / "hub" / "README.md").write_text("---\nlicense: cc0-1.0\n---\n# A data set\n")
    rows = [
        {
            "id": f"hub-{number}",
            "image": {"bytes": draw(f"made/{number}.png", 10 + number).read_bytes(), "path": None},
            "tags": ["1girl", f"{hair}_hair"],
        }
        for number, hair in enumerate(("red", "blue"))
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "hub" / "data" / "train-00000.parquet")
    draw("catalogue/images/15970.png", 20)
    draw("catalogue/images/39386.png", 21)
    (tmp_path / "catalogue" / "styles.csv").write_text(
        "id;name;gender;year;price\n15970;Blue dress;Women;2012;19.5\n39386;Red coat;Men;2011;40\n1;None;Men;2010;1\n"
    )
    draw("kohya/10_alice/a.png", 30).with_suffix(".txt").write_text("alice, 1girl, green hair, smile")
    return tmp_path


def test_every_command_and_line_works(sources: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sources)
    page = (root / "docs" / "tutorial.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", page, flags=re.M | re.S)
    said: dict[str, str] = {}
    for language, block in blocks:
        if language == "python":
            exec(compile(block, "docs/tutorial.md", "exec"), {})
            continue
        for line in block.splitlines():
            done = CliRunner().invoke(cli, shlex.split(line)[1:])
            assert done.exit_code == 0, f"{line}\n{done.output}"
            said[line] = " ".join(done.output.split())
    queries = [output for line, output in said.items() if " query " in line]
    assert all("1001.png" in output or ".png" in output or "1001" in output for output in queries), queries
    assert "no picture" in said["likeness status --store tutorial"]
    assert "by tags or reviews they need at least 1" in said["likeness run --store tutorial"]
    assert (sources / "report" / "report.html").stat().st_size < 5_000_000
