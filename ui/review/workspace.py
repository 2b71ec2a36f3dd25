"""The review workspace: one open store as the pages read it, with the reviewers' decisions laid over it.

It holds row numbers and caches, never a table: a filter's answer is 8 bytes an item, a page of items is read by row.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from index.reviews.effective import EffectiveReviews, ReviewState
from index.reviews.group_overrides import named_items, read_overrides
from index.reviews.log import Review, live_batches
from index.reviews.open import open_log
from index.store.keys import rows_of_ids, sql_text
from schema.arrays import Rows
from schema.catalogue import filterable
from schema.errors import StoreError
from schema.ids import content_id
from schema.records import KEPT, Decision
from schema.settings import Settings
from schema.vocabulary import Attribute, Vocabulary, load_vocabulary
from ui.review.cache import Cache
from ui.review.duplicates.overlay import NOTHING, Overlay, Place, overlay
from ui.review.items import Item, Label, label_of
from ui.review.revotes import Revote, Revotes

if TYPE_CHECKING:
    from index.store import Store
    from label.data.load import ItemLoader
    from label.learn.fit_all import LabelModels

T = TypeVar("T")
ITEM_COLUMNS = ("row", "item_id", "keys", "uri", "status", "reason", "width", "height")
CACHED_ANSWERS, CACHED_FILTERS = 12, 12
CACHED_PICTURES = 3000
CACHED_UPLOADS = 8


class Workspace:
    """One store for the pages of all sessions of a process; its methods may be called from several threads."""

    def __init__(self, store: Store, settings: Settings, readonly: bool = False) -> None:
        self.store = store
        self.settings = settings
        self.readonly = readonly
        self.vocabulary: Vocabulary = load_vocabulary(settings.tags.vocabulary or None)
        self.log = open_log(store, readonly)
        self.searched = False
        self._reviews: list[Review] = []
        self._state = ReviewState(self.vocabulary)
        self._effective = EffectiveReviews()
        self._named: dict[str, int] = {}
        self._answers = Cache(CACHED_ANSWERS)
        self._revotes = Revotes(store, self.vocabulary, settings, self.cached)
        self._filters = Cache(CACHED_FILTERS)
        self._pictures = Cache(CACHED_PICTURES)
        self._uploads = Cache(CACHED_UPLOADS)
        self._lock = threading.RLock()

    # ---- decisions

    def reviewed(self) -> EffectiveReviews:
        """Return what reviewers have said so far; only what is new in the log is read."""
        with self._lock:
            new = self.log.changes(self._reviews[-1].decision if self._reviews else 0)
            self._revotes.note(new, self._reviews)
            if new:
                self._reviews.extend(new)
                self._fold(new)
            return self._effective

    def reviews(self) -> list[Review]:
        """Return the whole log, oldest first."""
        self.reviewed()
        return self._reviews

    def _fold(self, new: Sequence[Review]) -> None:
        """Take new decisions into what counts; an undo changes the past, so the whole log is folded anew."""
        position = self._reviews[-1].decision
        if any(review.kind == "undo" for review in new):
            live = live_batches(self._reviews)
            self._state = ReviewState(self.vocabulary)
            new = [r for r in self._reviews if r.kind != "undo" and live[r.batch]]
        self._effective = self._state.add(new, position)

    # ---- labels of other items

    def revoted(self, name: str) -> dict[int, Label]:
        """Return the labels of one attribute that decisions have changed since the last label run, by row."""
        return self._revoted([name])[name]

    def _revoted(self, names: Sequence[str]) -> dict[str, dict[int, Label]]:
        with self._lock:
            return self._revotes.labels(names, self.reviewed())

    def suppose(self, decisions: Sequence[Decision], name: str) -> Revote:
        """Return what decisions would change of one attribute of the items around them."""
        with self._lock:
            reviewed = self.reviewed()
            return self._revotes.suppose(decisions, name, reviewed, self._reviews)

    def models(self) -> LabelModels | None:
        """Return the models of the last label run; None before the first one, or if another version wrote them."""
        return self._revotes.models()

    def item_loader(self) -> ItemLoader:
        """Return what reads items as a label run does."""
        return self._revotes.loader()

    # ---- attributes

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The attributes of the vocabulary, in its order."""
        return self.vocabulary.attributes

    def attribute(self, name: str) -> Attribute:
        """Return one attribute; raises VocabularyError, which names near ones."""
        return self.vocabulary.attribute(name)

    # ---- items

    def rows(self, where: str = "") -> Rows:
        """Return the rows of pictures that a filter matches, ascending; answers are kept until a table changes."""
        from index.filters import matching_rows

        where = where.strip()
        if not self.store.has("items"):
            raise StoreError("the store is empty", "Fill it with: likeness run --store DIR --source PATH")

        def read() -> Rows:
            if not where:
                return matching_rows(self.store, "status = 'ok'").astype(np.int64)
            found = matching_rows(self.store, where).astype(np.int64)
            return np.intersect1d(self.rows(), found, assume_unique=True)

        tables = filterable(self.store.tables()) if where else ["items"]
        versions = tuple((table, self.store.version(table)) for table in tables)
        return self._filters.get((where, versions), read)

    def items(
        self, rows: Sequence[int] | Rows, attributes: Sequence[str] | None = None, machine: bool = False
    ) -> list[Item]:
        """Return items by row in the asked order, with their labels (all attributes, or the named ones).

        ``machine`` leaves out what corrections around an item have changed since the last label run.
        """
        wanted = [int(row) for row in rows]
        if not wanted:
            return []
        names = list(attributes) if attributes is not None else [a.name for a in self.attributes]
        records = self.store.take("items", wanted, ITEM_COLUMNS).to_pylist()
        labels = self._label_records(wanted, names)
        places = self.places(wanted)
        flags = self.reviewed().subjects
        changed = {} if machine else self._revoted(names)
        made = []
        for record in records:
            row = record["row"]
            stored, place = labels.get(row, {}), places.get(row, Place())
            made.append(
                Item(
                    row,
                    record["item_id"],
                    (record["keys"] or [record["uri"] or record["item_id"]])[0],
                    record["status"],
                    record["reason"] or "",
                    _several(flags.get(row), stored),
                    place.group_id,
                    place.verdict,
                    place.keep,
                    place.similarity,
                    f"{record['width']} x {record['height']}" if record["width"] else "",
                    place.reason,
                    {name: self._label(row, name, stored, changed.get(name, {})) for name in names},
                )
            )
        return made

    def _label(self, row: int, name: str, stored: dict[str, Any], changed: dict[int, Label]) -> Label:
        """Return a label with the reviewers' decisions on it laid over the machine's."""
        machine = changed.get(row) or label_of(stored, name)
        reviewed = self._effective.labels.get((row, name))
        if reviewed is None:
            return machine
        if reviewed.exact:
            confidence = 1.0 if reviewed.values else None
            return Label(reviewed.values, confidence, "review", 0, True, reviewed.rejected)
        kept = tuple(v for v in machine.values if v not in reviewed.rejected)
        values = tuple(dict.fromkeys((*kept, *reviewed.values)))
        source = "review" if reviewed.values or kept != machine.values else machine.source
        return Label(
            values, machine.confidence if kept else None, source, machine.support, False, reviewed.rejected
        )

    def _label_records(self, rows: Sequence[int], names: Sequence[str]) -> dict[int, dict[str, Any]]:
        if not self.store.has("labels"):
            return {}
        present = set(self.store.schema("labels").names)
        columns = ["row", "ambiguous", "ambiguous_reason"]
        for name in names:
            wanted = (name, f"{name}_confidence", f"{name}_source", f"{name}_support")
            columns += [column for column in wanted if column in present]
        return {r["row"]: r for r in self.store.take("labels", rows, columns).to_pylist()}

    # ---- groups

    def overlay(self) -> Overlay:
        """Return what the reviewers' decisions change of the stored groups; made anew after each of them."""
        decisions = self.reviewed().groups
        if not decisions:
            return NOTHING
        last = decisions[-1].decision
        return self.cached(f"groups after {len(decisions)} {last}", ("groups", "items"), self._overlay)

    def _overlay(self) -> Overlay:
        decisions = self.reviewed().groups
        unknown = named_items(decisions) - self._named.keys()
        self._named.update({**dict.fromkeys(unknown, -1), **rows_of_ids(self.store, unknown)})
        known = {name: row for name, row in self._named.items() if row >= 0}
        return overlay(self.store, read_overrides(decisions, known))

    def places(self, rows: Sequence[int] | Rows) -> dict[int, Place]:
        """Return where these items stand in groups; those in none are left out."""
        wanted = [int(row) for row in rows]
        records = self.store.take("groups", wanted).to_pylist() if self.store.has("groups") else []
        found = {
            r["row"]: Place(r["group_id"], r["verdict"], r["keep"], r["similarity"], r["reason"] or "")
            for r in records
        }
        changed = self.overlay().places
        found.update((row, changed[row]) for row in wanted if row in changed)
        return found

    def group_rows(self, group_id: str) -> Rows:
        """Return the rows of one group, the kept ones first; none for an empty id."""
        changed = self.overlay().places
        rows = {row for row, place in changed.items() if place.group_id == group_id} if group_id else set()
        if group_id and not rows and self.store.has("groups"):
            stored = self.store.read("groups", ["row"], f"group_id = {sql_text(group_id)}")
            rows = {row for row in stored["row"].to_pylist() if row not in changed}
        places = self.places(sorted(rows))
        order = sorted(rows, key=lambda row: (places[row].verdict != KEPT, not places[row].keep, row))
        return np.array(order, np.int64)

    def group_mates(self, group_ids: Iterable[str]) -> list[Item]:
        """Return the members of some groups, without their labels."""
        rows = [self.group_rows(group_id) for group_id in sorted(set(group_ids) - {""})]
        return self.items(np.concatenate(rows), []) if rows else []

    # ---- what is kept at hand

    def cached(self, name: str, tables: Sequence[str], make: Callable[[], T]) -> T:
        """Return what ``make`` returns, kept until one of the tables changes."""
        return self._answers.get((name, tuple(self.store.version(table) for table in tables)), make)

    def thumbnails(self, rows: Sequence[int] | Rows) -> dict[int, bytes]:
        """Return the stored thumbnails (WebP) of these rows; the last few thousand are kept."""
        wanted = [int(row) for row in rows]
        found = {row: data for row in wanted if (data := self._pictures.known(row)) is not None}
        missing = [row for row in wanted if row not in found]
        if missing and self.store.has("thumbnails"):
            table = self.store.take("thumbnails", missing, ["row", "thumbnail"])
            for row, data in zip(table["row"].to_pylist(), table["thumbnail"].to_pylist(), strict=True):
                if data:
                    found[row] = data
                    self._pictures.put(row, data)
        return found

    def keep_upload(self, name: str, data: bytes) -> str:
        """Keep a picture that was searched for, for all sessions, and return the id of its content."""
        item_id = content_id(data)
        self._uploads.put(item_id, (name, data))
        return item_id

    def upload(self, item_id: str) -> tuple[str, bytes]:
        """Return name and bytes of a picture that was searched for; empty where it is no longer kept."""
        found: tuple[str, bytes] = self._uploads.known(item_id) or ("", b"")
        return found


def _several(flag: str | None, stored: dict[str, Any]) -> str:
    """Return why a picture counts as showing several characters; empty where it does not."""
    if flag == "several":
        return "several characters (review)"
    if flag == "one" or not stored.get("ambiguous"):
        return ""
    return stored.get("ambiguous_reason") or "several characters"
