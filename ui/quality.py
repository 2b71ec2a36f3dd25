"""Recall of the graph and, per attribute, precision and coverage, as the last runs measured them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ui.summary import table

if TYPE_CHECKING:
    from index.store import Store


def attribute_rows(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return per attribute what the last label run measured on held-out items."""
    found = facts.get("attributes") or {}
    return [{"attribute": name, **values} for name, values in found.items() if isinstance(values, dict)]


def quality_text(store: Store) -> str:
    """Return recall, and precision and coverage per attribute; empty before the first label run."""
    from index.runs import Runs

    runs = Runs(store)
    lines: list[str] = []
    index_run = runs.last("index")
    if index_run and index_run["facts"].get("recall") is not None:
        lines.append(f"graph recall against exact search: {float(index_run['facts']['recall']):.4f}")
    label_run = runs.last("label")
    rows = attribute_rows(label_run["facts"]) if label_run else []
    if rows:
        names = [n for n in rows[0] if n != "attribute"]
        lines.append("labels, measured on held-out items")
        lines.append(
            table(
                ["attribute", *names], [[r["attribute"], *(r.get(n) for n in names)] for r in rows], indent=2
            )
        )
    return "\n".join(lines)
