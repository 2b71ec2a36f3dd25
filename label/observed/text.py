"""From a free-text description to attribute values, by the vocabulary.

A phrase of the vocabulary speaks by itself ('school uniform'); an adjective only with a noun of its attribute ('short
hair', never 'short girl' for the hair). The longest phrase wins, denials ('no glasses', 'not smiling') are kept apart,
and a text that names several people is ambiguous.
"""

from __future__ import annotations

from collections.abc import Sequence

from label.observed.lexicon import DENIALS, ENDS, REACH, SEVERAL, Lexicon, Span, tokenize
from schema.tags.conflicts import (
    Conflict,
    ParsedLabels,
    Resolved,
    resolve_conflicts,
    value_of_count,
)
from schema.vocabulary import Attribute, Vocabulary

_NOT_DENYING = frozenset("only just merely".split())


class TextReader:
    """Reads descriptions; made once per vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._lexicons = [Lexicon(attribute) for attribute in vocabulary.attributes]
        for lexicon in self._lexicons:
            lexicon.join(self._lexicons)

    def read(self, text: str | None) -> ParsedLabels:
        """Return what a description says, what it denies, and whether it names several characters."""
        tokens = tokenize(text or "")
        if not tokens:
            return ParsedLabels()
        denial_of = _denials(tokens)
        phrases = [lexicon.phrases(tokens) for lexicon in self._lexicons]
        all_phrases = [span for spans in phrases for span in spans]
        nouns = [_free(lexicon.nouns(tokens), self._lexicons, phrases) for lexicon in self._lexicons]
        taken = [False] * len(tokens)
        for span in [*(noun for spans in nouns for noun in spans), *_worn(self._lexicons, phrases)]:
            taken[span.start : span.end] = [True] * (span.end - span.start)
        values: dict[str, list[str]] = {}
        denied: dict[str, list[str]] = {}
        conflicts: list[Conflict] = []
        ambiguous: str | None = None
        for lexicon, own_phrases, own_nouns in zip(self._lexicons, phrases, nouns, strict=True):
            if not lexicon.touches(tokens):
                continue
            heads = _heads(own_phrases, all_phrases)
            said, refused = lexicon.say(tokens, heads, own_nouns, taken, denial_of)
            attribute = lexicon.attribute
            said.update(lexicon.measured(tokens))
            if attribute.counts:
                resolved = _count(attribute, *lexicon.people(tokens, said))
            else:
                resolved = resolve_conflicts(attribute, said, () if not attribute.multi_label else refused)
            if resolved.values:
                values[attribute.name] = list(resolved.values)
            if refused:
                denied[attribute.name] = list(refused)
            if resolved.conflict:
                conflicts.append(resolved.conflict)
            ambiguous = ambiguous or resolved.ambiguous
        return ParsedLabels(values, [] if ambiguous else conflicts, ambiguous, denied)


def _denials(tokens: Sequence[str]) -> list[int]:
    """Return for each token the place of the denial that governs it, or -1; a denial ends with its clause."""
    scope = [-1] * len(tokens)
    for start, token in enumerate(tokens):
        if token not in DENIALS or (start + 1 < len(tokens) and tokens[start + 1] in _NOT_DENYING):
            continue
        for place in range(start + 1, min(len(tokens), start + 1 + REACH)):
            word = tokens[place]
            if word in ENDS or word in (",", "but", "and", "&", "nor"):
                if word in ("and", "&") and _continues(tokens, start, place):
                    continue
                break
            starts = word in ("with", "who", "while", "wearing", "in", "has") and place > start + 1
            if starts and tokens[place - 1] not in ("or", "nor", "does", "do", "is", "are"):
                break
            scope[place] = start
    return scope


def _continues(tokens: Sequence[str], start: int, place: int) -> bool:
    # 'without a hat and a scarf' denies both, 'no glasses and a red scarf' only the glasses.
    after = tokens[place + 1 : place + 2]
    return tokens[start] == "without" and after not in ([], ["with"], ["wearing"], ["has"])


def _heads(spans: Sequence[Span], all_phrases: Sequence[Span]) -> list[Span]:
    # In 'maid headdress' the maid is gone; in 'young woman' the woman stays, as the head of the longer phrase.
    return [
        span
        for span in spans
        if not any(
            other.start <= span.start
            and span.end < other.end
            and other.end - other.start > span.end - span.start
            for other in all_phrases
        )
    ]


def _free(
    nouns: Sequence[Span], lexicons: Sequence[Lexicon], phrases: Sequence[Sequence[Span]]
) -> list[Span]:
    # The hair of a 'black hair ribbon' is not black: a longer phrase of an attribute without that noun takes it.
    return [
        noun
        for noun in nouns
        if not any(
            span.start <= noun.start
            and noun.end <= span.end
            and span.end - span.start > noun.end - noun.start
            for lexicon, spans in zip(lexicons, phrases, strict=True)
            if noun.value not in lexicon.attribute.nouns
            for span in spans
        )
    ]


def _worn(lexicons: Sequence[Lexicon], phrases: Sequence[Sequence[Span]]) -> list[Span]:
    # Things that are worn end the adjectives of the noun after them: 'black suit man'.
    pairs = zip(lexicons, phrases, strict=True)
    return [span for lexicon, spans in pairs if lexicon.attribute.multi_label for span in spans]


def _count(attribute: Attribute, number: int, words: str) -> Resolved:
    """Return the value of a counted attribute for the number of people that ``words`` name."""
    if number == SEVERAL:
        return Resolved((), None, f"several characters: {words}")
    value = value_of_count(attribute, number) if number >= 0 else None
    if value is None:
        return Resolved()
    ambiguous = f"{attribute.title}: {value} ({words})" if value in attribute.ambiguous else None
    return Resolved((value,), None, ambiguous)
