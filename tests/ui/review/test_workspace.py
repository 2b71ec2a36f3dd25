"""The workspace, decisions, queues, clusters and lookups against the small store: every action reads its rows back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from index.store import Store
from schema import tables
from schema.errors import FilterError, ReviewConflict, ReviewError, StoreError
from ui.review import actions, audits, groups, queues
from ui.review.history import batches, details
from ui.review.item import item_details, large_picture
from ui.review.search import SearchRequest, filter_expression, find, predicted_labels, quoted
from ui.review.tiles import Press, gallery_data, press_of, tile, value_buttons, words
from ui.review.workspace import Workspace


def press(
    workspace: Workspace,
    rows: list[int],
    action: str,
    value: str = "",
    attribute: str = "hair_color",
    who: str = "Ann",
) -> str:
    items = workspace.items(rows, [attribute])
    made = actions.label_decisions(items, workspace.attribute(attribute), action, value)
    return actions.write(workspace, made, who, workspace.log.position(), action).batch


def shown(workspace: Workspace, row: int, attribute: str = "hair_color"):
    return workspace.items([row], [attribute])[0].labels[attribute]


def test_items_come_in_the_asked_order_with_labels(small_workspace: Workspace) -> None:
    items = small_workspace.items([7, 2, 20])
    assert [i.row for i in items] == [7, 2, 20]
    assert items[0].labels["hair_color"].values == ("blue",)
    assert items[1].group_id and items[1].keep
    assert items[2].ambiguous == "tag 2girls"
    assert small_workspace.items([]) == []


def test_pages_are_keysets(small_workspace: Workspace) -> None:
    rows = small_workspace.rows()
    assert len(rows) == 29
    seen: list[int] = []
    after = -1
    while len(page := small_workspace.page(rows, after, 7)):
        seen += page.tolist()
        after = int(page[-1])
    assert seen == rows.tolist()


def test_filters_meet_across_tables(small_workspace: Workspace) -> None:
    where = filter_expression(
        small_workspace, {"hair_color": ["blonde", "red"]}, tag="1girl", expert="width >= 64"
    )
    oracle = [
        i.row
        for i in small_workspace.items(small_workspace.rows())
        if i.labels["hair_color"].values in (("blonde",), ("red",))
    ]
    tags = {r["row"]: r["tags"] for r in small_workspace.store.read("items", ["row", "tags"]).to_pylist()}
    assert small_workspace.rows(where).tolist() == [r for r in oracle if "1girl" in tags[r]]
    assert set(
        small_workspace.rows(filter_expression(small_workspace, {"hair_color": ["(unknown)"]})).tolist()
    ) == {r for r in range(29) if r % 3 == 0 and r % 2 == 0}
    assert small_workspace.rows(filter_expression(small_workspace, {"dress": ["green yukata"]})).tolist() == [
        0,
        5,
        10,
        15,
        20,
        25,
    ]
    assert small_workspace.rows(filter_expression(small_workspace, {}, kind="duplicates")).tolist() == [1, 3]
    assert small_workspace.rows(
        filter_expression(small_workspace, {}, kind="several characters")
    ).tolist() == [20]


@pytest.mark.parametrize("where", ["nonsense = 1", "width >", "1=1; DROP TABLE items", "width = 'x"])
def test_bad_conditions_are_told(small_workspace: Workspace, where: str) -> None:
    with pytest.raises(FilterError):
        small_workspace.rows(filter_expression(small_workspace, {}, expert=where))


def test_quotes_cannot_leave_a_string(small_workspace: Workspace) -> None:
    assert quoted("x' OR '1'='1") == "'x'' OR ''1''=''1'"
    assert small_workspace.rows(filter_expression(small_workspace, {}, tag="x' OR '1'='1")).tolist() == []


@pytest.mark.parametrize(
    ("action", "value", "expected"),
    [("set", "red", ("red",)), ("unknown", "", ()), ("reject", "", ()), ("accept", "", ("blonde",))],
)  # fmt: skip
def test_one_of_actions_read_back(
    small_workspace: Workspace, action: str, value: str, expected: tuple[str, ...]
) -> None:
    assert shown(small_workspace, 1).values == ("blonde",)
    press(small_workspace, [1, 5], action, value)
    label = shown(small_workspace, 1)
    assert label.values == expected
    if action == "reject":
        assert label.rejected == ("blonde",)
    elif action == "unknown":
        assert label.known
    else:
        assert label.source == "review"
    assert shown(small_workspace, 2).source == "tag"


def test_many_of_actions_read_back(small_workspace: Workspace) -> None:
    press(small_workspace, [5], "set", "hoodie", "dress")
    assert shown(small_workspace, 5, "dress").values == ("green yukata", "hoodie")
    press(small_workspace, [5], "remove", "green yukata", "dress")
    assert shown(small_workspace, 5, "dress").values == ("hoodie",)
    press(small_workspace, [5], "unknown", "", "dress")
    assert shown(small_workspace, 5, "dress").values == ()


def test_several_characters_reads_back(small_workspace: Workspace) -> None:
    press(small_workspace, [2], "several")
    press(small_workspace, [20], "one")
    assert [bool(i.ambiguous) for i in small_workspace.items([2, 20])] == [True, False]


def test_values_outside_the_vocabulary_are_refused(small_workspace: Workspace) -> None:
    with pytest.raises(ReviewError, match="no value 'octarine'"):
        press(small_workspace, [1], "set", "octarine")


def test_preview_counts_what_would_change(small_workspace: Workspace) -> None:
    hair = small_workspace.attribute("hair_color")
    text = actions.preview_text(small_workspace, [1, 5, 2], hair, "set", "blonde")
    assert text.startswith("1 item relabelled as blonde, 2 as they are")
    assert "votes move" in text
    assert small_workspace.log.position() == 0, "a preview writes nothing"


def test_two_reviewers_never_overwrite_silently(small_workspace: Workspace) -> None:
    drawn = small_workspace.log.position()
    press(small_workspace, [1], "set", "red")
    made = actions.label_decisions(
        small_workspace.items([1]), small_workspace.attribute("hair_color"), "set", "blue"
    )
    with pytest.raises(ReviewConflict):
        actions.write(small_workspace, made, "Bob", drawn, "blue")
    assert shown(small_workspace, 1).values == ("red",)


def test_undo_takes_the_last_own_batch(small_workspace: Workspace) -> None:
    mine = [press(small_workspace, [1], "set", "red"), press(small_workspace, [2], "set", "green")]
    press(small_workspace, [4], "set", "green", who="Bob")
    done = actions.undo_last(small_workspace, "Ann", mine)
    assert done and done.items == 1
    assert shown(small_workspace, 2).values == ("red",)
    actions.undo_last(small_workspace, "Ann", mine)
    assert shown(small_workspace, 1).values == ("blonde",)
    assert actions.undo_last(small_workspace, "Ann", mine) is None
    assert shown(small_workspace, 4).values == ("green",)


def test_what_counts_is_the_same_step_by_step_and_at_once(small_workspace: Workspace) -> None:
    from index.reviews.effective import effect_of

    rng = np.random.default_rng(5)
    made: list[str] = []
    for step in range(40):
        rows = rng.choice(20, 3, replace=False).tolist()
        if step % 5 == 4:
            actions.undo_last(small_workspace, "Ann", [made.pop(int(rng.integers(len(made))))])
        elif step % 7 == 3:
            made.append(press(small_workspace, rows, "several"))
        elif step % 3:
            made.append(press(small_workspace, rows, "set", ("red", "blue", "green")[step % 3]))
        else:
            made.append(press(small_workspace, rows, "set", "hoodie", "dress"))
        got, whole = small_workspace.reviewed(), effect_of(list(small_workspace.log.scan()))
        assert got == whole
    assert small_workspace.reviewed().labels


def test_history_tells_batches(small_workspace: Workspace) -> None:
    batch = press(small_workspace, [1, 2], "set", "red")
    small_workspace.log.undo(batch, "Bob")
    newest, oldest = batches(small_workspace)
    assert oldest.text == "2 items: hair_color is red"
    assert not oldest.counts
    assert newest.text == "undo of: 2 items: hair_color is red"
    assert [d["what"] for d in details(small_workspace, batch)] == ["hair_color: red"] * 2


@pytest.mark.parametrize("name", list(queues.QUEUES))
def test_queues_shrink_as_items_are_decided(small_workspace: Workspace, name: str) -> None:
    hair = small_workspace.attribute("hair_color")
    rows = queues.queue(small_workspace, name, hair)
    assert len(set(rows.tolist())) == len(rows)
    if len(rows):
        press(small_workspace, [int(rows[0])], "set", "red")
        assert queues.queue(small_workspace, name, hair).tolist() == rows[1:].tolist()


def test_queue_orders(small_workspace: Workspace) -> None:
    hair = small_workspace.attribute("hair_color")
    voted = [r for r in range(29) if r % 3 == 0 and r % 2]
    assert queues.queue(small_workspace, "Lowest confidence", hair).tolist() == voted
    assert sorted(queues.queue(small_workspace, "Audit", hair).tolist()) == voted
    assert set(queues.queue(small_workspace, "Unlabelled, most useful first", hair).tolist()) == {
        r for r in range(29) if r % 3 == 0 and r % 2 == 0
    }, "a refused file has nothing to look at"
    assert sorted(queues.queue(small_workspace, "Duplicates that disagree", hair).tolist()) == [2, 3]


def test_doubtful_tags_come_with_suggestions(small_workspace: Workspace) -> None:
    def doubt(row: int, kind: str, rank: int, suggestion: str | None):
        item = small_workspace.items([row], ["hair_color"])[0]
        return {
            "row": row, "item_id": item.item_id, "attribute": "hair_color", "value": "red", "kind": kind,
            "rank": rank, "score": 0.9, "suggestion": suggestion, "probability": 0.8,
        }  # fmt: skip

    records = [
        doubt(7, "contradicted", 1, "green"),
        doubt(4, "contradicted", 2, None),
        doubt(9, "missing", 1, "blonde"),
    ]
    with Store.open(small_workspace.store.uri, write=True) as store:
        store.replace("label_noise", pa.Table.from_pylist(records, tables.LABEL_NOISE), tables.LABEL_NOISE)
    hair = small_workspace.attribute("hair_color")
    assert queues.queue(small_workspace, "Contradicted tags", hair).tolist() == [7, 4]
    assert queues.queue(small_workspace, "Missing tags", hair).tolist() == [9]
    assert queues.suggestions(small_workspace, "Lowest confidence", hair) == {}
    found = queues.suggestions(small_workspace, "Contradicted tags", hair)
    assert {row: each.value for row, each in found.items()} == {7: "green"}
    taken = {row: each.value for row, each in found.items()}
    text = actions.preview_text(small_workspace, [7, 4], hair, "take", suggested=taken)
    assert text.startswith("1 item relabelled as suggested, 1 without a suggestion left out")
    made = actions.label_decisions(small_workspace.items([7, 4]), hair, "take", suggested=taken)
    actions.write(small_workspace, made, "Ann", small_workspace.log.position(), "as suggested")
    assert shown(small_workspace, 7).values == ("green",)
    assert shown(small_workspace, 4).source == "tag"
    assert queues.queue(small_workspace, "Contradicted tags", hair).tolist() == [4]


def test_telling_items_lie_among_labelled_ones(small_workspace: Workspace) -> None:
    hair = small_workspace.attribute("hair_color")
    column = queues.column_of(small_workspace, hair)
    rows = np.flatnonzero(column.codes < 0)
    worth = queues.usefulness(small_workspace, column, column.rows[rows])
    graph = small_workspace.store.graph(small_workspace.store.encoder_key())
    # The oracle: the formula of the docstring, item by item.
    state = dict(zip(column.rows.tolist(), column.codes.tolist(), strict=True))
    sayable = {
        row: (sum(state[j] >= 0 for j in graph.ids[row]) + 1) / (len(graph.ids[row]) + 2)
        for row in column.rows[rows].tolist()
        if row < len(graph.ids)
    }
    reach = {j: sum(sayable[i] for i in sayable if j in graph.ids[i]) for j in range(30)}
    for row, value in zip(column.rows[rows].tolist(), worth.tolist(), strict=True):
        if row in sayable:
            rivals = sum(j in sayable and reach[j] > reach[row] + 1e-6 for j in graph.ids[row].tolist())
            assert value == pytest.approx(sayable[row] + reach[row] / 8 * 0.5**rivals, abs=1e-4)


def test_audit_estimates_precision(small_workspace: Workspace) -> None:
    from dataclasses import replace

    hair = small_workspace.attribute("hair_color")
    rows = queues.queue(small_workspace, "Audit", hair).tolist()

    def audited(row: int, action: str, value: str = "") -> None:
        made = actions.label_decisions(small_workspace.items([row]), hair, action, value)
        actions.write(
            small_workspace, [replace(d, seen=audits.AUDIT + str(d.seen)) for d in made], "Ann", None, ""
        )

    audited(rows[0], "accept")
    audited(rows[1], "accept")
    audited(rows[2], "set", "white")
    found = audits.estimate(small_workspace, hair)
    assert (found.decided, found.right) == (3, 2)
    assert found.low < 2 / 3 < found.high


def test_interval_is_clopper_pearson() -> None:
    low, high = audits.interval(95, 100)
    assert (round(low, 4), round(high, 4)) == (0.8872, 0.9836)
    assert audits.interval(0, 0) == (0.0, 1.0)


def test_groups_and_look_alikes(small_workspace: Workspace) -> None:
    stored = groups.stored_groups(small_workspace)
    assert [stored.members(n).tolist() for n in range(stored.count)] == [[0, 1], [2, 3]]
    assert groups.chosen_groups(stored, "copies").tolist() == [0, 1]
    assert groups.chosen_groups(stored, "variants only").tolist() == []
    stars = groups.look_alikes(small_workspace, 0.5)
    flat = stars.rows.tolist()
    assert len(flat) == len(set(flat)), "an item stands in one cluster"
    graph = small_workspace.store.graph(small_workspace.store.encoder_key())
    for n in range(stars.count):
        members = stars.members(n)
        for row in members[1:]:
            close = graph.ids[row][graph.similarity[row] >= 0.5]
            assert members[0] in close


def group_press(workspace: Workspace, rows: list[int], action: str) -> None:
    items = workspace.items(rows, [])
    mates = [m for m in workspace.group_mates({i.group_id for i in items if i.group_id}) if m.row not in rows]
    actions.write(
        workspace, groups.group_decisions(items, action, mates), "Ann", workspace.log.position(), action
    )


@pytest.mark.parametrize("action", ["keep", "not_duplicate", "split", "variant", "same_artwork"])
def test_group_actions_read_back(small_workspace: Workspace, action: str) -> None:
    group_press(small_workspace, [1], action)
    found = small_workspace.reviewed().groups[-1]
    first = small_workspace.items([0], [])[0]
    assert (found.row, found.value, found.group_id, found.other) == (1, action, first.group_id, first.item_id)
    one, other = small_workspace.items([1, 0], [])
    if action == "keep":
        assert one.keep and not other.keep
    elif action in ("not_duplicate", "split"):
        assert not one.group_id and one.keep
    else:
        assert one.verdict == action.replace("_", " ")
        assert one.keep == (action == "variant")


def test_merge_needs_two_and_keep_one_per_group(small_workspace: Workspace) -> None:
    with pytest.raises(ReviewError, match="two or more"):
        group_press(small_workspace, [0], "merge")
    with pytest.raises(ReviewError, match="only one"):
        group_press(small_workspace, [0, 1], "keep")
    with pytest.raises(ReviewError, match="whole group"):
        group_press(small_workspace, [0, 1], "split")
    with pytest.raises(ReviewError, match="without a group"):
        group_press(small_workspace, [9], "not_duplicate")
    group_press(small_workspace, [0, 2], "merge")
    assert small_workspace.reviewed().groups[-1].other == small_workspace.items([0], [])[0].item_id


def test_search_by_a_stored_picture(small_workspace: Workspace) -> None:
    data = (Path(str(small_workspace.store.folder)) / "pictures" / "04.png").read_bytes()
    hits = find(small_workspace, SearchRequest(images=(data,)), 6)
    assert hits.rows[0] == 4
    assert hits.similarity[4] == pytest.approx(1.0, abs=1e-3)
    assert ("hair_color", "black") in [
        (o.attribute, o.value) for o in predicted_labels(small_workspace, hits)
    ]
    filtered = find(small_workspace, SearchRequest(images=(data,), where="hair_color = 'red'"), 6)
    assert {i.labels["hair_color"].text for i in small_workspace.items(filtered.rows)} == {"red"}


def test_dossier_holds_everything(small_workspace: Workspace) -> None:
    press(small_workspace, [3], "set", "red")
    found = item_details(small_workspace, 3)
    assert found.name == "03.png"
    assert len(found.neighbours) == 8
    assert found.group.tolist() == [2, 3]
    assert [h["what"] for h in found.history] == ["hair_color: red"]
    picture = large_picture(small_workspace, 3)
    assert picture and picture[:4] == b"RIFF"


def test_large_picture_falls_back_to_the_thumbnail(small_workspace: Workspace) -> None:
    uri = small_workspace.store.take("items", [5], ["uri"])["uri"][0].as_py()
    data = Path(uri).read_bytes()
    Path(uri).unlink()
    try:
        assert large_picture(small_workspace, 5) == small_workspace.thumbnails([5])[5]
    finally:
        Path(uri).write_bytes(data)


def test_gallery_data_is_plain(small_workspace: Workspace) -> None:
    import json

    hair = small_workspace.attribute("hair_color")
    data = gallery_data(
        small_workspace.items([0, 1, 20]),
        lambda _: None,
        hair,
        page="p",
        as_of=0,
        readonly=False,
        can_undo=False,
    )
    assert json.loads(json.dumps(data)) == data
    assert data["items"][1]["name"].startswith("<img")
    assert data["items"][2]["badge"] == "several"
    assert tile(small_workspace.items([3])[0], hair, "/x")["how"].startswith("votes 0.73")


def test_number_keys_do_not_move(small_workspace: Workspace) -> None:
    hair = small_workspace.attribute("hair_color")
    before = value_buttons(hair, small_workspace.frequent(hair))
    press(small_workspace, list(range(20)), "set", "purple")
    assert value_buttons(hair, small_workspace.frequent(hair)) == before
    assert [b["key"] for b in before] == list("123456789")[: len(before)]
    assert "green yukata" in words(small_workspace.attribute("dress"))["all"]


def test_press_of_ids() -> None:
    assert press_of(None) is None
    assert press_of("set:green yukata") == press_of("word:green yukata")
    assert press_of("word:-green yukata") == Press("remove", "green yukata")
    assert press_of("reject").action == "reject"  # type: ignore[union-attr]


def test_no_labels_yet_says_what_to_run(tmp_path: Path) -> None:
    from schema.settings import Settings

    with Store.open(tmp_path / "s", create=True) as store:
        workspace = Workspace(store, Settings())
        with pytest.raises(StoreError, match="empty"):
            workspace.rows()
        with pytest.raises(StoreError, match="labels"):
            filter_expression(workspace, {"hair_color": ["red"]})


def test_readonly_desk_refuses(ui_store: Path) -> None:
    from schema.settings import Settings

    with Store.open(ui_store) as store:
        workspace = Workspace(store, Settings(), readonly=True)
        with pytest.raises(ReviewError, match="reading only"):
            press(workspace, [1], "set", "red")


def test_thumbnails_come_by_row(small_workspace: Workspace) -> None:
    found = small_workspace.thumbnails([3, 1, 29])
    assert set(found) == {1, 3}
    assert np.all([data[:4] == b"RIFF" for data in found.values()])
