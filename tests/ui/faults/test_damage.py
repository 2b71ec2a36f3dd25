"""Files of a store that are gone or cut: each is told by name or made again, and none turns into silent loss."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from index.reviews.open import open_log
from index.store import Store
from schema.records import Decision

pytestmark = pytest.mark.timeout(900)

Ask = Callable[..., dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Loss:
    """One kind of file of a store, found by a pattern below it; the newest of those that match is the one lost."""

    name: str
    pattern: str
    deep: bool = False

    def file(self, store: Path) -> Path:
        """The file, or the folder of a whole table."""
        found = sorted(store.glob(self.pattern), key=lambda path: path.stat().st_mtime_ns)
        assert found, self.pattern
        # Lance numbers manifests from the top down, so that the newest is the first by name.
        if "manifest" in self.pattern and len(found[0].stem) > 10:
            return min(found, key=lambda path: path.name)
        return found[-1]


FIRST = ("items", "ingests", "labels")
TABLES = (
    "items", "copies", "thumbnails", "ingests", "sources", "vectors_*", "neighbours_*", "groups", "pairs", "labels",
    "label_models", "label_noise", "runs",
)  # fmt: skip
LOSSES = [
    Loss("store.json", "store.json"),
    Loss("reviews", "reviews.sqlite3"),
    *(Loss(f"{t} data", f"{t}.lance/data/*.lance", t not in FIRST) for t in TABLES),
    *(Loss(f"{t} manifest", f"{t}.lance/_versions/*.manifest", t not in FIRST) for t in TABLES),
    *(Loss(f"{t} whole", f"{t}.lance", t not in FIRST) for t in TABLES),
]


@pytest.fixture(scope="module")
def whole(
    undisturbed: tuple[Path, float], ask: Ask, flow: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A finished store with decisions that the last run has taken in."""
    folder = tmp_path_factory.mktemp("whole") / "store"
    shutil.copytree(undisturbed[0], folder)
    with Store.open(folder) as store:
        items = store.read("items", ["row", "item_id"]).to_pylist()
        log = open_log(store)
        log.append(
            [Decision(i["row"], i["item_id"], "label", "hair_color", "green") for i in items[:3]], "Ann"
        )
        log.close()
    # In full, as a table that is made again will be.
    for arguments in (flow(folder, "first"), [*flow(folder, stage="label"), "--full"]):
        done = ask(*arguments)
        assert done["code"] == 0, done["err"]
    return folder


def exported(ask: Ask, store: Path, out: Path) -> tuple[dict[str, Any], str]:
    done = ask("export", str(out), "--store", str(store), "--format", "jsonl", "--all")
    found = "".join(path.read_text() for path in sorted(out.glob("*.jsonl"))) if done["code"] == 0 else ""
    return done, found


@pytest.fixture(scope="module")
def expected(ask: Ask, whole: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    done, found = exported(ask, whole, tmp_path_factory.mktemp("expected") / "out")
    assert done["code"] == 0, done["err"]
    assert found.count("\n") > 20
    return found


def losses() -> Iterator[Any]:
    for loss in LOSSES:
        for how in ("deleted", "cut"):
            if how == "cut" and loss.name.endswith("whole"):
                continue
            yield pytest.param(loss, how, id=f"{loss.name} {how}", marks=[pytest.mark.slow] * loss.deep)


@pytest.mark.parametrize(("loss", "how"), list(losses()))
def test_no_lost_file_is_silent(
    ask: Ask, flow: Any, whole: Path, expected: str, tmp_path: Path, loss: Loss, how: str
) -> None:
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    lost = loss.file(store)
    if lost.is_dir():
        shutil.rmtree(lost)
    elif how == "deleted":
        lost.unlink()
    else:
        lost.write_bytes(lost.read_bytes()[: lost.stat().st_size // 2])

    status = ask("status", "--store", str(store))
    told = ask("check", "--store", str(store))
    export, found = exported(ask, store, tmp_path / "out")
    run = ask(*flow(store, "first"))
    after, again = exported(ask, store, tmp_path / "again")
    for done in (status, told, export, run, after):
        assert "Traceback" not in done["err"] + done["out"], done["err"]
        assert done["code"] in (0, 1), done
    # Nothing comes out that is not what the whole store gives.
    assert found in ("", expected), (export, "an export that differs")
    assert again in ("", expected), (after, "an export after a run that differs")
    # Whoever does not work says why; a check finds what the others stumble over.
    if export["code"] or run["code"]:
        assert told["code"] == 1, (told, export, run)
        assert any(word in export["err"] + run["err"] for word in ("damage", "gone")), (export, run)
    mended = ask("check", "--repair", "--store", str(store), *flow(store)[3:])
    assert "Traceback" not in mended["err"] + mended["out"], mended["err"]
    if mended["code"] == 0:
        done, found = exported(ask, store, tmp_path / "mended")
        assert done["code"] == 0, done
        assert found == expected
    else:
        assert any(word in mended["err"] + mended["out"] for word in ("lost", "damaged")), mended


def test_a_lost_mark_deletes_no_item(ask: Ask, flow: Any, whole: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    shutil.rmtree(store / "ingests.lance")
    done = ask(*flow(store, "second", stage="ingest"))
    assert done["code"] == 1
    assert "ingests: all" in done["err"] and "gone" in done["err"]
    with Store.open(store) as opened:
        assert opened.count("items") == 28


def test_a_whole_store_is_said_to_be_whole(ask: Ask, whole: Path) -> None:
    done = ask("check", "--store", str(whole))
    assert done["code"] == 0, done
    assert "The store is whole." in done["out"]


def test_a_picture_that_changed_is_no_damage(ask: Ask, flow: Any, pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "first"
    shutil.copytree(pictures / "first", folder)
    store = tmp_path / "store"
    assert ask(*flow(store, folder, stage="ingest"))["code"] == 0
    (folder / "01.png").write_bytes((folder / "02.png").read_bytes())
    (folder / "05.png").unlink()
    done = ask("check", "--store", str(store))
    assert done["code"] == 0, done
    assert "1 of them are other pictures now" in done["out"]
    assert "1 of them cannot be read where they were" in done["out"]


def test_a_log_of_decisions_that_is_lost_is_missed(ask: Ask, flow: Any, whole: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    with Store.open(store) as opened:
        item = opened.read("items", ["row", "item_id"]).to_pylist()[5]
    log = open_log(str(store))
    log.append([Decision(item["row"], item["item_id"], "label", "hair_color", "red")], "Ann")
    log.close()
    for file in store.glob("reviews.sqlite3*"):
        file.unlink()
    done = ask(*flow(store, "first"))
    assert done["code"] == 1
    assert "the last was 4" in done["err"]
