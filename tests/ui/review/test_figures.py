"""The numbers of the Overview page against counts made item by item."""

from __future__ import annotations

from collections import Counter

from index.reviews.records import AUDIT
from ui.review import figures
from ui.review.workspace import Workspace


def test_sources_and_coverage_are_counted(small_workspace: Workspace) -> None:
    labels = small_workspace.store.read("labels").to_pylist()
    for name in ("hair_color", "dress", "eye_color"):
        oracle = Counter(r[f"{name}_source"] for r in labels if r[f"{name}_source"])
        assert figures.sources(small_workspace)[name] == oracle
    rows = {r["Attribute"]: r for r in figures.attribute_table(small_workspace)}
    assert len(rows) == len(small_workspace.attributes)
    hair = rows["Hair color"]
    labelled = sum(r["hair_color"] is not None for r in labels)
    assert (hair["Labelled"], hair["Inferred"]) == (
        labelled,
        sum(r["hair_color_source"] == "model" for r in labels),
    )
    assert hair["Coverage"] == 100 * labelled / 29
    shares = figures.source_shares(small_workspace)
    at = shares["Attribute"].index("Hair color")
    assert sum(shares[kind][at] for kind in (*figures.KINDS, figures.MACHINE)) == hair["Coverage"]


def test_group_sizes_are_counted(small_workspace: Workspace) -> None:
    sizes = figures.group_sizes(small_workspace)
    assert dict(zip(sizes["Pictures"], sizes["Groups"], strict=True)) == {
        "2": 2, "3": 0, "4": 0, "5 to 9": 0, "10 to 19": 0, "20+": 0,
    }  # fmt: skip


def test_audits_stand_beside_the_measured_precision(small_workspace: Workspace) -> None:
    from dataclasses import replace

    from ui.review import actions, queues

    hair = small_workspace.attribute("hair_color")
    row = int(queues.queue(small_workspace, "Audit", hair)[0])
    made = actions.label_decisions(
        small_workspace.items([row], ["hair_color"]), hair, actions.Action("accept")
    )
    actions.write(small_workspace, [replace(d, queue=AUDIT) for d in made], "Ann", None, "")
    rows = {r["Attribute"]: r for r in figures.attribute_table(small_workspace)}
    assert rows["Hair color"]["Audited"] == "100% (3% to 100%)"
    assert rows["Hair color"]["Reviewed"] == 1
    assert rows["Dress"]["Audited"] is None
