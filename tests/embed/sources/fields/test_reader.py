"""Posts as sites and downloaders write them give the same tags by category, rating, score, addresses and extras."""

from __future__ import annotations

from typing import Any

import pytest

from embed.sources.annotation import Annotation
from embed.sources.fields.reader import FieldReader
from schema.source_metadata import SourceMetadata

TAKEN = frozenset(
    {"width", "height", "tags", "text", "source", "gender", "status", "key", "keys", "similarity"}
)


def read(record: dict[str, Any], **options: Any) -> Annotation:
    return FieldReader(taken=TAKEN, **options).annotate(record)


DANBOORU = {
    "category": "danbooru", "id": 5000, "created_at": "2024-05-31T08:00:00.000-04:00", "score": 42, "rating": "s",
    "source": "https://www.pixiv.net/artworks/1", "md5": "ab" * 16, "fav_count": 17, "parent_id": None,
    "tag_string": "1girl blonde_hair samus_aran metroid some_artist highres :3",
    "tag_string_general": "1girl blonde_hair :3", "tag_string_character": "samus_aran",
    "tag_string_copyright": "metroid", "tag_string_artist": "some_artist", "tag_string_meta": "highres",
    "image_width": 100, "is_deleted": False, "file_url": "https://cdn.donmai.us/original/x.png",
    "media_asset": {"id": 7, "variants": [{"type": "180x180"}]},
}  # fmt: skip


def test_a_danbooru_post() -> None:
    found = read(DANBOORU)
    assert found.keys == ("5000",)
    assert found.tags == ("1girl", "blonde_hair", "samus_aran", "metroid", "some_artist", "highres", ":3")
    said = found.metadata
    assert (said.characters, said.copyrights) == (("samus_aran",), ("metroid",))
    assert (said.artists, said.meta_tags) == (("some_artist",), ("highres",))
    assert (said.rating, said.score, said.favourites) == ("s", 42.0, 17)
    assert said.posted == "2024-05-31T12:00:00Z"
    assert said.source_url == "https://www.pixiv.net/artworks/1"
    assert said.post_url == "https://danbooru.donmai.us/posts/5000"
    assert said.extras["md5"] == "ab" * 16
    assert said.extras["image_width"] == 100
    assert said.extras["is_deleted"] is False
    assert said.extras["media_asset_id"] == 7
    assert said.extras["media_asset_variants"] == '[{"type": "180x180"}]'


@pytest.mark.parametrize(
    ("record", "rating"),
    [
        ({"category": "danbooru", "rating": "s"}, "s"),
        ({"category": "danbooru", "rating": "safe"}, "s"),
        ({"category": "danbooru", "rating": "general"}, "g"),
        ({"category": "e621", "rating": "s"}, "g"),
        ({"category": "yandere", "rating": "s"}, "g"),
        ({"category": "safebooru", "rating": "safe"}, "g"),
        ({"category": "gelbooru", "rating": "sensitive"}, "s"),
        ({"file_url": "https://img3.gelbooru.com/images/x.png", "rating": "questionable"}, "q"),
        ({"file_url": "https://files.yande.re/image/x.png", "rating": "s"}, "g"),
        ({"file_url": "https://cdn.donmai.us/original/x.png", "rating": "s"}, "s"),
        ({"tag_string": "1girl", "rating": "s"}, "s"),
        ({"rating": "safe"}, "g"),
        ({"rating": "s"}, "s"),
        ({"rating": "Explicit"}, "e"),
        ({"category": "pixiv", "x_restrict": 0, "rating": "General"}, "g"),
        ({"category": "pixiv", "x_restrict": 1}, "e"),
        ({"category": "reddit", "over_18": True}, "e"),
        ({"category": "reddit", "over_18": False}, "g"),
        ({"category": "deviantart", "is_mature": True}, "q"),
        ({"category": "derpibooru", "tags": ["safe", "solo"]}, "g"),
        ({"tags": "1girl, rating:explicit"}, "e"),
        ({"rating": 4.5}, ""),
    ],
)
def test_ratings_by_site(record: dict[str, Any], rating: str) -> None:
    assert read(record).metadata.rating == rating


def test_a_rating_that_is_none_is_an_extra() -> None:
    assert read({"rating": 4.5}).metadata.extras == {"rating": 4.5}


def test_gelbooru_and_its_kin_write_numbers_as_text() -> None:
    found = read(
        {
            "category": "gelbooru", "id": "123", "score": "7", "rating": "general", "tags": "1girl red_hair (o)_(o)",
            "created_at": "Fri May 31 07:00:00 -0500 2024", "source": "Some Book, page 3", "owner": "somebody",
            "tags_artist": "painter", "tags_character": "heroine_(game)", "width": "900",
        }
    )  # fmt: skip
    assert found.keys == ("123",)
    assert found.tags == ("1girl", "red_hair", "(o)_(o)", "painter", "heroine_(game)")
    said = found.metadata
    assert (said.score, said.posted) == (7.0, "2024-05-31T12:00:00Z")
    assert (said.artists, said.characters) == (("painter",), ("heroine_(game)",))
    assert said.post_url == "https://gelbooru.com/index.php?page=post&s=view&id=123"
    assert said.extras == {
        "source_source": "Some Book, page 3",
        "owner": "somebody",
        "source_width": "900",
        "category": "gelbooru",
    }


def test_e621_puts_tags_and_score_into_objects() -> None:
    found = read(
        {
            "id": 9, "rating": "s", "score": {"up": 5, "down": -2, "total": 3}, "fav_count": 4,
            "sources": ["https://a.example/1", "https://b.example/2"], "created_at": "2024-05-31T12:00:00.000+00:00",
            "tags": {"general": ["smile", "blue_eyes"], "artist": ["painter"], "species": ["fox"], "character": [],
                     "copyright": ["metroid"], "meta": ["hi_res"], "lore": [], "invalid": []},
            "description": "By the sea.",
        }
    )  # fmt: skip
    assert found.tags == ("smile", "blue_eyes", "painter", "fox", "metroid", "hi_res")
    assert found.text == "By the sea."
    said = found.metadata
    assert (said.rating, said.score, said.favourites) == ("g", 3.0, 4)
    assert (said.artists, said.copyrights, said.meta_tags) == (("painter",), ("metroid",), ("hi_res",))
    assert said.source_url == "https://a.example/1"


def test_moebooru_counts_seconds() -> None:
    found = read(
        {
            "category": "yandere",
            "id": 11,
            "tags": "1girl hat",
            "created_at": 1717156800,
            "author": "uploader",
            "rating": "q",
        }
    )
    assert found.metadata.posted == "2024-05-31T12:00:00Z"
    assert found.metadata.artists == ()
    assert found.metadata.extras["author"] == "uploader"
    assert found.metadata.post_url == "https://yande.re/post/show/11"


def test_reddit_pixiv_and_x() -> None:
    reddit = read(
        {"category": "reddit", "id": "abc", "title": "My elf ranger [OC]", "subreddit": "characterdrawing", "score": 90,
         "author": "poster", "over_18": False, "permalink": "/r/characterdrawing/comments/abc/x/",
         "url": "https://i.redd.it/x.png", "created_utc": 1717156800.0, "selftext": ""}
    )  # fmt: skip
    said = reddit.metadata
    assert reddit.text == "My elf ranger [OC]"
    assert said.extras["title"] == "My elf ranger [OC]"
    assert (said.collection, said.score, said.rating) == ("characterdrawing", 90.0, "g")
    assert said.post_url == "https://www.reddit.com/r/characterdrawing/comments/abc/x/"
    assert said.source_url == "https://i.redd.it/x.png"
    pixiv = read(
        {"category": "pixiv", "id": 77, "title": "海", "caption": "By the <b>sea</b><br />again &amp; again",
         "tags": ["オリジナル", "女の子"], "user": {"id": 5, "name": "Some Body", "account": "sb"}, "x_restrict": 1,
         "total_bookmarks": 1200, "create_date": "2024-05-31T21:00:00+09:00"}
    )  # fmt: skip
    assert pixiv.tags == ("オリジナル", "女の子")
    assert pixiv.text == "By the sea\nagain & again"
    assert pixiv.metadata.artists == ("some_body",)
    assert (pixiv.metadata.favourites, pixiv.metadata.rating) == (1200, "e")
    assert pixiv.metadata.post_url == "https://www.pixiv.net/artworks/77"
    tweet = read(
        {"category": "twitter", "tweet_id": 99, "content": "new drawing!", "author": {"name": "painter", "nick": "P"},
         "favorite_count": 12, "retweet_count": 3, "hashtags": ["art"], "date": "2024-05-31 12:00:00"}
    )  # fmt: skip
    assert (tweet.keys, tweet.text, tweet.tags) == (("99",), "new drawing!", ("art",))
    assert tweet.metadata.artists == ("painter",)
    assert tweet.metadata.post_url == "https://x.com/painter/status/99"
    assert tweet.metadata.extras["retweet_count"] == 3


def test_a_product_catalogue_keeps_every_column() -> None:
    row = {
        "id": 15970,
        "gender": "Men",
        "articleType": "Shirts",
        "year": 2011,
        "usage": None,
        "price": 12.5,
        "sold": True,
    }
    found = read(row)
    assert found.keys == ("15970",)
    assert found.metadata.extras == {
        "source_gender": "Men", "articleType": "Shirts", "year": 2011, "price": 12.5, "sold": True,
    }  # fmt: skip


def test_laion_columns() -> None:
    found = read(
        {
            "URL": "https://x.example/a.jpg",
            "TEXT": "a red hat",
            "pwatermark": 0.1,
            "punsafe": 0.2,
            "similarity": 0.3,
        }
    )
    assert found.text == "a red hat"
    assert found.metadata.source_url == "https://x.example/a.jpg"
    assert found.metadata.extras == {"pwatermark": 0.1, "punsafe": 0.2, "source_similarity": 0.3}


def test_rows_without_a_picture_say_why() -> None:
    failed = read(
        {"key": "0", "status": "failed_to_download", "error_message": "HTTP Error 404", "caption": "x"}
    )
    assert failed.reason == "failed to download: HTTP Error 404"
    good = read(
        {"key": "0", "status": "success", "error_message": None, "caption": "a red hat on a table there"}
    )
    assert (good.reason, good.metadata.extras) == ("", {})
    assert read({"status": "sold out"}).metadata.extras == {"source_status": "sold out"}


def test_settings_name_columns_first() -> None:
    record = {
        "words": "1girl, hat",
        "tags": "wrong",
        "about": "Text.",
        "description": "wrong",
        "nr": 7,
        "id": 1,
        "who": "Miku",
    }
    found = read(record, tags=("words",), only_tags=True, text=("about",), key="nr", identity="who")
    assert (found.tags, found.text, found.keys, found.identity) == (("1girl", "hat"), "Text.", ("7",), "Miku")
    assert found.metadata.extras == {"source_tags": "wrong", "description": "wrong", "id": 1}
    inside = read({"meta": {"words": ["1girl"], "n": 1}}, tags=("meta.words",), only_tags=True)
    assert inside.tags == ("1girl",)


def test_what_no_column_can_hold_is_counted() -> None:
    reader = FieldReader(taken=TAKEN)
    found = reader.annotate(
        {"tags": "hat", "mask": b"123", "embedding": [0.5] * 768, "box": [1, 2, 3, 4], "nan": float("nan")}
    )
    assert found.metadata.extras == {"box": ("1", "2", "3", "4")}
    assert reader.left_out == {"mask": 1, "embedding": 1, "nan": 1}


def test_nested_columns_of_a_tar_that_became_a_table() -> None:
    assert read({"json": {"tags": "1girl, hat", "id": 3}}).tags == ("1girl", "hat")
    assert read({"json": '{"tags": ["hat"], "id": 3}'}).keys == ("3",)


def test_captions_are_tags_or_text() -> None:
    assert read({"caption": "1girl, red hair"}).tags == ("1girl", "red_hair")
    assert read({"text": "1girl, red hair"}).text == "1girl, red hair"
    assert read({"text": "1girl, red hair"}, text_as_tags=frozenset({"text"})).tags == ("1girl", "red_hair")
    both = read({"text": "A hat.", "description": "More."})
    assert (both.text, both.metadata.extras) == ("A hat.", {"description": "More."})


def test_nothing_says_nothing() -> None:
    assert read({}) == Annotation()
    assert read({"tags": None, "text": "", "x": []}).metadata == SourceMetadata()
