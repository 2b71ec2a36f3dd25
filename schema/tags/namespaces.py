"""Namespaces in front of tags, as hydrus, e621 and taggers write them: ``character:samus aran``, ``rating:safe``.

A namespace is read only where it is one of these words: titles such as ``fire emblem: three houses`` hold colons, too.
"""

from __future__ import annotations

import re

ARTIST, CHARACTER, COPYRIGHT, META, GENERAL = "artist", "character", "copyright", "meta", "general"
RATING, FIELD = "rating", "field"

CATEGORIES = {
    GENERAL: """general gen tag tags species lore person people gender sex body hair eyes eye skin face expression
        emotion clothing clothes outfit costume accessory accessories object item weapon pose action act setting
        location place background scene concept race animal color colour ethnicity age contains description""",
    CHARACTER: "character characters char chara",
    COPYRIGHT: "copyright copyrights copy series franchise parody ip",
    ARTIST: "artist artists creator author illustrator drawn_by circle photographer",
    META: "meta metadata medium",
    RATING: "rating safety",
    # What hydrus keeps about a file: facts of the post and no tags of the picture.
    FIELD: """title page chapter volume url source site uploader uploader_id pool subreddit date posted post_id
        licence license""",
}
"""Category to the words that stand for it; all descriptive namespaces count as general."""

_OF = {word: category for category, words in CATEGORIES.items() for word in words.split()}
_NAMESPACE = re.compile(r"\s*([A-Za-z][A-Za-z_ ]{0,14}?)\s*:\s*(?=\S)")


def split_namespace(tag: str) -> tuple[str, str, str]:
    """Return (category, namespace, rest) of a tag as written; category and namespace are empty where it has none."""
    found = _NAMESPACE.match(tag) if ":" in tag else None
    if found is None:
        return "", "", tag
    namespace = found.group(1).lower().replace(" ", "_")
    category = _OF.get(namespace, "")
    rest = tag[found.end() :]
    # A face such as "tag:3" or a prompt weight such as "hair:1.2" is no name.
    if not category or (not re.search(r"[^\W\d_]", rest) and category != FIELD):
        return "", "", tag
    if category == GENERAL and re.fullmatch(r"[\d.]+", rest):
        return "", "", tag
    return category, namespace, rest
