"""A store's tagged items as training pictures: what each value's tags say, from thumbnails.

The reading of tags is plain on purpose: a tag says its value, a coloured tag its coloured form, tags that contradict
each other say nothing. Pictures with several characters say only how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from embed.finetune.phrases import Labels
from embed.finetune.pictures import Thumbnails
from index.store import Store
from schema.vocabulary import Attribute, Vocabulary

_SINGLE = frozenset({"solo", "1girl", "1boy", "1other"})
_SEVERAL = ("2girls", "2boys", "multiple_girls", "multiple_boys", "3girls", "3boys", "couple")


class TagReader:
    """From tags to values of the vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._attributes = vocabulary.attributes
        self._values = {each.name: _tags_of(each) for each in vocabulary.attributes}

    def labels(self, tags: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """What ``tags`` (canonical) say, by attribute; an attribute they do not settle is left out."""
        told = set(tags)
        several = bool(told.intersection(_SEVERAL)) or {"1girl", "1boy"} <= told
        found: dict[str, tuple[str, ...]] = {}
        for attribute in self._attributes:
            if attribute.counts:
                if told & _SINGLE and not several and attribute.holds("one"):
                    found[attribute.name] = ("one",)
                continue
            if several:
                continue
            meant = self._values[attribute.name]
            values = attribute.specific(meant[tag] for tag in tags if tag in meant)
            if attribute.kind == "many" or len(values) == 1:
                found[attribute.name] = tuple(values)
        return {name: values for name, values in found.items() if values}


def tagged_items(store: Store, vocabulary: Vocabulary, size: int) -> Thumbnails:
    """The items of ``store`` whose tags or text say anything, as pictures of ``size`` pixels square."""
    reader = TagReader(vocabulary)
    rows: list[int] = []
    known: list[Labels] = []
    texts: list[str | None] = []
    for batch in store.items(columns=["row", "tags", "text", "status"], where="status = 'ok'"):
        for item in batch.to_pylist():
            labels = reader.labels(item["tags"] or ())
            if labels or item["text"]:
                rows.append(item["row"])
                known.append(labels)
                texts.append(item["text"] or None)
    table = store.take("thumbnails", rows, columns=["row", "thumbnail"]) if rows else None
    stored = dict(zip(table["row"].to_pylist(), table["thumbnail"].to_pylist(), strict=True)) if table else {}
    kept = [at for at, row in enumerate(rows) if stored.get(row)]
    return Thumbnails(
        [stored[rows[at]] for at in kept], [known[at] for at in kept], [texts[at] for at in kept], size
    )


def _tags_of(attribute: Attribute) -> dict[str, str]:
    meant: dict[str, str] = {}
    for value in attribute.values:
        for tag in value.tags:
            meant[tag] = value.name
            if value.colored:
                for colour in attribute.colors:
                    meant.setdefault(f"{colour}_{tag}", f"{colour} {value.name}")
    return meant
