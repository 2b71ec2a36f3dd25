"""Other spellings of one tag: what a reader tries for a tag that it does not know as it is written."""

from __future__ import annotations

from collections.abc import Iterator


def spellings(tag: str) -> Iterator[str]:
    """Yield other forms of a canonical tag, the likelier first, each once and never the tag itself.

    ``blue-eyes`` is blue_eyes and ``t_shirt`` t-shirt, ``smile.`` is smile, and behind a namespace that nobody knows
    (``look:blonde_hair``) the tag may be one that is known.
    """
    told = {tag}
    for form in _forms(tag):
        if form and form not in told:
            told.add(form)
            yield form


def _forms(tag: str) -> Iterator[str]:
    bare = tag.rstrip(".!?") if tag[:1].isalnum() else tag
    yield bare
    yield bare.replace("-", "_")
    yield bare.replace("_", "-")
    parts = bare.replace("-", "_").split("_")
    # One hyphen among underscores: dark_skinned_female is dark-skinned_female.
    for place in range(1, len(parts)):
        yield "_".join([*parts[: place - 1], "-".join(parts[place - 1 : place + 1]), *parts[place + 1 :]])
    namespace, colon, rest = bare.partition(":")
    if colon and namespace.isalpha() and len(rest) > 2:
        rest = rest.strip("_")
        yield rest
        yield from _forms(rest)
