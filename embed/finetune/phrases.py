"""How training says an attribute's value: whole prompts and short phrases, for the softmax and for captions.

The vocabulary's attributes speak with their own prompts, so that the tower learns the sentences which label an
unknown picture later; attributes of a picture source that the vocabulary lacks bring their own.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schema.vocabulary import Attribute, Vocabulary

Labels = Mapping[str, Sequence[str]]
"""What a picture shows: attribute to its values, one for a single-label attribute; an attribute left out is unknown."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """Sentences for every value of every attribute in training."""

    sentences: Mapping[str, Mapping[str, tuple[str, ...]]]

    def draw(self, attribute: str, value: str, rng: random.Random) -> str:
        """One of the sentences for a value."""
        return rng.choice(self.sentences[attribute][value])

    def caption(self, labels: Labels, rng: random.Random, most: int = 4) -> str | None:
        """A caption of up to ``most`` facts in any order, or None where nothing is known."""
        known = [
            (name, value) for name, values in labels.items() for value in values if self.says(name, value)
        ]
        if not known:
            return None
        chosen = rng.sample(known, min(len(known), rng.randint(1, most)))
        return ", ".join(min(self.sentences[name][value], key=len) for name, value in chosen)

    def says(self, attribute: str, value: str) -> bool:
        """Whether there are sentences for this value."""
        return value in self.sentences.get(attribute, {})


def phrases_of(
    vocabulary: Vocabulary,
    used: Mapping[str, Iterable[str]],
    own: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None,
) -> Phrases:
    """Sentences for every value of the vocabulary, for the coloured forms in ``used``, and for ``own`` attributes."""
    sentences: dict[str, dict[str, tuple[str, ...]]] = {}
    for attribute in vocabulary.attributes:
        names = [value.name for value in attribute.values]
        names += [
            name
            for name in sorted(used.get(attribute.name, ()))
            if attribute.holds(name) and name not in names
        ]
        sentences[attribute.name] = {name: prompts(attribute, name) for name in names}
    for name, values in (own or {}).items():
        sentences[name] = dict(values)
    return Phrases(sentences)


def prompts(attribute: Attribute, name: str) -> tuple[str, ...]:
    """The prompts of one value, coloured forms included: 'green yukata' in the templates of its attribute."""
    colour = attribute.color(name)
    value = attribute.value(name)
    if colour is None:
        return value.prompts or (name,)
    said = f"a {name}"
    return (*(template.replace("{}", said) for template in attribute.templates), said)
