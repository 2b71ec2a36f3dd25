"""The words of one attribute, and how they are found in a tokenized description.

Adjectives count only with a noun of their attribute: before it up to an article, a verb, a preposition or another
noun ('long, curly, black hair'), or after a verb ('her hair is long and black').
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schema.vocabulary import Attribute

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[.,;:()!?&]")
ENDS = frozenset(".;:()!?")
_DETERMINERS = frozenset(
    "a an the her his their its my your this that these those some any another one's".split()
)
_LINKS = frozenset(
    "with in on of at by from to for as into over under near wearing wears wear dressed has have having had holding "
    "who whose whom which while where when but is are was were be being does do did and or nor".split()
)
DENIALS = frozenset(
    "no not without never neither nor lacks lacking sans cannot "
    "isn't aren't wasn't doesn't don't didn't hasn't haven't".split()
)
_COPULAS = frozenset("is are was were looks look dyed colored coloured".split())
_ASIDES = frozenset(
    "very really quite so rather extremely somewhat slightly mostly also both naturally".split()
)
_OF_NOUN = frozenset("color colour length style".split())
_JOINING = frozenset(
    "and with beside by another hugging kissing facing near behind to holding carrying".split()
)
_ARTICLES = frozenset("a an one another his her their".split())
REACH = 6
"""Tokens looked at on either side of a noun for its adjectives, and after a denial for what is denied."""


SEVERAL = -2
"""More than one character, but the text does not say how many: 'men holding hands'."""

Words = dict[str, list[tuple[tuple[str, ...], str]]]
"""First token to the phrases that start with it, longest first, and what each stands for."""


class Span(NamedTuple):
    """A phrase found at tokens ``start`` to ``end`` (exclusive)."""

    start: int
    end: int
    value: str


def tokenize(text: str) -> list[str]:
    """Return lower-case words and punctuation; hyphens and underscores separate words, curly quotes are plain."""
    return _TOKEN.findall(text.lower().replace("\u2019", "'"))


class Lexicon:
    """Phrases, adjectives and nouns of one attribute, by their first token."""

    def __init__(self, attribute: Attribute) -> None:
        self.attribute = attribute
        self._title = tuple(tokenize(attribute.title))
        self._phrases: Words = {}
        self._adjectives: Words = {}
        self._nouns: Words = {}
        self._colors: Words = {}
        self._fellows: Words = {}
        for value in attribute.values:
            for words in value.words:
                _put(self._phrases, words, value.name)
            for words in value.adjectives:
                _put(self._adjectives, words, value.name)
        self._units: Words = {}
        for unit in attribute.unit:
            _put(self._units, unit, unit)
        self._singular: Words = {}
        for noun in attribute.singular:
            _put(self._singular, noun, noun)
        known = {words for entries in self._phrases.values() for words, _ in entries}
        for value in attribute.values:
            for words in value.words:
                if (*tokenize(words)[:-1], tokenize(words)[-1] + "s") not in known:
                    _put(self._phrases, words + "s", value.name)  # a plural says what its singular says
        self._alone = {entry[0] for entries in self._phrases.values() for entry in entries}
        for noun in attribute.nouns:
            _put(self._nouns, noun, noun)
        for color, others in attribute.colors.items():
            for words in (color, *others):
                _put(self._colors, words, color)

        self._starts = {*self._phrases, *self._nouns, *self._units, *self._singular}

    def join(self, lexicons: Sequence[Lexicon]) -> None:
        """Learn the adjectives of the attributes that share a noun: 'long, curly, black hair'."""
        nouns = set(self.attribute.nouns)
        for lexicon in lexicons:
            if not nouns.isdisjoint(lexicon.attribute.nouns):
                for value in lexicon.attribute.values:
                    for words in value.adjectives:
                        _put(self._fellows, words, value.name)

    def phrases(self, tokens: Sequence[str]) -> list[Span]:
        """Return the longest phrases, left to right, that do not overlap; a plural counts as its singular."""
        found = _find(self._phrases, tokens, 0, len(tokens))
        apart = [
            span for span in self._apart(tokens) if not any(o.start <= span.start < o.end for o in found)
        ]
        return sorted([*found, *apart]) if apart else found

    def _apart(self, tokens: Sequence[str]) -> Iterator[Span]:
        """Yield the first words of two-word phrases whose noun comes behind other adjectives: 'young Asian woman'."""
        for place, token in enumerate(tokens):
            for words, value in self._phrases.get(token, ()):
                if len(words) != 2 or words[1] not in self._nouns or token in DENIALS:
                    continue
                stop = place + 1
                while stop < min(len(tokens), place + REACH):
                    fellow = _at(self._fellows, tokens, stop, len(tokens))
                    if fellow is not None:
                        stop = fellow.end
                    elif tokens[stop] in (",", "and") and stop + 1 < len(tokens):
                        stop += 1
                    else:
                        break
                if stop > place + 1 and tokens[stop : stop + 1] == [words[1]]:
                    yield Span(place, place + 1, value)

    def touches(self, tokens: Sequence[str]) -> bool:
        """Say whether any word of the attribute is in the text at all."""
        return not self._starts.isdisjoint(tokens)

    def nouns(self, tokens: Sequence[str]) -> list[Span]:
        """Return the nouns whose adjectives are this attribute's."""
        return _find(self._nouns, tokens, 0, len(tokens))

    def say(
        self,
        tokens: Sequence[str],
        phrases: Sequence[Span],
        nouns: Sequence[Span],
        taken: Sequence[bool],
        scope: Sequence[int],
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return values said and values denied, each with the words that say so."""
        said: dict[str, str] = {}
        refused: dict[str, str] = {}
        starts = {span.start for span in phrases}
        measures = _find(self._units, tokens, 0, len(tokens))
        units = [unit.end for unit in measures]
        for span in phrases:
            if any(unit.start <= span.start < unit.end for unit in measures):
                continue  # 'a 20-year-old man' is no old man
            if self.attribute.multi_label and self.attribute.colors and span.end in starts:
                continue  # in 'dress shoes' the dress only describes the shoes
            if self._heads_values(tokens, span, phrases):
                continue
            value, words = self._colored(tokens, span)
            out = refused if scope[span.start] >= 0 else said
            out.setdefault(span.value if out is refused else value, words)
        for noun in nouns:
            before = self._before(tokens, noun, taken)
            before = max([before, *(end for end in units if end <= noun.start)])
            spans = [*_find(self._adjectives, tokens, before, noun.start), *self._after(tokens, noun)]
            names = list(dict.fromkeys(span.value for span in spans))
            if not names:
                continue
            if len(names) > 1 and self.attribute.mixed in self.attribute.by_name and self.attribute.mixed:
                names = [self.attribute.mixed]
            place = spans[0].start
            words = " ".join(tokens[min(place, noun.start) : max(spans[-1].end, noun.end)])
            for name in names:
                (refused if scope[place] >= 0 or scope[noun.start] >= 0 else said).setdefault(name, words)
        for name in [name for name in refused if name in said and not self.attribute.multi_label]:
            del refused[name]
        return said, refused

    def _heads_values(self, tokens: Sequence[str], span: Span, phrases: Sequence[Span]) -> bool:
        """Tell whether a phrase is the attribute's name before its value, as in 'Dress: green yukata'."""
        if tuple(tokens[span.start : span.end]) != self._title:
            return False
        if tokens[span.end : span.end + 1] == [":"]:
            return True
        named = bool(tokens[span.end : span.end + 1]) and tokens[span.end] in _COPULAS
        return named and any(span.end < other.start <= span.end + REACH for other in phrases)

    def _before(self, tokens: Sequence[str], noun: Span, taken: Sequence[bool]) -> int:
        # The adjectives of a noun stand before it, up to an article, a verb, a preposition or another noun.
        place = noun.start
        while place > 0 and noun.start - place < REACH:
            word = tokens[place - 1]
            if word in ("and", ",", "&"):
                if place == noun.start or place < 2 or not self._ends_adjective(tokens, place - 1):
                    break
            elif (
                word in _DETERMINERS or word in _LINKS or word in DENIALS or word in ENDS or taken[place - 1]
            ):
                break
            place -= 1
        return place

    def _ends_adjective(self, tokens: Sequence[str], place: int) -> bool:
        return any(span.end == place for span in _find(self._fellows, tokens, max(0, place - 3), place))

    def _after(self, tokens: Sequence[str], noun: Span) -> list[Span]:
        # 'her hair is long and black', 'hair dyed pink', 'eye color: blue'
        place = noun.end
        named = tokens[place : place + 1] != [] and tokens[place] in _OF_NOUN
        typed = noun.end - noun.start > 1 and tokens[noun.end - 1] == "type"  # 'body type: slim'
        place += named
        if place >= len(tokens) or not (
            tokens[place] in _COPULAS or ((named or typed) and tokens[place] == ":")
        ):
            return []
        found: list[Span] = []
        place += 1
        end = min(len(tokens), place + REACH)
        while place < end:
            span = _at(self._adjectives, tokens, place, end)
            word = tokens[place]
            if span is not None:
                found.append(span)
                place = span.end
            elif (
                word in _ASIDES
                or word in _COPULAS
                or word in ("and", ",", "&")
                or _at(self._fellows, tokens, place, end)
            ):
                place += 1
            else:
                break
        return found

    def _colored(self, tokens: Sequence[str], span: Span) -> tuple[str, str]:
        words = " ".join(tokens[span.start : span.end])
        if not self._colors or not self.attribute.by_name[span.value].colored:
            return span.value, words
        place = span.start
        while place > 0 and span.start - place < REACH:
            word = tokens[place - 1]
            stops = word in _DETERMINERS or word in _LINKS or word in DENIALS or word in ENDS or word == ","
            if stops and not (word == "and" and self._is_color(tokens, place - 2)):
                break
            if any(other.end == place for other in self._phrases_ending(tokens, place)):
                break
            place -= 1
        colors = dict.fromkeys(found.value for found in _find(self._colors, tokens, place, span.start))
        if len(colors) != 1:
            return span.value, words
        return f"{next(iter(colors))} {span.value}", " ".join(tokens[place : span.end])

    def _is_color(self, tokens: Sequence[str], place: int) -> bool:
        return place >= 0 and bool(_find(self._colors, tokens, place, place + 1))

    def _phrases_ending(self, tokens: Sequence[str], place: int) -> list[Span]:
        return [span for span in _find(self._phrases, tokens, max(0, place - 1), place) if span.end == place]

    def measured(self, tokens: Sequence[str]) -> dict[str, str]:
        """Return the value of a number with the attribute's unit: '16-year-old' is a teen."""
        said: dict[str, str] = {}
        for unit in _find(self._units, tokens, 0, len(tokens)):
            number = tokens[unit.start - 1] if unit.start else ""
            if number.isdecimal():
                fitting = [
                    value for value in self.attribute.values if (value.from_number or 0) <= int(number)
                ]
                name = max(fitting, key=lambda value: value.from_number or 0).name
                said[name] = " ".join(tokens[unit.start - 1 : unit.end])
        return said

    def people(self, tokens: Sequence[str], said: dict[str, str]) -> tuple[int, str]:
        """Return how many characters the text names, 0 if it does not say, and the words for it."""
        least = {value.name: value.at_least or 0 for value in self.attribute.values}
        named = max((least[value] for value in said), default=-1)
        words = [said[value] for value in said]
        singles = 0
        mentions: list[str] = []
        last = -1
        for span in _find(self._singular, tokens, 0, len(tokens)):
            article = next(
                (
                    place
                    for place in range(span.start - 1, max(-1, span.start - 1 - REACH), -1)
                    if place > last
                    and (tokens[place] in _ARTICLES or tokens[place] in _LINKS or tokens[place] in ENDS)
                ),
                None,
            )
            if article is None or tokens[article] not in _ARTICLES:
                continue
            joined = article > 0 and tokens[article - 1] in _JOINING
            if mentions and not joined and tokens[article] != "another":
                continue
            if not mentions and named > 1 and not joined:
                continue
            last = span.end - 1
            singles += 1
            mentions.append(" ".join(tokens[article : span.end]))
        if named > 1:
            # 'two girls and a boy' are three, 'a couple, a man and a woman' are two
            numbered = not any(tuple(tokenize(word)) in self._alone for word in words)
            return (named + singles if numbered else max(named, singles)), ", ".join([*words, *mentions])
        plural = [
            noun
            for noun in self.nouns(tokens)
            if tokens[noun.start - 1 : noun.start] not in (["of"], ["like"])
        ]
        if plural and named < 0:
            return SEVERAL, " ".join(tokens[plural[0].start : plural[0].end])
        if singles:
            return max(singles, named), ", ".join(mentions)
        return named, ", ".join(words)


def _put(table: Words, words: str, value: str) -> None:
    tokens = tuple(tokenize(words))
    if tokens:
        entries = table.setdefault(tokens[0], [])
        entries.append((tokens, value))
        entries.sort(key=lambda entry: -len(entry[0]))


def _find(table: Words, tokens: Sequence[str], start: int, end: int) -> list[Span]:
    # The longest phrases, left to right, that do not overlap.
    found: list[Span] = []
    free = start
    for place in [place for place in range(start, end) if tokens[place] in table]:
        if place < free:
            continue
        for words, value in table[tokens[place]]:
            stop = place + len(words)
            if stop <= end and (len(words) == 1 or words == tuple(tokens[place:stop])):
                found.append(Span(place, stop, value))
                free = stop
                break
    return found


def _at(table: Words, tokens: Sequence[str], place: int, end: int) -> Span | None:
    # The longest phrase that starts exactly here.
    for words, value in table.get(tokens[place], ()):
        stop = place + len(words)
        if stop <= end and words == tuple(tokens[place:stop]):
            return Span(place, stop, value)
    return None
