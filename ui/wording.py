"""How numbers, values and attributes are put into words, in the terminal and on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schema.vocabulary import Attribute


def number_text(value: float) -> str:
    """Return a number as people read it: 1,204; shares with three digits; large fractions with one."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def counted(number: float, words: str) -> str:
    """Return a number with its words, 'singular|plural', or one form for both: '1 group', '2 groups', '3 new'."""
    one, _, many = words.partition("|")
    return f"{number_text(number)} {one if number == 1 else many or one}"


def pictures(number: int) -> str:
    """Return '1 picture', '1,204 pictures'."""
    return counted(number, "picture|pictures")


def heading(attribute: Attribute) -> str:
    """Return an attribute's name on the page: 'Hair color'."""
    return attribute.title[:1] + attribute.title[1:].lower()


def labelled(attribute: Attribute, text: str) -> str:
    """Return a value with its attribute: 'Hair color: blonde'."""
    return f"{heading(attribute)}: {text}"
