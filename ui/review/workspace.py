"""The review workspace: one open store as the pages read it, with the reviewers' decisions laid over the labels.

It holds row numbers and caches, never a table: a filter's answer is 8 bytes an item, a page is 60 items fetched by row.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from index.reviews.effective import EffectiveReviews, ReviewState
from index.reviews.group_overrides import overrides_of
from index.reviews.log import Review, live_batches
from index.reviews.open import open_log
from schema.arrays import Rows
from schema.errors import StoreError
from schema.records import Decision
from schema.settings import Settings
from schema.vocabulary import Attribute, Vocabulary, load_vocabulary
from ui.review.items import Item, Label, label_of
from ui.review.revotes import Revote, Revotes

if TYPE_CHECKING:
    from index.store import Store
    from label.data.load import ItemLoader
    from label.learn.fit_all import LabelModels

T = TypeVar("T")
ITEM_COLUMNS = ("row", "item_id", "keys", "uri", "status", "reason", "width", "height")
KEPT_FILTERS = 12
KEPT_PICTURES = 3000


class Workspace:
    """One store for the pages of all sessions of a process; its methods may be called from several threads."""

    def __init__(self, store: Store, settings: Settings, readonly: bool = False) -> None:
        self.store = store
        self.settings = settings
        self.readonly = readonly
        self.vocabulary: Vocabulary = load_vocabulary(settings.tags.vocabulary or None)
        self.log = open_log(store, readonly)
        self._reviews: list[Review] = []
        self._effect = EffectiveReviews()
        self._ledger = ReviewState(self.vocabulary)
        self._overrides = overrides_of(())
        self._cache: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._revotes = Revotes(store, self.vocabulary, settings, self.cached)
        self._filters: OrderedDict[tuple[Any, ...], Rows] = OrderedDict()
        self._pictures: OrderedDict[int, bytes] = OrderedDict()
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
            return self._effect

    def _fold(self, new: Sequence[Review]) -> None:
        """Take new decisions into what counts; an undo changes the past, so the whole log is folded anew."""
        position = self._reviews[-1].decision
        if any(review.kind == "undo" for review in new):
            live = live_batches(self._reviews)
            self._ledger = ReviewState(self.vocabulary)
            new = [r for r in self._reviews if r.kind != "undo" and live[r.batch]]
        groups = self._effect.groups
        self._effect = self._ledger.add(new, position)
        if self._effect.groups != groups:
            self._overrides = overrides_of(self._effect.groups)

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

    def reviews(self) -> list[Review]:
        """Return the whole log, oldest first."""
        self.reviewed()
        return self._reviews

    # ---- attributes

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The attributes of the vocabulary, in its order."""
        return self.vocabulary.attributes

    def attribute(self, name: str) -> Attribute:
        """Return one attribute; raises VocabularyError, which names near ones."""
        return self.vocabulary.attribute(name)

    # ---- rows

    def rows(self, where: str = "") -> Rows:
        """Return the rows of pictures that a filter matches, ascending; answers are kept until a table changes."""
        from index.filters import matching_rows

        where = where.strip()
        if not self.store.has("items"):
            raise StoreError("the store is empty", "Fill it with: likeness run --store DIR --source PATH")
        versions = tuple(self.store.version(table) for table in ("items", "labels", "groups"))
        key = (where, versions)
        with self._lock:
            found = self._filters.get(key)
            if found is not None:
                self._filters.move_to_end(key)
                return found
        if not where:
            found = matching_rows(self.store, "status = 'ok'").astype(np.int64)
        else:
            shown = self.rows()
            found = matching_rows(self.store, where).astype(np.int64)
            at = np.searchsorted(shown, found)
            at[at == len(shown)] = 0
            found = found[shown[at] == found] if len(shown) else found[:0]
        with self._lock:
            self._filters[key] = found
            while len(self._filters) > KEPT_FILTERS:
                self._filters.popitem(last=False)
        return found

    def page(self, rows: Rows, after: int, size: int) -> Rows:
        """Return the next ``size`` rows after the row ``after``: a keyset, so that new items shift no page."""
        start = int(np.searchsorted(rows, after, side="right"))
        return rows[start : start + size]

    # ---- items

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
        found = self.store.take("items", wanted, ITEM_COLUMNS).to_pylist()
        labels = self._label_records(wanted, names)
        grouped = self.store.take("groups", wanted).to_pylist() if self.store.has("groups") else []
        groups = {r["row"]: r for r in grouped}
        effect = self.reviewed()
        changed = {} if machine else self._revoted(names)
        made = []
        for record in found:
            row = record["row"]
            stored = labels.get(row, {})
            group = self._group(row, groups.get(row, {}))
            flag = effect.subjects.get(row)
            made.append(
                Item(
                    row,
                    record["item_id"],
                    (record["keys"] or [record["uri"] or record["item_id"]])[0],
                    record["status"],
                    record["reason"] or "",
                    _flagged(flag, stored),
                    group.get("group_id") or "",
                    group.get("verdict") or "",
                    bool(group.get("keep", True)),
                    group.get("similarity"),
                    f"{record['width']} x {record['height']}" if record["width"] else "",
                    group.get("reason") or "",
                    {name: self._label(row, name, stored, effect, changed.get(name, {})) for name in names},
                )
            )
        return made

    def _group(self, row: int, group: dict[str, Any]) -> dict[str, Any]:
        """Return an item's place in groups with the reviewers' decisions laid over it."""
        said = self._overrides
        if row in said.gone:
            return {}
        verdict = said.verdicts.get(row)
        chosen = said.kept.get(group.get("group_id", ""))
        if chosen is not None and verdict != "variant" and group.get("verdict") != "variant":
            same = "same artwork" if group["verdict"] == "kept" else group["verdict"]
            group = {**group, "keep": row == chosen, "verdict": "kept" if row == chosen else same}
        if verdict:
            keep = group.get("keep", True) if verdict == "merged" else verdict == "variant"
            group = {**group, "verdict": verdict, "keep": keep}
        return group

    def _label(
        self, row: int, name: str, stored: dict[str, Any], effect: EffectiveReviews, changed: dict[int, Label]
    ) -> Label:
        machine = changed.get(row) or label_of(stored, name)
        reviewed = effect.labels.get((row, name))
        if reviewed is None:
            return machine
        if reviewed.exact:
            return Label(
                reviewed.values, 1.0 if reviewed.values else None, "review", 0, True, reviewed.rejected
            )
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
            columns += [
                c for c in (name, f"{name}_confidence", f"{name}_source", f"{name}_support") if c in present
            ]
        return {r["row"]: r for r in self.store.take("labels", rows, columns).to_pylist()}

    def frequent(self, attribute: Attribute) -> list[str]:
        """Return the values of an attribute, the frequent ones first, as counted when the page was started.

        The order is never made anew: number keys must not change their meaning under the reviewer's fingers.
        """
        return list(self.cached(f"frequent {attribute.name}", (), lambda: self._frequent(attribute)))

    def _frequent(self, attribute: Attribute) -> list[str]:
        import pyarrow.compute as pc

        counts: dict[str, int] = {}
        if self.store.has("labels") and attribute.name in self.store.schema("labels").names:
            for batch in self.store.scan("labels", [attribute.name]):
                column = batch.column(0)
                column = pc.list_flatten(column) if attribute.kind == "many" else column
                for record in pc.value_counts(column).to_pylist():
                    if record["values"] is not None:
                        counts[record["values"]] = counts.get(record["values"], 0) + record["counts"]
        order = [v.name for v in attribute.values]
        coloured = [v for v in counts if v not in attribute.by_name]
        return sorted([*order, *coloured], key=lambda v: -counts.get(v, 0))

    def group_mates(self, group_ids: set[str]) -> list[Item]:
        """Return the members of some groups, without their labels."""
        if not group_ids:
            return []
        named = ", ".join("'" + g.replace("'", "''") + "'" for g in sorted(group_ids))
        found = self.store.read("groups", ["row"], f"group_id IN ({named})")
        return self.items(found["row"].to_pylist(), [])

    def cached(self, name: str, tables: Sequence[str], make: Callable[[], T]) -> T:
        """Return what ``make`` returns, kept until one of the tables changes."""
        key = (name, tuple(self.store.version(table) for table in tables))
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                found: T = self._cache[key]
                return found
        made = make()
        with self._lock:
            self._cache[key] = made
            while len(self._cache) > KEPT_FILTERS:
                self._cache.popitem(last=False)
        return made

    # ---- pictures

    def thumbnails(self, rows: Sequence[int] | Rows) -> dict[int, bytes]:
        """Return the stored thumbnails (WebP) of these rows; the last few thousand are kept."""
        wanted = [int(row) for row in rows]
        with self._lock:
            got = {row: self._pictures[row] for row in wanted if row in self._pictures}
        missing = [row for row in wanted if row not in got]
        if missing and self.store.has("thumbnails"):
            table = self.store.take("thumbnails", missing, ["row", "thumbnail"])
            pairs = zip(table["row"].to_pylist(), table["thumbnail"].to_pylist(), strict=True)
            fresh = {row: data for row, data in pairs if data}
            got.update(fresh)
            with self._lock:
                self._pictures.update(fresh)
                while len(self._pictures) > KEPT_PICTURES:
                    self._pictures.popitem(last=False)
        return got


def _flagged(flag: str | None, stored: dict[str, Any]) -> str:
    if flag == "several":
        return "several characters (review)"
    if flag == "one" or not stored.get("ambiguous"):
        return ""
    return stored.get("ambiguous_reason") or "several characters"
