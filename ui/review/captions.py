"""Captions of one item for its page: what each captioner wrote, what a reviewer wrote instead, and writing that."""

from __future__ import annotations

from dataclasses import dataclass

from index.reviews.log import Review, live_batches
from schema.errors import ReviewError
from schema.records import Decision
from ui.review.actions import Written, write
from ui.review.workspace import Workspace

PREFIX = "captions_"


@dataclass(frozen=True, slots=True)
class ItemCaption:
    """One caption: by which captioner, what counts, what the machine wrote, its flags, and who edited it."""

    captioner: str
    text: str
    written: str
    flags: tuple[str, ...] = ()
    raw: str = ""
    reviewer: str = ""

    @property
    def edited(self) -> bool:
        """Whether a reviewer's text stands in the place of the machine's."""
        return bool(self.reviewer)


def item_captions(workspace: Workspace, row: int) -> list[ItemCaption]:
    """Return the captions of an item, those that only a reviewer wrote among them, by captioner."""
    store = workspace.store
    names = {name.removeprefix(PREFIX) for name in store.tables() if name.startswith(PREFIX)}
    edits = {name: text for (of, name), text in workspace.reviewed().captions.items() if of == row}
    found = []
    for name in sorted(names | set(edits)):
        column = f"caption_{name}"
        records = store.read(PREFIX + name, where=f"row = {row}").to_pylist() if name in names else []
        record = records[0] if records else {}
        written = record.get(column) or ""
        found.append(
            ItemCaption(
                name,
                edits.get(name, written),
                written,
                tuple(record.get(f"{column}_flags") or ()),
                record.get(f"{column}_raw") or "",
                _editor(workspace, row, name) if name in edits else "",
            )
        )
    return [caption for caption in found if caption.text or caption.raw]


def write_caption(
    workspace: Workspace, row: int, item_id: str, captioner: str, text: str | None, reviewer: str
) -> Written:
    """Write an edited caption into the log; None gives the item back the machine's. Raises ReviewError."""
    seen = next((each.text for each in item_captions(workspace, row) if each.captioner == captioner), "")
    text = text.strip() if text is not None else None
    if text == seen:
        raise ReviewError("the caption is as it was", "Change it, then save it.")
    decision = Decision(row, item_id, "caption", captioner, text, seen=seen)
    said = "caption edited" if text is not None else "the machine's caption again"
    return write(workspace, [decision], reviewer, workspace.log.position(), said)


def _editor(workspace: Workspace, row: int, captioner: str) -> str:
    reviews = workspace.reviews()
    live = live_batches(reviews)
    mine: list[Review] = [
        review
        for review in reviews
        if review.row == row
        and review.kind == "caption"
        and review.attribute == captioner
        and live[review.batch]
    ]
    return mine[-1].reviewer if mine else ""
