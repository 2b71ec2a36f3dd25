"""What differs from site to site in a post's fields: what 'safe' means, who made the picture, where the post is.

Sites are told by the ``category`` that gallery-dl writes, by the host of the post's own addresses, or by fields that
only one kind of site has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from schema.source_metadata import rating_letter


@dataclass(frozen=True, slots=True)
class Site:
    """One site or family: ``safe`` is the stored letter for its 's' and 'safe'; ``post`` its address with {id}.

    ``author_draws`` says whether who posted a picture there usually drew it; ``adult`` names the flags that mark
    adult posts, each with the letter that it stands for.
    """

    name: str
    safe: str = "g"
    post: str = ""
    author_draws: bool = False
    adult: Mapping[str, str] | None = None


_SITES = (
    Site("danbooru", safe="s", post="https://danbooru.donmai.us/posts/{id}"),
    Site("aibooru", safe="s", post="https://aibooru.online/posts/{id}"),
    Site("e621", post="https://e621.net/posts/{id}"),
    Site("e926", post="https://e926.net/posts/{id}"),
    Site("gelbooru", post="https://gelbooru.com/index.php?page=post&s=view&id={id}"),
    Site("safebooru", post="https://safebooru.org/index.php?page=post&s=view&id={id}"),
    Site("rule34", post="https://rule34.xxx/index.php?page=post&s=view&id={id}"),
    Site("yandere", post="https://yande.re/post/show/{id}"),
    Site("konachan", post="https://konachan.com/post/show/{id}"),
    Site("moebooru"),
    Site("sankaku", post="https://sankaku.app/posts/{id}"),
    Site("zerochan", post="https://www.zerochan.net/{id}"),
    Site("derpibooru", post="https://derpibooru.org/images/{id}"),
    Site("pixiv", post="https://www.pixiv.net/artworks/{id}", author_draws=True),
    Site("twitter", post="https://x.com/i/status/{id}", author_draws=True, adult={"sensitive": "q"}),
    Site("reddit", adult={"over_18": "e"}),
    Site("deviantart", author_draws=True, adult={"is_mature": "q"}),
    Site("artstation", author_draws=True, adult={"adult_content": "q", "hide_as_adult": "q"}),
    Site("bluesky", author_draws=True),
    Site("mastodon", author_draws=True, adult={"sensitive": "q"}),
    Site("misskey", author_draws=True, adult={"isSensitive": "q"}),
    Site("fanbox", author_draws=True, adult={"hasAdultContent": "e"}),
    Site("tumblr"),
)
_BY_NAME = {site.name: site for site in _SITES}
_ALIASES = {
    "atfbooru": "danbooru", "booruvar": "danbooru", "e6ai": "e621", "lolibooru": "moebooru", "sakugabooru": "moebooru",
    "idolcomplex": "sankaku", "chan.sankakucomplex": "sankaku", "hypnohub": "rule34", "xbooru": "rule34",
    "tbib": "safebooru", "realbooru": "safebooru", "ponybooru": "derpibooru", "furbooru": "derpibooru", "x": "twitter",
    "nitter": "twitter", "kemonoparty": "fanbox", "philomena": "derpibooru",
}  # fmt: skip
_HOSTS = {
    "donmai.us": "danbooru", "aibooru.online": "aibooru", "e621.net": "e621", "e926.net": "e926",
    "gelbooru.com": "gelbooru", "safebooru.org": "safebooru", "rule34.xxx": "rule34", "yande.re": "yandere",
    "konachan.com": "konachan", "konachan.net": "konachan", "sankakucomplex.com": "sankaku", "zerochan.net": "zerochan",
    "derpibooru.org": "derpibooru", "derpicdn.net": "derpibooru", "pixiv.net": "pixiv", "pximg.net": "pixiv",
    "redd.it": "reddit", "reddit.com": "reddit", "twimg.com": "twitter", "deviantart.com": "deviantart",
    "artstation.com": "artstation",
}  # fmt: skip
# Addresses of the post itself; 'source' and the like say where the post was taken from.
_OWN_ADDRESSES = (
    "post_url",
    "file_url",
    "large_file_url",
    "jpeg_url",
    "preview_url",
    "sample_url",
    "permalink",
)
_SHAPES: tuple[tuple[str, frozenset[str]], ...] = (
    ("danbooru", frozenset({"tag_string"})),
    ("danbooru", frozenset({"tag_string_general"})),
    ("reddit", frozenset({"subreddit"})),
    ("twitter", frozenset({"tweet_id"})),
    ("pixiv", frozenset({"x_restrict"})),
    ("moebooru", frozenset({"jpeg_url", "is_shown_in_index"})),
    ("moebooru", frozenset({"creator_id", "actual_preview_width"})),
    ("gelbooru", frozenset({"directory", "change"})),
    ("deviantart", frozenset({"is_mature"})),
)
_RATING_TAGS = frozenset({"safe", "suggestive", "questionable", "explicit"})
UNKNOWN = Site("", safe="s")


def site_of(record: Mapping[str, Any]) -> Site:
    """Return the site that a post's record is from; without a name where nothing tells it."""
    category = str(record.get("category") or "").lower()
    found = _BY_NAME.get(_ALIASES.get(category, category))
    if found is not None:
        return found
    for field in _OWN_ADDRESSES:
        address = record.get(field)
        host = urlsplit(address).hostname if isinstance(address, str) and "//" in address else None
        if host:
            ends = (host.split(".", count)[-1] for count in range(host.count(".")))
            named = next((_HOSTS[end] for end in ends if end in _HOSTS), "")
            if named:
                return _BY_NAME[named]
    names = record.keys()
    shape = next((name for name, fields in _SHAPES if fields <= names), "")
    if (
        not shape
        and isinstance(record.get("tags"), Mapping)
        and {"general", "species"} <= record["tags"].keys()
    ):
        shape = "e621"
    return _BY_NAME.get(shape, UNKNOWN)


def is_site(name: str) -> bool:
    """Tell whether a name is that of a site."""
    name = name.lower()
    return _ALIASES.get(name, name) in _BY_NAME


def post_address(site: Site, record: Mapping[str, Any], post_id: str) -> str:
    """Return the address of a post where the site's form is known, or an empty string."""
    if site.name == "reddit" and isinstance(record.get("permalink"), str):
        link = record["permalink"]
        return f"https://www.reddit.com{link}" if link.startswith("/") else link
    if site.name == "twitter" and post_id:
        author = record.get("author")
        name = author.get("name") if isinstance(author, Mapping) else None
        if isinstance(name, str) and re.fullmatch(r"\w+", name):
            return f"https://x.com/{name}/status/{post_id}"
    return site.post.replace("{id}", post_id) if site.post and re.fullmatch(r"[\w-]+", post_id) else ""


def adult_letter(site: Site, record: Mapping[str, Any], tags: Iterable[str]) -> str:
    """Return the rating that a site's flags say: its letter for adult posts, g where a flag says no, or nothing."""
    if site.name == "derpibooru":  # its ratings are tags
        return next((letter for tag in tags if (letter := rating_letter(tag)) and tag in _RATING_TAGS), "")
    if site.name == "pixiv" and isinstance(record.get("x_restrict"), int):
        return "e" if record["x_restrict"] > 0 else "g"
    for flag, letter in (site.adult or {}).items():
        said = record.get(flag)
        if isinstance(said, bool):
            return letter if said else "g"
    for flag in ("over_18", "nsfw", "is_nsfw"):
        if isinstance(record.get(flag), bool):
            return "e" if record[flag] else "g"
    return ""
