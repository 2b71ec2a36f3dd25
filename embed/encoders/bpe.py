"""A small byte-pair vocabulary for a small text tower, in the file format open_clip's SimpleTokenizer reads.

CLIP's own vocabulary of 49,408 tokens would be most of a checkpoint of a few MB. Merges are learnt from the words of
the attribute vocabulary; a word never seen falls apart into pieces and letters, it is never unknown.
"""

from __future__ import annotations

import gzip
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

_WORD = re.compile(r"[^\W\d_]+|\d|[^\s\w]+")
BYTES = 512 + 2
"""Tokens before any merge: 256 bytes, 256 bytes that end a word, start and end of text."""


def learn_merges(texts: Iterable[str], count: int) -> list[tuple[str, str]]:
    """The ``count`` merges (or fewer) that byte-pair encoding learns from ``texts``, most frequent first."""
    counts = Counter(word for text in texts for word in _WORD.findall(text.lower()) if word.isascii())
    words = {word: (*word[:-1], word[-1] + "</w>") for word in counts}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, pieces in words.items():
            for pair in itertools.pairwise(pieces):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))  # ties by spelling, so that a run repeats
        merges.append(best)
        words = {word: _merge(pieces, best) for word, pieces in words.items()}
    return merges


def write_merges(path: Path, merges: Iterable[tuple[str, str]]) -> None:
    """Write ``merges`` as SimpleTokenizer reads them: gzip, a version line, one pair a line. Same bytes every time."""
    text = "#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as file:
        file.write(text.encode())
    path.write_bytes(packed.getvalue())


def _merge(pieces: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    joined: list[str] = []
    for piece in pieces:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)


def write_bundled(path: Path, count: int = 1500) -> int:
    """Learn the bundled tower's tokens into ``path`` and return their number, the vocab_size of its configuration."""
    merges = learn_merges(vocabulary_texts(), count)
    write_merges(path, merges)
    return BYTES + len(merges)


def vocabulary_texts() -> list[str]:
    """Everything the attribute vocabulary and the avatar generator can say: what the bundled tokens are learnt from."""
    from embed.avatars.phrases import own_phrases
    from schema.vocabulary import load_vocabulary

    texts = [text for values in own_phrases().values() for said in values.values() for text in said]
    for attribute in load_vocabulary().attributes:
        texts += [*attribute.nouns, *attribute.colors]
        for value in attribute.values:
            texts += [
                *value.prompts,
                *value.words,
                *value.adjectives,
                *(tag.replace("_", " ") for tag in value.tags),
            ]
    return texts
