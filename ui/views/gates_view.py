"""Gates: what each takes out, a measure with its limit, samples on both sides, the way to the data set, its audit."""

from __future__ import annotations

import numpy as np
import streamlit as st

from schema.arrays import Rows
from schema.errors import LikenessError
from ui.review.curation.audit import answer, audit_queue, auditable, findings
from ui.review.curation.gates import (
    Distribution,
    Limit,
    decide,
    distribution,
    funnel_rows,
    gate_rows,
    gates_of,
    limits,
)
from ui.views import session

ACROSS, SAMPLES, AUDITED = 6, 12, 6
BELOW, ABOVE = "#9aa3b5", "#8b5cf6"
workspace = session.workspace()


def picked(rows: Rows, words: dict[int, str], place: str) -> list[int]:
    """Show pictures with a box to tick below each; return the rows that are ticked."""
    pictures = workspace.thumbnails(rows)
    names = {item.row: item.name for item in workspace.items(rows, [])}
    chosen = []
    columns = st.columns(ACROSS)
    for number, row in enumerate(rows.tolist()):
        with columns[number % ACROSS]:
            if row in pictures:
                st.image(pictures[row], width="stretch", alt=f"The picture {names.get(row, row)}")
            label = session.plain(words.get(row) or names.get(row, str(row)))
            if st.checkbox(label, key=f"{place}-{row}"):
                chosen.append(row)
    return chosen


def act(gate: str, rows: list[int], value: str | None) -> None:
    """Write a decision on a gate; what goes wrong is shown when the page is drawn again."""
    try:
        decide(workspace, gate, rows, value, session.reviewer())
        st.session_state["gates-told"] = f"{len(rows):,} decided; the next likeness select takes it in."
    except LikenessError as error:
        st.session_state["gates-error"] = error
    for row in rows:
        for side in ("below", "above"):
            st.session_state.pop(f"{side}-{row}", None)


def show_limit(chosen: Limit) -> None:
    """Show a column's histogram with a limit to move, the counts and pictures on both sides, and what to do."""
    found = distribution(workspace, chosen.column)
    if not len(found.values):
        st.info(f"No picture has a {session.plain(chosen.column)} yet.")
        return
    low, high = float(found.values[0]), float(found.values[-1])
    start = chosen.value if chosen.value is not None else float(np.median(found.values))
    limit = float(st.number_input("Limit", value=start, format="%.4g", key=f"limit-{chosen.title}"))
    st.caption(f"From {low:.4g} to {high:.4g}; {found.unknown:,} pictures have no value.")
    histogram(found, limit)
    below, above = found.counts(limit)
    left, right = found.beside(limit, SAMPLES)
    words = {
        row: f"{value:.4g}"
        for rows in (left, right)
        for row, value in zip(rows.tolist(), found.value_of(rows), strict=True)
    }
    st.markdown(f"**Below {limit:.4g}: {below:,}**")
    ticked = picked(left, words, "below")
    st.markdown(f"**{limit:.4g} and above: {above:,}**")
    ticked += picked(right, words, "above")
    gates = [gate.name for gate in gates_of(workspace)]
    if not gates:
        return
    place = gates.index(chosen.gate.name) if chosen.gate is not None else 0
    gate = st.selectbox("Decide on the ticked pictures for the gate", gates, index=place)
    reason = session.locked()
    for column, (title, value) in zip(
        st.columns(3),
        (("Let through", "pass"), ("Put out", "drop"), ("As the gate says", None)),
        strict=True,
    ):
        column.button(
            title, key=f"decide-{value}", on_click=act, args=(gate, ticked, value),
            disabled=bool(reason) or not ticked, help=reason or None, width="stretch",
        )  # fmt: skip


def histogram(found: Distribution, limit: float) -> None:
    """Draw the bins, those of the limit and above in another colour."""
    edges, counts = found.histogram()
    inside = edges >= limit
    st.bar_chart(
        {
            "Value": [f"{edge:.4g}" for edge in edges.tolist()],
            "Below": np.where(inside, 0, counts).tolist(),
            "Above": np.where(inside, counts, 0).tolist(),
        },
        x="Value", y=["Below", "Above"], color=[BELOW, ABOVE], sort=False, x_label="", y_label="pictures", height=240,
    )  # fmt: skip


def tell(of: str, row: int, value: str) -> None:
    """Write an answer of the audit."""
    try:
        answer(workspace, of, [row], value, session.reviewer())
    except LikenessError as error:
        st.session_state["gates-error"] = error


def show_audit() -> None:
    """Show what the audits found, and the next pictures of one of the samples."""
    names = auditable(workspace)
    if not names:
        st.caption("Nothing is selected yet. Choose with: likeness select --store DIR --config FILE")
        return
    for audit in findings(workspace):
        st.markdown(f"- {session.plain(audit.text)}")
    of = st.selectbox(
        "Sample",
        names,
        format_func=lambda name: "the selection" if name == "selection" else f"out by gate {name}",
    )
    rows = audit_queue(workspace, of)
    st.caption(f"{len(rows):,} left. Take them in the order they come.")
    pictures = workspace.thumbnails(rows[:AUDITED])
    reason = session.locked()
    for column, row in zip(st.columns(AUDITED), rows[:AUDITED].tolist(), strict=False):
        if row in pictures:
            column.image(pictures[row], width="stretch", alt=f"Picture {row}")
        for value in ("good", "doubtful", "bad"):
            column.button(
                value, key=f"audit-{of}-{row}-{value}", on_click=tell, args=(of, row, value),
                disabled=bool(reason), help=reason or None, width="stretch",
            )  # fmt: skip


with session.error_boundary():
    wrong = st.session_state.pop("gates-error", None)
    if wrong is not None:
        session.show_error(wrong)
    told = st.session_state.pop("gates-told", "")
    if told:
        st.success(told)
    if not workspace.store.has("items"):
        st.info("There is nothing here yet. Fill the store with: likeness run --store DIR --source PATH")
        st.stop()
    table = gate_rows(workspace)
    if table:
        st.subheader("Gates")
        st.dataframe(table, hide_index=True, width="stretch")
    else:
        st.info(
            "No gate was asked yet. Write a [[gate]] into the settings, then: likeness gates --store DIR --config FILE"
        )
    st.subheader("A limit")
    choices = {limit.title: limit for limit in limits(workspace)}
    title = st.selectbox("Measure", list(choices), key="measure")
    if title:
        show_limit(choices[title])
    funnel = funnel_rows(workspace)
    if funnel:
        st.subheader("From everything to the data set")
        st.dataframe(funnel, hide_index=True, width="stretch")
    st.subheader("Audit")
    show_audit()
