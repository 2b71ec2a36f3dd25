"""A store's tagged items as training pictures: what the tags say by the vocabulary, from thumbnails.

Tags are read as they are for labels; what contradicts itself says nothing. Of pictures with several characters only
their number is taken, for nobody knows whose hair it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from embed.finetune.phrases import Labels
from embed.finetune.pictures import Thumbnails
from index.store import Store
from schema.settings import Settings
from schema.tags.values import TagReader
from schema.vocabulary import Vocabulary


def tagged_items(store: Store, vocabulary: Vocabulary, settings: Settings, size: int) -> Thumbnails:
    """Return the items of ``store`` whose tags or text say anything, as pictures of ``size`` pixels square."""
    reader = TagReader.from_files(vocabulary, settings.tags.aliases, settings.tags.implications)
    rows: list[int] = []
    known: list[Labels] = []
    texts: list[str | None] = []
    for batch in store.items(columns=["row", "tags", "text", "status"], where="status = 'ok'"):
        for item in batch.to_pylist():
            labels = labels_of(reader, item["tags"] or ())
            if labels or item["text"]:
                rows.append(item["row"])
                known.append(labels)
                texts.append(item["text"] or None)
    table = store.take("thumbnails", rows, columns=["row", "thumbnail"]) if rows else None
    stored = dict(zip(table["row"].to_pylist(), table["thumbnail"].to_pylist(), strict=True)) if table else {}
    kept = [place for place, row in enumerate(rows) if stored.get(row)]
    return Thumbnails(
        [stored[rows[place]] for place in kept],
        [known[place] for place in kept],
        [texts[place] for place in kept],
        size,
    )


def labels_of(reader: TagReader, tags: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return what ``tags`` (canonical) say, by attribute; an attribute that they do not settle is left out."""
    parsed = reader.read(tags)
    counting = {each.name for each in reader.vocabulary.attributes if each.counts}
    return {
        name: tuple(values)
        for name, values in parsed.values.items()
        if not parsed.ambiguous or name in counting
    }
