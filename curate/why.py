"""Why one item is in the data set or not, in words: everything that decided, with values and limits."""

from __future__ import annotations

from typing import Any

import numpy as np

from curate.columns import is_number, key_of, read_columns
from curate.gates.evaluate import OUT, columns_of, not_made
from curate.gates.samples import value_text
from curate.gates.stage import stored_gates
from curate.protected import REASON as PROTECTED
from curate.protected import ProtectedGate
from curate.select.stored import Selection
from index.filters import passing
from index.filters.columns import Columns
from index.reviews.effective import effective_reviews
from index.store import Store
from index.store.runs import Runs
from schema.records import KEPT
from schema.sections.curation import GateSettings
from schema.settings import Settings

SAID_BY = {"condition": "", "unknown": ", which is not known", "review": ", by a reviewer"}


def why(store: Store, settings: Settings, row: int) -> list[str]:
    """Return sentences on what decided about the item in a row; the first one is the outcome.

    The gates are those of the last run. Raises StoreError where there is no such item.
    """
    record = store.take_items([row], ["item_id", "keys", "uri", "status", "reason"]).to_pylist()[0]
    chosen = store.take("selection", [row]).to_pylist() if store.has("selection") else []
    name = (record["keys"] or [record["uri"] or record["item_id"]])[0]
    lines = [f"{name} (row {row}, {record['item_id']}): {_outcome(store, chosen)}"]
    if record["status"] not in ("ok", "text"):
        lines.append(f"Reading: {record['status']}, {record['reason'] or 'no reason given'}")
    lines.append(f"Protected gate: {_protected(store, settings, row, chosen)}")
    lines.append(f"Duplicates: {_group(store, row)}")
    if chosen or store.has("labels"):
        several = store.take("labels", [row], ["ambiguous"]).to_pylist() if store.has("labels") else []
        if several and several[0]["ambiguous"]:
            lines.append("Characters: several; select.several = true lets them in")
    lines += gate_lines(store, settings, row)
    if chosen:
        lines += _ranked(store, chosen[0])
    return lines


def _outcome(store: Store, chosen: list[dict[str, Any]]) -> str:
    if not store.has("selection"):
        return "nothing is selected yet; likeness select chooses"
    if not chosen:
        return "not in the data set, it is newer than the selection"
    found = chosen[0]
    selection = Selection.stale_tables(store)
    older = f"; the selection is older than {', '.join(selection)}" if selection else ""
    if found["selected"]:
        return f"in the data set, {found['split']}{older}"
    return f"not in the data set, {found['left_out']}{older}"


def _protected(store: Store, settings: Settings, row: int, chosen: list[dict[str, Any]]) -> str:
    if chosen and not Selection.stale_tables(store):
        barred = chosen[0]["left_out"] == PROTECTED
    else:
        gate = ProtectedGate(store, settings.review.administrators)
        barred = bool(gate.barred(np.array([row]))[0])
    if not barred:
        return "passes"
    return (
        "barred, it may be sexual and may show a minor; only an administrator's review of the age lets it in"
    )


def _group(store: Store, row: int) -> str:
    found = store.take("groups", [row]).to_pylist() if store.has("groups") else []
    if not found:
        return "none"
    place = found[0]
    if place["verdict"] == KEPT:
        return f"the kept one of group {place['group_id']}"
    kept = store.read("groups", ["row"], f"group_id = '{place['group_id']}' AND verdict = '{KEPT}'").column(0)
    other = ""
    if len(kept):
        names = store.take_items([kept[0].as_py()], ["keys", "item_id"]).to_pylist()[0]
        other = f" of {(names['keys'] or [names['item_id']])[0]}"
    fate = "kept, too" if place["keep"] else f"set aside: {place['reason']}"
    return f"{place['verdict']}{other}, {fate} (group {place['group_id']})"


def gate_lines(store: Store, settings: Settings, row: int) -> list[str]:
    """Return a sentence for each gate of the last run on what it says of the item."""
    gates = stored_gates(store)
    if not gates:
        return []
    acts = {each["gate"]: each for each in store.read("gates", where=f"row = {row}").to_pylist()}
    waiting = not_made(gates, Columns(store), settings.tags.vocabulary)
    said = effective_reviews(store, [row]).gates
    lines = []
    for gate in gates:
        text = (
            _acted(acts[gate.name]) if gate.name in acts else _passed(store, gate, row, gate.name in waiting)
        )
        decided = acts.get(gate.name, {}).get("decided_by") == "review"
        if (row, gate.name) in said and not decided:
            text += f"; a reviewer has said {said[row, gate.name]} since, which the next run takes in"
        lines.append(f"Gate {gate.name}: {text}")
    return lines


def _acted(act: dict[str, Any]) -> str:
    values = ", ".join(
        f"{each['column']} {value_text(each['number'] if each['number'] is not None else each['text'])}"
        for each in act["values"]
    )
    fate = {"drop": "out", "review": "held back for a reviewer", "flag": "flagged", "pass": "let through"}
    outcome = fate[act["outcome"]] + SAID_BY[act["decided_by"]]
    why_ = f": {act['reason']}" if act["outcome"] in (*OUT, "flag") and act["reason"] != act["limit"] else ""
    return f"{outcome}; {values or 'nothing known'} (limit: {act['limit']}){why_}"


def _passed(store: Store, gate: GateSettings, row: int, waits: bool) -> str:
    if waits:
        return f"passes, not known: no stage has made what it asks for (limit: {gate.where})"
    rows = np.array([row])
    known = bool(passing(store, gate.where, rows)[0] or passing(store, gate.where, rows, negated=True)[0])
    columns = columns_of(Columns(store), gate)
    values = read_columns(store, columns, rows)
    texts = [
        f"{column.name} {value_text(_plain(values[key_of(column)][0].as_py(), is_number(column)))}"
        for column in columns
    ]
    return f"passes{'' if known else ', not known'}; {', '.join(texts)} (limit: {gate.where})"


def _plain(value: Any, number: bool) -> Any:
    return value if number or not isinstance(value, list) else ", ".join(map(str, value))


def _ranked(store: Store, found: dict[str, Any]) -> list[str]:
    last = Runs(store).last("select")
    facts = last["facts"] if last else {}
    lines = []
    if found["rank"] is not None:
        candidates = last["counts"].get("candidates", 0) if last else 0
        score = f", score {found['score']:.4g}" if found["score"] is not None else ""
        lines.append(f"Rank: {found['rank']:,} of {candidates:,} candidates{score}")
    if facts.get("by"):
        lines.append(f"Class: {facts['by']} {found['class'] or '(no value)'}{_budget(store, found)}")
    if found["flags"]:
        lines.append(f"Flags: {', '.join(found['flags'])}")
    return lines


def _budget(store: Store, found: dict[str, Any]) -> str:
    if found["class"] is None:
        return ""
    same = "`class` = '" + found["class"].replace("'", "''") + "'"
    has = store.count("selection", f"{same} AND `rank` IS NOT NULL")
    return f", {store.count('selection', f'{same} AND selected'):,} of its {has:,} candidates are selected"
