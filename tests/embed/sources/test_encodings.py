"""One encoding for many texts; what stays doubtful is said to be so, and no text holds U+FFFD."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embed.sources.encodings import Encoding, known_encoding, tell_encoding, unicode_text

JAPANESE = """初音ミク 金髪 青い目 女の子 制服 笑顔 桜の木 猫耳 魔法少女 とても可愛い 夏の海 メガネ
    リボン スカート 長い髪 ツインテール"""
WORDS = {
    "cp932": JAPANESE,
    "euc_jp": JAPANESE,
    "gb18030": """初音未来 金发 蓝眼睛 女孩 校服 微笑 樱花 魔法少女 天空 大海 眼镜 蝴蝶结 短裙 长发 双马尾
        连衣裙 盔甲 骑士 夕阳 学校""",
    "big5": """初音未來 金髮 藍眼睛 女孩 校服 微笑 櫻花 魔法少女 天空 大海 眼鏡 蝴蝶結 短裙 長髮 雙馬尾
        連身裙 盔甲 騎士 夕陽 學校""",
    "cp949": """하츠네미쿠 금발 파란눈 소녀 교복 미소 벚꽃 고양이귀 마법소녀 하늘 바다 안경 리본 치마
        긴머리 풍경 노을 학교 갑옷 기사""",
    "cp1251": """блондинка голубые глаза девушка школьная улыбка сакура небо очки лента юбка волосы платье
        рыцарь пейзаж закат""",
    "cp1252": """café naïve garçon très élégante forêt rêve château été hôtel “smile” mädchen größe señorita
        corazón über schön""",
    "cp1250": """żółte włosy uśmiech łąka źdźbło ćma śnieg jeździec dziewczyną książka święto miłość
        gwiaździste świetlisty""",
}
ASCII = "1girl, solo, long hair, blonde hair, smile, dress, looking at viewer, sky".split(", ")


def captions(encoding: str, count: int, seed: int) -> list[bytes]:
    draw = random.Random(seed)
    words = WORDS[encoding].split()
    return [
        ", ".join([*draw.sample(ASCII, 3), *draw.sample(words, 3)]).encode(encoding, "ignore")
        for _ in range(count)
    ]


@pytest.mark.parametrize("encoding", WORDS)
@pytest.mark.parametrize("seed", range(5))
def test_many_captions_tell_their_encoding(encoding: str, seed: int) -> None:
    assert tell_encoding(captions(encoding, 20, seed)) == encoding


@pytest.mark.parametrize("encoding", WORDS)
def test_few_captions_are_never_guessed_wrong(encoding: str) -> None:
    told = [tell_encoding(captions(encoding, count, seed)) for count in (1, 2, 3) for seed in range(20)]
    assert set(told) <= {encoding, ""}


def test_a_folder_is_decoded_by_its_pool_and_asked_once() -> None:
    said = captions("cp932", 30, 0)
    asked = []

    def pool() -> list[bytes]:
        asked.append(1)
        return said

    encoding = Encoding(pools=(pool,))
    assert encoding.decode(b"1girl").encoding == "utf-8"
    assert not asked
    texts = [encoding.decode(data) for data in said]
    assert [found.text for found in texts] == [data.decode("cp932") for data in said]
    assert len(asked) == 1
    assert encoding.used == {"utf-8": 1, "cp932": 30}


def test_a_folder_with_one_odd_caption_is_told_by_the_tree() -> None:
    odd = "1girl, 初音ミク".encode("cp932")
    assert Encoding(pools=(lambda: [odd],)).decode(odd).doubtful
    tree = captions("cp932", 30, 0)
    assert Encoding(pools=(lambda: [odd], lambda: tree)).decode(odd).text == "1girl, 初音ミク"


def test_doubtful_texts_keep_their_ascii_pieces() -> None:
    found = Encoding().decode("1girl, 初音ミク, smile".encode("cp932"))
    assert (found.text.replace(" ", ""), found.doubtful, found.lost) == ("1girl,,smile", True, 1)


def test_a_configured_encoding_is_not_guessed() -> None:
    found = Encoding("cp932").decode("初音ミク".encode("cp932"))
    assert (found.text, found.doubtful) == ("初音ミク", False)
    wrong = Encoding("ascii").decode("初音ミク, hat".encode("cp932"))
    assert wrong.doubtful
    assert known_encoding("cp932") and not known_encoding("no-such") and not known_encoding("hex")


@pytest.mark.parametrize(
    "data",
    [
        "\ufeff1girl, 初音ミク".encode(),
        "1girl, 初音ミク".encode("utf-16"),
        "1girl, 初音ミク".encode("utf-16-le"),
        "1girl, 初音ミク".encode("utf-16-be"),
        b"\xfe\xff" + "1girl, 初音ミク".encode("utf-16-be"),
        "1girl, 初音ミク".encode("utf-32"),
        "1girl, 初音ミク".encode(),
    ],
)
def test_unicode_in_all_forms(data: bytes) -> None:
    found = unicode_text(data)
    assert found is not None
    assert found.text == "1girl, 初音ミク"


@given(st.binary(max_size=200))
def test_no_bytes_become_replacement_characters(data: bytes) -> None:
    found = Encoding().decode(data)
    assert "\ufffd" not in found.text or "\ufffd".encode() in data or found.encoding != "utf-8"
