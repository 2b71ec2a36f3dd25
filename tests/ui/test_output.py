"""Output that cannot be written, names that nobody expects, store files with odd contents: quiet, or one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ui.main import cli

pytestmark = pytest.mark.timeout(600)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_that_cannot_be_written_ends_quietly(ui_store: Path, root: Path) -> None:
    words = [sys.executable, "-m", "ui.main", "status", "--store", str(ui_store)]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, cwd=root, env=environment, text=True
        )
    assert (done.returncode, done.stderr) == (1, "")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            words, stdout=closed, stderr=subprocess.PIPE, cwd=root, env=environment, text=True
        )
    assert (done.returncode, done.stderr) == (1, "")


ODD = {
    "empty": "",
    "no json": "{",
    "a list": "[]",
    "a number": "3",
    "null": "null",
    "no version": "{}",
    "infinite": '{"likeness_store": 1e999}',
    "below zero": '{"likeness_store": -3}',
    "a text": '{"likeness_store": "two"}',
    "from later": '{"likeness_store": 99}',
    "rows": '{"likeness_store": 2, "rows": {"items": "many"}}',
    "rows of what": '{"likeness_store": 2, "rows": [1]}',
    "deep": "[" * 100_000,
    "digits": '{"likeness_store": ' + "9" * 10_000 + "}",
    "half a character": '{"likeness_store": 2, "rows": {"\\ud800": -1}}',
}


@pytest.mark.parametrize("contents", ODD.values(), ids=ODD)
def test_an_odd_store_file_is_one_sentence(ui_store: Path, contents: str) -> None:
    (ui_store / "store.json").write_text(contents, encoding="utf-8")
    for command in (["status"], ["query", "--sample", 1], ["label"]):
        result = run(command[0], "--store", ui_store, *command[1:])
        assert result.exit_code == 1, result.output
        assert result.stderr.startswith("likeness: ") and "Traceback" not in result.stderr
        assert len(result.stderr) < 1000
        assert result.exception is None or isinstance(result.exception, SystemExit)


NAMES = {"surrogate": "a\udcffb", "separator": "a\u2028b", "megabyte": "x" * 2**20, "escape": "\x1b[31mred"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(
    "words",
    [
        ["status", "--store", "NAME"],
        ["run", "--store", "new", "--source", "NAME"],
        ["explain", "NAME", "--store", "STORE"],
        ["explain", "0", "--attribute", "NAME", "--store", "STORE"],
        ["values", "NAME", "--store", "STORE"],
        ["query", "NAME", "--store", "STORE"],
        ["query", "--text", "NAME", "--store", "STORE"],
        ["query", "--where", "NAME = 1", "--store", "STORE"],
        ["query", "--where", "tags = 'NAME'", "--store", "STORE"],
        ["export", "OUT", "--format", "NAME", "--store", "STORE"],
        ["label", "--set", "tags.vocabulary=NAME", "--store", "STORE"],
        ["label", "--config", "NAME", "--store", "STORE"],
        ["review", "--store", "NAME"],
    ],
    ids=" ".join,
)
def test_odd_names_are_one_sentence(words: list[str], name: str, ui_store: Path, tmp_path: Path) -> None:
    places = {"STORE": str(ui_store), "OUT": str(tmp_path / "out"), "new": str(tmp_path / "new")}
    result = run(*(places.get(word, word.replace("NAME", name)) for word in words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    assert "\x1b" not in result.output and "\u2028" not in result.output
    assert len(result.output) < 10_000
    assert result.exit_code in (0, 1, 2)
