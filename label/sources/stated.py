"""What tags, texts and reviews state about one item, written into the arrays of the stage."""

from __future__ import annotations

from label.statements import Stated
from schema.settings import Settings
from schema.vocabulary import Vocabulary


class Reader:
    """Reads the tags and the text of items by the rules of the vocabulary."""

    def __init__(self, vocabulary: Vocabulary, settings: Settings) -> None:
        self._vocabulary = vocabulary
        self._said: dict[str, list[tuple[str, str]]] = {}
        for attribute in vocabulary.attributes:
            for value in attribute.values:
                for tag in value.tags:
                    self._said.setdefault(tag, []).append((attribute.name, value.name))

    def read(self, row: int, tags: list[str], text: str, stated: dict[str, Stated]) -> tuple[str, list[str]]:
        """Add what an item states; returns (why it is ambiguous or '', its conflicts)."""
        found: dict[str, list[str]] = {}
        for tag in tags:
            for about, value in self._said.get(tag, ()):
                values = found.setdefault(about, [])
                if value not in values:
                    values.append(value)
        reason, conflicts = "", []
        for name, said in found.items():
            attribute = stated[name].attribute
            values = attribute.specific(said) if attribute.kind == "one" else attribute.expand(said)
            if set(values) & set(attribute.ambiguous):
                reason = f"tags say {attribute.name} {', '.join(values)}"
            if attribute.kind == "one" and len(values) > 1:
                conflicts.append(f"{name}: {' / '.join(values)}")
                continue
            stated[name].add(row, values, "tag")
        return reason, conflicts
