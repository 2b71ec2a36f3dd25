"""The Hamming search against every pair, and mirrored hashes against mirrored pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageOps

from dedupe.candidates.find import MIRROR, hash_edges, hash_radius
from index.images.facts import phash
from index.neighbours import hamming
from index.neighbours.hamming import hamming_pairs


def words(seed: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 2**63, n // 4, dtype=np.uint64)
    flips = np.uint64(1) << rng.integers(0, 64, (n, 12)).astype(np.uint64)
    near = np.repeat(base, 4)
    for at in range(12):
        near = np.where(rng.random(len(near)) < 0.5, near ^ flips[: len(near), at], near)
    return np.unique(near)


@pytest.fixture(params=[0.0, np.inf], ids=["each with each", "by bands"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of finding the pairs, whichever would be cheaper."""
    monkeypatch.setattr(hamming, "EXHAUSTIVE", request.param)


@pytest.mark.parametrize("radius", [0, 3, 4, 8, 11])
def test_finds_exactly_the_pairs_within_the_radius(radius: int) -> None:
    own = words(radius, 400)
    distance = np.bitwise_count(own[:, None] ^ own[None])
    i, j = np.nonzero(np.triu(distance <= radius, 1))
    found = hamming_pairs(own, radius)
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == set(
        zip(found[0].tolist(), found[1].tolist(), strict=True)
    )
    np.testing.assert_array_equal(found[2], distance[found[0], found[1]])


def test_two_sets() -> None:
    own, other = words(1, 200), words(2, 120)
    other = np.unique(np.concatenate([other, own[:20]]))
    distance = np.bitwise_count(own[:, None] ^ other[None])
    expected = set(zip(*(part.tolist() for part in np.nonzero(distance <= 6)), strict=True))
    i, j, _ = hamming_pairs(own, 6, other)
    assert expected == set(zip(i.tolist(), j.tolist(), strict=True))


@pytest.mark.parametrize("threads", [1, 3])
def test_equal_words_are_left_out_when_asked(threads: int) -> None:
    own = words(3, 300)
    distance = np.bitwise_count(own[:, None] ^ own[None])
    expected = set(
        zip(*(part.tolist() for part in np.nonzero((distance <= 5) & (distance > 0))), strict=True)
    )
    i, j, _ = hamming_pairs(own, 5, own, threads, least=1)
    assert expected == set(zip(i.tolist(), j.tolist(), strict=True))


def test_no_words_make_no_pairs() -> None:
    none, own = np.empty(0, dtype=np.uint64), words(4, 100)
    for found in (hamming_pairs(none, 4), hamming_pairs(own, 4, none), hamming_pairs(none, 4, own)):
        assert [part.dtype for part in found] == [np.dtype(np.int64)] * 3
        assert not any(len(part) for part in found)


def test_equal_hashes_are_a_star() -> None:
    rows = np.arange(100, 1100)
    edges, count = hash_edges(rows, np.full(1000, 12345, dtype=np.uint64), 4)
    assert count == len(edges) == 999
    assert set(edges.i.tolist()) == {100}


def test_the_mirrored_hash_is_near_that_of_the_mirrored_picture(picture: Callable[..., Image.Image]) -> None:
    off = []
    for seed in range(20):
        image = picture(seed)
        own = np.uint64(phash(image) & (2**64 - 1))
        other = np.uint64(phash(ImageOps.mirror(image)) & (2**64 - 1))
        off.append(int(np.bitwise_count((own ^ MIRROR) ^ other)))
    assert np.median(off) <= 8


def test_the_radius_shrinks_with_the_store_and_never_grows() -> None:
    sizes = (10, 500_000, 500_001, 2_000_001, 50_000_000)
    assert [hash_radius(size, 8) for size in sizes] == [8, 8, 6, 5, 5]
    assert [hash_radius(size, 2) for size in sizes] == [2, 2, 2, 2, 2]
