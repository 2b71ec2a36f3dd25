"""Every command: help, exit codes and messages that scripts can trust; the quick ones on the small store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from ui import flow
from ui.main import cli

COMMANDS = tuple(cli.commands)
STAGES = tuple(s.name for s in flow.STAGES if s.command and s.opens == "write")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments])


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")


def test_commands_come_in_the_order_of_the_flow() -> None:
    words = [line.split()[:1] for line in run("--help").output.splitlines() if line.startswith("  ")]
    assert [name for word in words for name in word if name in COMMANDS][:4] == [
        "run",
        "ingest",
        "embed",
        "measure",
    ]


@pytest.mark.parametrize("command", [*STAGES, "status", "review"])
def test_a_missing_store_is_one_message_and_exit_1(command: str, tmp_path: Path) -> None:
    result = run(command, "--store", tmp_path / "nothing")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("likeness: there is no store at")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", STAGES)
@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("index.kk=3", "did you mean k"),
        ("colour.red=1", "unknown setting colour"),
        ("index.k=many", "bad value for index.k"),
        ("index", "not of the form"),
    ],
    ids=["key", "section", "value", "form"],
)
def test_bad_settings_exit_1_and_name_the_key(
    command: str, override: str, words: str, ui_store: Path
) -> None:
    result = run(command, "--store", ui_store, "--set", override)
    assert result.exit_code == 1
    assert words in result.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["stauts"], "status"),
        (["status", "--stroe", "x"], "--store"),
        (["embed", "--store", "x", "--runner", "rya"], "ray"),
        (["export", "OUT", "--format", "parket"], "parquet"),
        (["explain", "3", "--attribute", "hair_colour"], "hair_color"),
        (["index", "--set", "index.search_index=IVFPQ"], "IVF_PQ"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_a_mistyped_word_gets_near_ones(typed: list[str], meant: str, ui_store: Path, tmp_path: Path) -> None:
    words = [str(tmp_path / "out") if word == "OUT" else word for word in typed]
    if "--store" not in words and len(words) > 1 and "--stroe" not in words:
        words += ["--store", str(ui_store)]
    result = run(*words)
    assert result.exit_code in (1, 2)
    assert meant in result.stderr, result.stderr


def test_a_missing_settings_file(ui_store: Path, tmp_path: Path) -> None:
    result = run("embed", "--store", ui_store, "--config", tmp_path / "no.toml")
    assert result.exit_code == 1
    assert "no.toml" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "--store", "new"],
        ["ingest", "--store", "new"],
        ["query", "--store", "new"],
        ["query", "--store", "new", "--not", "a girl"],
        ["query", "--store", "new", "--text", "a girl", "--sample", "3"],
        ["query", "--store", "new", "--text", "a girl", "--duplicates"],
        ["export", "--store", "new"],
        ["finetune", "--out", "new"],
        ["nonsense"],
        ["run", "--stroe", "x"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    "mistake",
    [["--source", "/no/such/folder"], ["--source", ".", "--set", "encoder.model=ViT-B-23"]],
    ids=str,
)
def test_a_mistyped_source_or_model_is_told_before_there_is_a_store(
    mistake: list[str], tmp_path: Path
) -> None:
    store = tmp_path / "new"
    assert run("run", "--store", store, *mistake).exit_code == 1
    assert not store.exists()


def test_a_second_writer_is_told(ui_store: Path) -> None:
    from index.store import Store

    with Store.open(ui_store, write=True):
        result = run("label", "--store", ui_store)
    assert result.exit_code == 1
    assert "another run is writing" in result.stderr


def test_ctrl_c_is_130(ui_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from label import stage

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "run_label", stopped)
    result = run("label", "--store", ui_store)
    assert result.exit_code == 130
    assert "stopped" in result.stderr


def test_status_lists_failures_with_reasons(ui_store: Path) -> None:
    result = run("status", "--store", ui_store)
    assert result.exit_code == 0, result.stderr
    assert "truncated file" in result.output
    assert "29.png" in result.output
    assert "\x1b" not in result.output


def test_query_by_a_stored_picture(ui_store: Path, tmp_path: Path, store_template: Path) -> None:
    picture = store_template / "pictures" / "04.png"
    sheet = tmp_path / "sheet.png"
    result = run(
        "query", picture, "--store", ui_store, "-n", 5, "--where", "hair_color = 'black'", "--sheet", sheet
    )
    assert result.exit_code == 0, result.stderr
    lines = result.output.splitlines()
    assert lines[2].split()[1:3] == ["04.png", "1.000"]
    assert sheet.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_query_by_a_filter_alone_and_by_a_sample_of_it(ui_store: Path, tmp_path: Path) -> None:
    result = run("query", "--store", ui_store, "--where", "hair_color = 'black'", "-n", 3)
    assert result.exit_code == 0, result.stderr
    lines = result.output.splitlines()
    assert "similarity" not in lines[0]
    assert all("black" in line for line in lines[2:5])
    assert "3 of 5 items that match" in result.output
    drawn = [run("query", "--store", ui_store, "--sample", 8, "--seed", seed).output for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0].splitlines()) == 10
    sheet = tmp_path / "sheet.png"
    again = run(
        "query", "--store", ui_store, "--sample", 2, "--where", "hair_color = 'red'", "--sheet", sheet
    )
    assert again.exit_code == 0, again.stderr
    assert again.output.count(" red ") == 2
    assert sheet.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "nothing matches" in run("query", "--store", ui_store, "--where", "hair_color = 'silver'").output


def test_query_by_several_pictures(ui_store: Path, store_template: Path) -> None:
    pictures = [store_template / "pictures" / f"{n:02}.png" for n in (4, 9, 14)]
    one = run("query", pictures[0], "--store", ui_store, "-n", 1).output.splitlines()[2].split()
    assert one[1:3] == ["04.png", "1.000"]
    result = run("query", pictures[0], "--image", pictures[1], "--image", pictures[2], "--store", ui_store)
    assert result.exit_code == 0, result.stderr
    first = result.output.splitlines()[2].split()
    assert first[1] in ("04.png", "09.png", "14.png")
    assert 0.5 < float(first[2]) < 1


@pytest.mark.parametrize(
    "arguments", [["--text", "a girl"], ["OUTSIDE"], ["STORED", "--not", "hat"]], ids=str
)
def test_query_never_ranks_across_two_models(
    arguments: list[str], ui_store: Path, tmp_path: Path, store_template: Path
) -> None:
    # The vectors of the small store are nobody's: what the settings name by default did not make them.
    from PIL import Image

    Image.new("RGB", (40, 40), "red").save(tmp_path / "new.png")
    words = {"OUTSIDE": str(tmp_path / "new.png"), "STORED": str(store_template / "pictures" / "04.png")}
    result = run("query", *(words.get(word, word) for word in arguments), "--store", ui_store)
    assert result.exit_code == 1
    assert "encoder that made the vectors of this store is not here" in result.stderr
    assert "encoder.pretrained" in result.stderr and "--where alone" in result.stderr


def test_query_says_which_items_are_duplicates(ui_store: Path, store_template: Path) -> None:
    result = run(
        "query", store_template / "pictures" / "02.png", "--store", ui_store, "-n", 4, "--duplicates"
    )
    assert result.exit_code == 0, result.stderr
    said = result.output.split("duplicates\n")[1]
    assert "02.png" in said and "same file" in said


def test_query_names_what_is_wrong(ui_store: Path, tmp_path: Path) -> None:
    result = run("query", tmp_path / "no.png", "--store", ui_store)
    assert result.exit_code == 1
    assert "cannot read the picture" in result.stderr


def test_export_and_its_formats(ui_store: Path, tmp_path: Path) -> None:
    result = run("export", tmp_path / "out", "--store", ui_store, "--format", "jsonl")
    assert result.exit_code == 0, result.stderr
    texts = [path.read_text() for path in sorted((tmp_path / "out").rglob("*.jsonl"))]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    assert lines
    assert {"hair_color", "dress"} <= set(lines[0])
    bad = run("export", tmp_path / "other", "--store", ui_store, "--format", "xml")
    assert bad.exit_code == 1
    assert "parquet" in bad.stderr


def test_pictures_that_an_export_could_not_read_have_an_exit_code(
    ui_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from index.images.reader import Reader

    real = Reader.read

    def read(self: Reader, uri: str) -> bytes:
        if uri.endswith("05.png"):
            raise OSError("gone")
        return real(self, uri)

    monkeypatch.setattr(Reader, "read", read)
    result = run("export", tmp_path / "out", "--store", ui_store, "--format", "webdataset")
    assert result.exit_code == 3
    assert "1 picture that could not be read" in " ".join(result.output.split())
    monkeypatch.undo()
    whole = run("export", tmp_path / "out", "--store", ui_store, "--format", "webdataset")
    assert whole.exit_code == 0, whole.stderr


def test_an_ingest_that_could_read_nothing_has_an_exit_code(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"no picture")
    result = run("ingest", "--store", tmp_path / "store", "--source", tmp_path / "bad")
    assert result.exit_code == 3
    assert "1 file refused" in result.output
    again = run("ingest", "--store", tmp_path / "store", "--source", tmp_path / "bad")
    assert again.exit_code == 0


def test_ingest_says_what_changed(tmp_path: Path) -> None:
    folder, store = tmp_path / "set", tmp_path / "store"
    folder.mkdir()
    for number in range(2):
        Image.new("RGB", (32, 32), (90 * number, 20, 200)).save(folder / f"{number}.png")
    asked = ("ingest", "--store", store, "--source", folder)
    assert run(*asked).exit_code == 0
    (folder / "0.txt").write_text("1girl, hat")
    (folder / "1.png").unlink()
    kept = run(*asked, "--keep-missing")
    assert "1 entries say something else now" in kept.output
    assert "gone" not in kept.output
    assert "gone" not in run(*asked, "--refresh", "never").output
    assert "1 files are gone" in run(*asked, "--refresh", "full").output


def test_review_log_out_and_in(ui_store: Path, tmp_path: Path) -> None:
    from index.reviews.open import open_log
    from index.store import Store
    from schema.records import Decision

    with Store.open(ui_store) as store:
        item = store.read("items", ["item_id"]).to_pylist()[0]["item_id"]
        open_log(store).append([Decision(0, item, "label", "hair_color", "red")], "Ann")
    assert run("review", "--store", ui_store, "--log", tmp_path / "log.jsonl").exit_code == 0
    again = run("review", "--store", ui_store, "--replay", tmp_path / "log.jsonl")
    assert again.exit_code == 0
    assert "replayed 0 decisions" in again.output


def test_review_says_when_the_port_is_taken(ui_store: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("review", "--store", ui_store, "--port", taken.getsockname()[1])
    assert result.exit_code == 1
    assert "cannot be used" in result.stderr


def test_the_page_binds_to_loopback_and_sends_no_statistics() -> None:
    from ui.serve import command, is_loopback

    words = command("127.0.0.1", 8501)
    for wanted in (
        "--server.address=127.0.0.1",
        "--browser.gatherUsageStats=false",
        "--server.headless=true",
    ):
        assert wanted in words
    assert is_loopback("localhost") and is_loopback("::1") and not is_loopback("0.0.0.0")


def test_demo_refuses_a_store_of_yours(ui_store: Path) -> None:
    result = run("demo", "--store", ui_store, "--no-review")
    assert result.exit_code == 1
    assert "not a demo" in result.stderr
    assert run("demo", "--store", "s3://bucket/x").exit_code == 1
