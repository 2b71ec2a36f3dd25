"""What the copies of an item say of it: they show the same, so their tags, texts and reviews count as stated for the
one that stays.

The item's own reviews outrank those of its copies. What two copies say differently is read as if one item said both,
and ends as a conflict that names the copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from index.reviews.effective import ReviewedLabel
from label.observed.base import ItemWords
from schema.tags.about_files import taken_over
from schema.tags.conflicts import DISAGREE, Conflict
from schema.vocabulary import Attribute

SHORT = 8
"""Digits of an item id that name a copy in a conflict."""


def with_copies(item: ItemWords, copies: Sequence[Mapping[str, Any]]) -> ItemWords:
    """Return the words of an item with those of its copies, records with ``tags`` and ``text``."""
    tags = list(item.tags)
    texts = [item.text]
    for copy in copies:
        tags += taken_over(tags, copy["tags"] or ())
        texts.append(copy["text"] or "")
    return replace(item, tags=tags, text="\n".join(dict.fromkeys(text for text in texts if text)))


def named_conflicts(
    conflicts: Iterable[Conflict], item: ItemWords, copies: Sequence[Mapping[str, Any]]
) -> tuple[Conflict, ...]:
    """Return the conflicts with the copy named behind each tag that the item itself has not."""
    own = set(item.tags)
    said_by: dict[str, str] = {}
    for copy in copies:
        for tag in copy["tags"] or ():
            if tag not in own:
                said_by.setdefault(tag, str(copy["item_id"])[:SHORT])
    return tuple(
        replace(
            conflict,
            evidence=tuple(
                f"{words}, copy {said_by[words]}" if words in said_by else words
                for words in conflict.evidence
            ),
        )
        for conflict in conflicts
    )


def joined_reviews(
    own: Mapping[str, ReviewedLabel],
    copies: Sequence[Mapping[str, ReviewedLabel]],
    attributes: Mapping[str, Attribute],
) -> tuple[dict[str, ReviewedLabel], list[Conflict]]:
    """Return the reviewed labels of an item with those of its copies, by attribute, and where copies contradict.

    Later decisions outrank earlier ones. That a copy's value is known to be unknown says nothing of the item: a crop
    shows less.
    """
    found = dict(own)
    conflicts: list[Conflict] = []
    for name in sorted({name for copy in copies for name in copy} & set(attributes)):
        if name in own and own[name].exact:
            continue
        said = [copy[name] for copy in copies if name in copy]
        said = [label for label in said if label.values or label.rejected]
        if name in own:
            said.append(own[name])
        if not said:
            continue
        said.sort(key=lambda label: label.decision)
        found[name] = _folded(said)
        if not attributes[name].multi_label:
            values = dict.fromkeys(value for label in said if label.exact for value in label.values)
            if len(values) > 1:
                words = tuple(_reviewer_of(value, said) for value in values)
                conflicts.append(Conflict(name, DISAGREE, tuple(values), words))
    return found, conflicts


def _folded(said: Sequence[ReviewedLabel]) -> ReviewedLabel:
    """What reviews of copies come to, the earlier ones first."""
    values: dict[str, None] = {}
    rejected: dict[str, None] = {}
    exact = False
    for label in said:
        if label.exact:
            values, rejected, exact = {}, {}, True
        for value in label.values:
            values[value] = None
            rejected.pop(value, None)
        for value in label.rejected:
            rejected[value] = None
            values.pop(value, None)
    return replace(said[-1], values=tuple(values), rejected=tuple(rejected), exact=exact)


def _reviewer_of(value: str, said: Sequence[ReviewedLabel]) -> str:
    label = next(each for each in reversed(said) if value in each.values)
    return f"{label.reviewer}, copy {label.item_id[:SHORT]}"


def joined_subjects(own: str | None, copies: Iterable[str | None]) -> str | None:
    """Return what reviewers say of the number of characters: the item's own review, else 'several' before 'one'."""
    if own is not None:
        return own
    said = {each for each in copies if each is not None}
    return "several" if "several" in said else next(iter(said), None)
