"""Recall of the graph and, per attribute, precision and coverage, as the last runs measured them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ui.terminal.tables import clean, table

if TYPE_CHECKING:
    from index.store import Store

COLUMNS = {
    "target_precision": "target",
    "precision": "precision",
    "coverage": "coverage",
    "labelled_items": "labelled items",
}


def held_out(store: Store) -> dict[str, dict[str, Any]]:
    """Return per attribute what the last label run measured on items that nothing was fitted on; {} before it."""
    from label.measured import load_report

    return load_report(store)


def quality_text(store: Store) -> str:
    """Return recall, precision and coverage per attribute, and what audits found; empty before there is any."""
    from curate.audit import audits
    from index.store.runs import Runs
    from label.measured import CALIBRATION_ITEMS, told_calibration_error

    lines: list[str] = []
    index_run = Runs(store).last("index")
    if index_run and index_run["facts"].get("recall") is not None:
        lines.append(f"graph recall against exact search: {float(index_run['facts']['recall']):.4f}")
    measured = {name: found for name, found in held_out(store).items() if "precision" in found}
    if measured:
        lines.append("machine labels, measured on held-out items that no threshold was fitted on")
        errors = {name: told_calibration_error(found) for name, found in measured.items()}
        body = [[name, *(found.get(key) for key in COLUMNS)] for name, found in measured.items()]
        headings = ["attribute", *COLUMNS.values()]
        if any(error is not None for error in errors.values()):
            headings.append("calibration error")
            body = [[*row, errors[str(row[0])]] for row in body]
        lines.append(table(headings, body, indent=2))
        if any(error is None for error in errors.values()):
            lines.append(
                f"  a calibration error is told where {CALIBRATION_ITEMS} held-out labels stand behind it"
            )
    found = audits(store)
    if found:
        lines.append("audits of the selection and the gates (share, 95 % interval)")
        lines += [f"  {clean(audit.text)}" for audit in found]
    return "\n".join(lines)
