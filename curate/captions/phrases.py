"""From accepted values to phrases of a sentence, by the vocabulary: 'with long blonde hair', 'wearing a green yukata'.

The first template of an attribute says how its values stand in a sentence: behind 'a character', as in 'a character
with {}', or before the noun, where it names no character: 'a slim young adult woman'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schema.vocabulary import Attribute, Vocabulary

AGE, GENDER = "age", "gender"
NOUNS = {
    ("female", "adult"): "woman",
    ("male", "adult"): "man",
    ("female", "child"): "girl",
    ("male", "child"): "boy",
    ("female", ""): "female character",
    ("male", ""): "male character",
    ("non-binary", ""): "non-binary character",
}
"""Noun of a gender by what is accepted of the age: 'woman' would say adult, and 'girl' young, of an unknown age."""
_KIND_OF_AGE = {
    "young adult": "adult", "middle-aged": "adult", "elderly": "adult", "teen": "child", "child": "child",
}  # fmt: skip
# Adjectives in the order of English: size and build, age, origin.
_BEFORE = ("body_type", "age", "ethnicity")
_ARTICLE = re.compile(r"^(an?) ")
_UNCOUNTED = re.compile(r"^[aeiou]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Phrases:
    """The parts of a sentence: the subject without article, and what follows it by its clause, in order."""

    subject: str
    pronoun: str
    clauses: tuple[tuple[str, tuple[str, ...]], ...]


class Phrasing:
    """Phrases of labels; made once per vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._adjectives: list[Attribute] = []
        self._clauses: list[tuple[str, Attribute]] = []
        for attribute in vocabulary.attributes:
            if attribute.counts:
                continue
            if attribute.clause is not None:
                self._clauses.append((attribute.clause, attribute))
            elif attribute.name != GENDER:
                self._adjectives.append(attribute)
        order = {name: place for place, name in enumerate(_BEFORE)}
        self._adjectives.sort(key=lambda attribute: order.get(attribute.name, len(order)))

    def phrases(self, labels: Mapping[str, Sequence[str]]) -> Phrases:
        """Return the parts of a sentence that says these values and nothing else."""
        gender = next(iter(labels.get(GENDER, ())), "")
        age = next(iter(labels.get(AGE, ())), "")
        noun = NOUNS.get((gender, _KIND_OF_AGE.get(age, ""))) or NOUNS.get((gender, ""), "character")
        before = [
            phrase
            for attribute in self._adjectives
            for phrase in self._said(attribute, labels.get(attribute.name, ()))
            if not (attribute.name == AGE and phrase == "child" and noun == "character")
        ]
        if AGE in labels and age == "child" and noun == "character":
            noun = "child"
        clauses: dict[str, list[str]] = {}
        for clause, attribute in self._clauses:
            said = self._said(attribute, labels.get(attribute.name, ()))
            if said:
                clauses.setdefault(clause, []).extend(said)
        joined = tuple((clause, tuple(_joined(said))) for clause, said in clauses.items())
        pronoun = {"female": "she", "male": "he"}.get(gender, "the character")
        return Phrases(" ".join([*before, noun]), pronoun, joined)

    @staticmethod
    def _said(attribute: Attribute, values: Sequence[str]) -> list[str]:
        return [phrase_of(attribute, value) for value in attribute.specific(values) if attribute.holds(value)]


def phrase_of(attribute: Attribute, value: str) -> str:
    """Return what a caption calls a value; a coloured one has its colour before the noun: 'a green yukata'."""
    found = attribute.value(value)
    phrase, color = found.phrases[0], attribute.color(value)
    if color is None:
        return phrase
    article = _ARTICLE.match(phrase)
    rest = phrase[article.end() :] if article else phrase
    return with_article(f"{color} {rest}") if article else f"{color} {rest}"


def with_article(noun: str) -> str:
    """Return a noun phrase with 'a' or 'an'."""
    return f"{'an' if _UNCOUNTED.match(noun) else 'a'} {noun}"


def listed(phrases: Sequence[str]) -> str:
    """Return phrases as a list in words: 'a, b and c'."""
    if len(phrases) < 2:
        return "".join(phrases)
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def _joined(phrases: Sequence[str]) -> list[str]:
    """Join adjectives of one plain noun: 'long hair', 'wavy hair' and 'red hair' are 'long wavy red hair'."""
    found: list[str] = []
    by_noun: dict[str, int] = {}
    for phrase in phrases:
        words = phrase.split()
        if len(words) == 2 and words[1] in ("hair",) and phrase not in found:
            if words[1] in by_noun:
                place = by_noun[words[1]]
                found[place] = f"{found[place].removesuffix(words[1]).strip()} {words[0]} {words[1]}"
                continue
            by_noun[words[1]] = len(found)
        if phrase not in found:
            found.append(phrase)
    return found
