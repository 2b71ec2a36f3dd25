"""What ``likeness characters`` prints: who is in a store, who may be one, who is unlike the rest, who has no name."""

from __future__ import annotations

import json
from pathlib import Path

from index.reviews.open import open_log
from index.store import Store
from index.store.files import replace_text
from label.names.profiles import Profile, Unlike, profiles
from label.names.spelling import near_names
from schema.errors import LikenessError
from schema.vocabulary import Vocabulary
from ui.review.naming.characters import name_decisions, unknown_rows
from ui.terminal.tables import clean, table
from ui.wording import counted

SHOWN = 40


def characters_text(store: Store, vocabulary: Vocabulary) -> str:
    """Return a table of the characters of a store, and what there is to look at."""
    found, odd = profiles(store, vocabulary)
    if not found:
        return "no item has the name of a character: see names.columns and names.title_rule"
    rows = [
        (clean(each.name), each.stated, each.inferred, _usual(each, vocabulary)) for each in found[:SHOWN]
    ]
    lines = [table(("character", "stated", "inferred", "usually"), rows)]
    if len(found) > SHOWN:
        lines.append(f"... and {len(found) - SHOWN:,} more: --profiles FILE writes all of them")
    near = near_names({each.name: each.pictures for each in found})
    if near:
        lines.append("\nMay be one character with two names (nothing is merged; names.aliases takes a list):")
        lines += [
            f"  {clean(each.name)} ({each.pictures}) and {clean(each.other)} ({each.other_pictures}): {each.why}"
            for each in near[:SHOWN]
        ]
        lines += _left_out(len(near) - SHOWN, "more pairs")
    if odd:
        lines.append(f"\n{counted(len(odd), 'value is|values are')} unlike the rest of the character:")
        lines += [f"  {_unlike(each, vocabulary)}" for each in odd[:10]]
        lines += _left_out(len(odd) - 10, "more")
    groups = unknown_rows(store)
    if groups:
        lines.append(
            "\nLook-alikes whom nobody has named: likeness characters --name GROUP NAME --reviewer YOU"
        )
        biggest = sorted(groups.items(), key=lambda each: -len(each[1]))[:10]
        lines += [f"  {clean(name)}: {len(rows)} pictures" for name, rows in biggest]
        lines += _left_out(len(groups) - 10, "more groups")
    return "\n".join(lines)


def write_profiles(store: Store, vocabulary: Vocabulary, path: str) -> int:
    """Write {character: {title of an attribute: usual value}} as JSON to a file; return how many characters."""
    titles = {each.name: each.title for each in vocabulary.attributes}
    found, _ = profiles(store, vocabulary)
    record = {each.name: {titles[name]: value.value for name, value in each.usual.items()} for each in found}
    replace_text(Path(path), json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    return len(record)


def name_group(store: Store, group: str, name: str, reviewer: str) -> int:
    """Record a reviewer's decision that all pictures of an unknown group show ``name``; return how many.

    Raises LikenessError for a group that does not exist or a name that is empty.
    """
    if not name.strip():
        raise LikenessError("a character needs a name")
    groups = unknown_rows(store)
    if group not in groups:
        raise LikenessError(
            f"there is no group {group!r} of unknown characters",
            "likeness characters --store ... lists them.",
        )
    log = open_log(store)
    try:
        log.append(name_decisions(store, groups[group], name.strip()), reviewer)
    finally:
        log.close()
    return len(groups[group])


def _left_out(count: int, words: str) -> list[str]:
    return [f"  ... and {count:,} {words}"] if count > 0 else []


def _usual(profile: Profile, vocabulary: Vocabulary) -> str:
    titles = {each.name: each.title.lower() for each in vocabulary.attributes}
    best = sorted(profile.usual.items(), key=lambda each: -each[1].share)[:3]
    return ", ".join(f"{titles[name]} {value.value} ({value.share:.0%})" for name, value in best)


def _unlike(each: Unlike, vocabulary: Vocabulary) -> str:
    titles = {attribute.name: attribute.title.lower() for attribute in vocabulary.attributes}
    return (
        f"row {each.row}, {clean(each.name)}: {titles[each.attribute]} {each.value}, "
        f"where {each.usual.agree} of {each.usual.known} have {each.usual.value}"
    )
