"""What decisions change before the next label run reads them: the labels of the items around them, voted on again.

It holds what was found by attribute, and looks again only around items that were decided since. The labels are those
that the next incremental run will write, see ``label.update.preview``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from index.neighbours.around import around
from index.reviews.effective import EffectiveReviews, effect_of
from index.reviews.log import Review
from schema.arrays import Rows
from schema.errors import StoreError
from schema.records import Decision
from schema.settings import Settings
from schema.vocabulary import Vocabulary
from ui.review.items import Label, label_of

if TYPE_CHECKING:
    from index.store import Store
    from label.data.load import ItemLoader
    from label.learn.fit_all import LabelModels
    from label.update.stored import StoredModels

Cached = Callable[[str, Sequence[str], Callable[[], Any]], Any]
"""Keeps what a function returns under a name until one of some tables changes."""
SUPPOSED = "supposed"
"""The batch of decisions that are not taken yet."""


@dataclass(frozen=True, slots=True)
class Revote:
    """Labels that differ from those in the table, by attribute and row; how many items were looked at, and how many
    more lie around the decided ones."""

    labels: dict[str, dict[int, Label]]
    looked_at: int = 0
    left_out: int = 0


@dataclass(slots=True)
class _Known:
    """What is known of one attribute: labels that differ by row, and the decided rows not yet looked around."""

    labels: dict[int, Label] = field(default_factory=dict)
    due: set[int] = field(default_factory=set)


class Revotes:
    """The re-votes of one store; not safe for several threads by itself."""

    def __init__(self, store: Store, vocabulary: Vocabulary, settings: Settings, cached: Cached) -> None:
        self.store = store
        self._vocabulary = vocabulary
        self._settings = settings
        self._names = vocabulary.names
        self._cached = cached
        self._version = -1
        self._decided: set[int] = set()
        self._known = {name: _Known() for name in self._names}

    def note(self, new: Sequence[Review], earlier: Sequence[Review]) -> None:
        """Take note of decisions; those before the last label run stand in the labels table already."""
        version = self.store.version("labels")
        if version != self._version:
            self._version, self._decided = version, set()
            self._known = {name: _Known() for name in self._names}
            new, earlier = [*earlier, *new], []
        if not new:
            return
        position = self._cached("label run", ("runs",), self._label_position)
        batches: dict[str, list[Review]] = {}
        for review in (*earlier, *new):
            batches.setdefault(review.batch, []).append(review)
        self._note(batches, (review for review in new if review.decision > position))

    def _note(self, batches: Mapping[str, list[Review]], reviews: Iterable[Review]) -> None:
        for review in reviews:
            if review.kind == "undo":
                self._note(batches, batches.get(str(review.other), ()))
            elif review.kind == "label" and review.attribute in self._known:
                self._decided.add(review.row)
                self._known[review.attribute].due.add(review.row)
            elif review.kind == "subjects":
                # Who shows several characters is no reference item of any attribute, and gets no label of any.
                self._decided.add(review.row)
                for known in self._known.values():
                    known.due.add(review.row)

    def _label_position(self) -> int:
        from index.store.runs import Runs

        last = Runs(self.store).last("label")
        return int(last["facts"].get("reviews", 0)) if last else 0

    def labels(self, names: Sequence[str], reviewed: EffectiveReviews) -> dict[str, dict[int, Label]]:
        """Return the labels that differ from those in the table, by attribute; votes again around what is due."""
        waiting: dict[frozenset[int], list[str]] = {}
        for name in names:
            if name in self._known and self._known[name].due:
                waiting.setdefault(frozenset(self._known[name].due), []).append(name)
        for rows, together in waiting.items():
            near = around(self.store, sorted(rows)).rows
            due = np.array(sorted(rows), np.int64)
            # What is said of a copy is said of the item that stays in its place.
            looked_at = np.union1d(near, np.union1d(due, self.loader().copies.kept_for(due)))
            changed = self._vote(reviewed, self._decided, looked_at, together)
            for name in together:
                known = self._known[name]
                known.due = set()
                for row in looked_at.tolist():
                    known.labels.pop(row, None)
                known.labels.update(changed.get(name, {}))
        return {name: self._known[name].labels for name in names if name in self._known}

    def suppose(
        self, decisions: Sequence[Decision], name: str, reviewed: EffectiveReviews, log: Sequence[Review]
    ) -> Revote:
        """Return what decisions would change of one attribute of the items around them, before they are taken."""
        rows = {decision.row for decision in decisions}
        supposed = _with(reviewed, decisions, log, self._vocabulary)
        near = around(self.store, sorted(rows))
        kept = self.loader().copies.kept_for(np.array(sorted(rows), np.int64))
        looked_at = np.union1d(near.rows, kept)
        changed = self._vote(supposed, self._decided | rows, looked_at, [name])
        return Revote(changed, len(looked_at), near.left_out)

    def _vote(
        self, reviewed: EffectiveReviews, decided: set[int], rows: Rows, names: Sequence[str]
    ) -> dict[str, dict[int, Label]]:
        """Return the labels of the items ``rows`` that differ from those in the table, by attribute."""
        from label.update.preview import Corrections, preview

        models = self.stored_models()
        if models is None or not len(rows):
            return {}
        corrections = Corrections(reviewed, np.array(sorted(decided), np.int64))
        found = preview(self.loader(), models, corrections, rows, names)
        before = self._table_labels(rows, names)
        changed: dict[str, dict[int, Label]] = {}
        for name, predicted in found.labels.items():
            changed[name] = {
                row: Label(label.values, label.confidence, label.source, label.support)
                for row, label in predicted.items()
                if set(label.values) != set(label_of(before.get(row, {}), name).values)
                and not _said(reviewed, row, name)
            }
        return changed

    def _table_labels(self, rows: Rows, names: Sequence[str]) -> dict[int, dict[str, Any]]:
        present = set(self.store.schema("labels").names)
        columns = ["row", *(name for name in names if name in present)]
        return {record["row"]: record for record in self.store.take("labels", rows, columns).to_pylist()}

    # ---- what the last label run left

    def loader(self) -> ItemLoader:
        """Return what reads items as a label run does; made once, for it reads the files of aliases."""
        from label.data.load import ItemLoader

        made: ItemLoader = self._cached(
            "item loader", (), lambda: ItemLoader(self.store, self._vocabulary, self._settings)
        )
        return made

    def stored_models(self) -> StoredModels | None:
        """Return what the last label run left; None before the first one, or if another version wrote it."""
        from label.update.stored import load_stored

        def load() -> StoredModels | None:
            try:
                return load_stored(self.store)
            except StoreError:
                return None

        found: StoredModels | None = self._cached("stored models", ("label_models",), load)
        return found

    def models(self) -> LabelModels | None:
        """Return the models that the last label run labelled with, or None as for ``stored_models``."""
        from label.update.stored import current_models

        stored = self.stored_models()
        if stored is None:
            return None
        found: LabelModels = self._cached(
            "models", ("label_models",), lambda: current_models(self.store, stored)
        )
        return found


def _said(reviewed: EffectiveReviews, row: int, name: str) -> bool:
    """Tell whether reviewers gave all values of an attribute of an item, so that no vote can change it."""
    label = reviewed.labels.get((row, name))
    return label is not None and label.exact


def _with(
    reviewed: EffectiveReviews,
    decisions: Sequence[Decision],
    log: Sequence[Review],
    vocabulary: Vocabulary,
) -> EffectiveReviews:
    """Return what would count if ``decisions`` were written after the ``log``, of which ``reviewed`` counts now."""
    rows = {decision.row for decision in decisions}
    last = log[-1].decision if log else 0
    supposed = [
        Review(
            last + place, SUPPOSED, "", "", each.row, each.item_id, each.kind, each.attribute, each.value,
            each.action, each.group_id, None, each.seen, each.others,
        )
        for place, each in enumerate(decisions, 1)
    ]  # fmt: skip
    own = [review for review in log if review.row in rows or review.kind == "undo"]
    effect = effect_of([*own, *supposed], rows, vocabulary)
    others = {key: label for key, label in reviewed.labels.items() if key[0] not in rows}
    flags = {row: said for row, said in reviewed.subjects.items() if row not in rows}
    return replace(reviewed, labels=others | effect.labels, subjects=flags | effect.subjects)
