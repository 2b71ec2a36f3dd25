"""From a free-text description to attribute values, by the vocabulary.

A phrase of the vocabulary speaks by itself ('school uniform'); an adjective only with a noun of its attribute ('short
hair', never 'short girl' for the hair). The longest phrase wins, denials ('no glasses', 'not smiling') are kept apart,
and a text that names several people is ambiguous.
"""

from __future__ import annotations

from collections.abc import Sequence

from label.observed.conflicts import Reading, Settled, settle
from label.observed.lexicon import DENIALS, ENDS, REACH, SEVERAL, Lexicon, Span, tokenize
from schema.vocabulary import Attribute, Vocabulary

_NOT_DENYING = frozenset("only just merely".split())


class TextReader:
    """Reads descriptions; made once per vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._lexicons = [Lexicon(attribute) for attribute in vocabulary.attributes]
        for lexicon in self._lexicons:
            lexicon.join(self._lexicons)

    def read(self, text: str | None) -> Reading:
        """Return what a description says, what it denies, and whether it names several characters."""
        tokens = tokenize(text or "")
        if not tokens:
            return Reading()
        denied_at = _denied(tokens)
        found = [lexicon.phrases(tokens) for lexicon in self._lexicons]
        longest = [span for spans in found for span in spans]
        nouns = [_free(lexicon.nouns(tokens), self._lexicons, found) for lexicon in self._lexicons]
        taken = [False] * len(tokens)
        for span in [*(noun for each in nouns for noun in each), *_things(self._lexicons, found)]:
            taken[span.start : span.end] = [True] * (span.end - span.start)
        values: dict[str, list[str]] = {}
        denied: dict[str, list[str]] = {}
        conflicts: list[str] = []
        ambiguous: str | None = None
        for lexicon, spans, own in zip(self._lexicons, found, nouns, strict=True):
            if not lexicon.touches(tokens):
                continue
            said, refused = lexicon.say(tokens, _heads(spans, longest), own, taken, denied_at)
            attribute = lexicon.attribute
            said.update(lexicon.measured(tokens))
            if attribute.counts:
                one = _count(attribute, lexicon.people(tokens, said))
            else:
                one = settle(attribute, said, () if attribute.kind == "one" else refused)
            if one.values:
                values[attribute.name] = list(one.values)
            if refused:
                denied[attribute.name] = list(refused)
            if one.conflict:
                conflicts.append(one.conflict)
            ambiguous = ambiguous or one.ambiguous
        return Reading(values, [] if ambiguous else conflicts, ambiguous, denied)


def _denied(tokens: Sequence[str]) -> list[int]:
    # Per token, the place of the denial whose scope it is in, or -1. A scope ends with the clause.
    scope = [-1] * len(tokens)
    for start, token in enumerate(tokens):
        if token not in DENIALS or (start + 1 < len(tokens) and tokens[start + 1] in _NOT_DENYING):
            continue
        for place in range(start + 1, min(len(tokens), start + 1 + REACH)):
            word = tokens[place]
            if word in ENDS or word in (",", "but", "and", "&", "nor"):
                if word in ("and", "&") and _goes_on(tokens, start, place):
                    continue
                break
            starts = word in ("with", "who", "while", "wearing", "in", "has") and place > start + 1
            if starts and tokens[place - 1] not in ("or", "nor", "does", "do", "is", "are"):
                break
            scope[place] = start
    return scope


def _goes_on(tokens: Sequence[str], start: int, place: int) -> bool:
    # 'without a hat and a scarf' denies both, 'no glasses and a red scarf' only the glasses.
    return tokens[start] == "without" and tokens[place + 1 : place + 2] not in (
        [],
        ["with"],
        ["wearing"],
        ["has"],
    )


def _heads(spans: Sequence[Span], longest: Sequence[Span]) -> list[Span]:
    # In 'maid headdress' the maid is gone; in 'young woman' the woman stays, as the head of the longer phrase.
    return [
        span
        for span in spans
        if not any(
            other.start <= span.start
            and span.end < other.end
            and other.end - other.start > span.end - span.start
            for other in longest
        )
    ]


def _free(nouns: Sequence[Span], lexicons: Sequence[Lexicon], found: Sequence[Sequence[Span]]) -> list[Span]:
    # The hair of a 'black hair ribbon' is not black: a longer phrase of an attribute without that noun takes it.
    return [
        noun
        for noun in nouns
        if not any(
            span.start <= noun.start
            and noun.end <= span.end
            and span.end - span.start > noun.end - noun.start
            for lexicon, spans in zip(lexicons, found, strict=True)
            if noun.value not in lexicon.attribute.nouns
            for span in spans
        )
    ]


def _things(lexicons: Sequence[Lexicon], found: Sequence[Sequence[Span]]) -> list[Span]:
    # Things that are worn end the adjectives of the noun after them: 'black suit man'.
    pairs = zip(lexicons, found, strict=True)
    return [span for lexicon, spans in pairs if lexicon.attribute.kind == "many" for span in spans]


def _count(attribute: Attribute, people: tuple[int, str]) -> Settled:
    number, words = people
    if number == SEVERAL:
        return Settled((), None, f"several characters: {words}")
    if number < 0:
        return Settled()
    fitting = [value for value in attribute.values if (value.at_least or 0) <= number]
    name = max(fitting, key=lambda value: value.at_least or 0).name if fitting else ""
    if not name:
        return Settled()
    return Settled(
        (name,), None, f"{attribute.title}: {name} ({words})" if name in attribute.ambiguous else None
    )
