"""Captions as models write them, made fit for training: what is not about the picture goes, and what was done is told.

Removed are thinking, code fences, labels and openers ('The image shows'), markdown, addresses, scores in brackets,
sentences that repeat, and a last sentence that was cut off. A refusal leaves nothing. The raw answer is kept beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REFUSAL, REPEATS, CUT, ADDRESS, EMPTY, SHORT = "refusal", "repeats", "cut", "address", "empty", "short"
SHORTEST = 8
"""Letters below which a caption says too little."""

_THINKING = re.compile(
    r"<(think|thinking|thought|reasoning|analysis)\b[^>]*>.*?</\1\s*>|^.*?</(?:think|thinking|thought|reasoning)\s*>",
    re.IGNORECASE | re.DOTALL,
)
_OPEN_THINKING = re.compile(
    r"<(think|thinking|thought|reasoning|analysis)\b[^>]*>.*", re.IGNORECASE | re.DOTALL
)
_SPECIAL = re.compile(r"<\|[^|<>]{1,40}\|>|<pad>|</?s>|\[/?INST\]", re.IGNORECASE)
_FENCE = re.compile(r"^\s*```[\w-]*\s*\n?|\n?\s*```\s*$")
_LABEL = re.compile(
    r"^\s*(?:(?:here(?:'s| is)|this is)\s+(?:a|an|the|my|your)\s+[\w ,-]{0,40}?(?:caption|description)[^:\n]{0,60}:"
    r"|(?:\*\*)?(?:caption|description|answer|response|output|image description)(?:\*\*)?\s*:(?:\*\*)?"
    r"|(?:sure|certainly|of course|absolutely|okay|ok)[,!.]+(?:\s+here(?:'s| is)[^:\n]{0,80}:)?)\s*",
    re.IGNORECASE,
)
_THING = r"(?:image|picture|photo|photograph|illustration|drawing|artwork|painting|scene|portrait)"
_SORT = r"(?:(?:[\w'-]+(?:[- ]style)?,?\s+){0,3}?)"
_OPENER = re.compile(
    rf"^(?:(?:in|on)\s+(?:the|this)\s+{_SORT}{_THING},?\s+(?:we (?:can )?see\s+|there (?:is|are)\s+|you can see\s+)?"
    rf"|(?:the|this)\s+{_SORT}{_THING}\s+(?:shows|depicts|features|portrays|displays|presents|captures|contains|illustrates"
    rf"|showcases|is (?:of|showing|depicting))\s+"
    rf"|(?:this|it|here)\s+(?:is|appears to be|seems to be)\s+(?:an?|the)\s+{_SORT}{_THING}\s+(?:of|showing|depicting"
    rf"|featuring|that (?:shows|depicts|features))\s+"
    rf"|(?:i|we)\s+(?:can\s+)?see\s+)",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am)?\s+(?:sorry|unable|not able|afraid)\b|i\s+(?:can(?:'|no)?t|cannot|can not|won't|will not|do not"
    r"|don't)\s+(?:\w+\s+){0,3}?(?:assist|help|describe|provide|comply|identify|generate|create|view|see|process|answer|fulfil)"
    r"|as an ai\b|as a (?:large )?language model|against my (?:guidelines|policy)|content policy"
    r"|(?:no|the) image (?:was |has been )?(?:not )?(?:provided|attached|uploaded)\b"
    r"|please (?:upload|provide|share) (?:an|the) image)",
    re.IGNORECASE,
)
_LINK = re.compile(r"!?\[([^\]]*)\]\((?:[^()]|\([^()]*\))*\)")
_ADDRESS = re.compile(
    r"(?:https?://|www\.)\S+|\b[\w.+-]+@[\w-]+\.[\w.]+\b|\b[\w-]+\.(?:com|net|org|io|jp|art|tv)(?:/\S*)?\b",
    re.IGNORECASE,
)
_SCORE = re.compile(
    r"[(\[]\s*(?:score|rating|confidence|quality)?\s*:?\s*\d+(?:\.\d+)?\s*(?:/\s*\d+|%)?\s*[)\]]",
    re.IGNORECASE,
)
_MARKDOWN = (
    (re.compile(r"^\s{0,3}#{1,6}\s+", re.MULTILINE), ""),
    (re.compile(r"^\s{0,3}>\s?", re.MULTILINE), ""),
    (re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+", re.MULTILINE), ""),
    (re.compile(r"(\*\*\*|\*\*|__)(?=\S)(.+?)(?<=\S)\1", re.DOTALL), r"\2"),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"`([^`\n]*)`"), r"\1"),
    (re.compile(r"(?<!\S)[*_`#~]{1,4}(?!\S)"), ""),
)
_SENTENCES = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“‘(]*[^\W_a-z])")
_ENDS = re.compile(r"[.!?…][\"'”’)\]]*$")
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "`": "`"}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A caption after cleaning, empty where nothing was left, and what was noticed."""

    text: str
    flags: tuple[str, ...] = ()


def clean_caption(raw: str, cut: bool = False) -> Cleaned:
    """Return a model's answer as a caption; ``cut``: the model says that it was stopped at its length."""
    flags: list[str] = []
    text = without_thinking(raw)
    text = _SPECIAL.sub(" ", text)
    text = _unfenced(text.strip())
    for _ in range(3):
        text = _unquoted(_LABEL.sub("", text).strip())
    if refuses(text):
        return Cleaned("", (REFUSAL,))
    text, links = _LINK.subn(r"\1", text)
    text, addresses = _ADDRESS.subn("", text)
    if addresses or links:
        flags.append(ADDRESS)
    text = _SCORE.sub("", text)
    for pattern, kept in _MARKDOWN:
        text = pattern.sub(kept, text)
    text = re.sub(r"\s*\n\s*", " ", text)
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\s+([,.;:!?])", r"\1", text)
    text = re.sub(r"\(\s*\)|\[\s*\]", "", text).strip()
    text = _without_opener(text)
    text, was_cut = _whole_sentences(text, cut)
    sentences = [sentence for sentence in _SENTENCES.split(text) if sentence]
    first: dict[str, str] = {}
    for sentence in sentences:
        first.setdefault(_folded(sentence), sentence)
    kept_sentences = list(first.values())
    looped = _unlooped(" ".join(kept_sentences))
    if len(kept_sentences) < len(sentences) or looped != " ".join(kept_sentences):
        flags.append(REPEATS)
    text = looped
    if was_cut:
        flags.append(CUT)
    if not text:
        flags.append(EMPTY)
    elif len(text) < SHORTEST:
        flags.append(SHORT)
    return Cleaned(text, tuple(flags))


def without_thinking(text: str) -> str:
    """Return an answer without the thoughts before it; thinking that never ended leaves nothing."""
    return _OPEN_THINKING.sub("", _THINKING.sub("", text))


def refuses(text: str) -> bool:
    """Tell whether an answer begins by declining to say anything of the picture."""
    found = _REFUSAL.search(text[:400])
    return found is not None and found.start() < 120


def _unfenced(text: str) -> str:
    return _FENCE.sub("", text) if text.startswith("```") else text


def _unquoted(text: str) -> str:
    if len(text) > 2 and _QUOTES.get(text[0]) == text[-1] and text[-1] not in text[1:-1]:
        return text[1:-1].strip()
    return text


def _without_opener(text: str) -> str:
    found = _OPENER.match(text)
    if found is None or found.end() >= len(text):
        return text
    rest = text[found.end() :]
    return rest[:1].upper() + rest[1:]


def _folded(sentence: str) -> str:
    return re.sub(r"\W+", " ", sentence).strip().casefold()


def _unlooped(text: str) -> str:
    """Cut a run of words that comes three times or more in a row to its first time."""
    return re.sub(r"\b(\w[^.!?]{2,80}?)(?:[\s,;]+\1){2,}(?!\w)", r"\1", text, flags=re.IGNORECASE)


def _whole_sentences(text: str, cut: bool) -> tuple[str, bool]:
    """Return the text up to its last whole sentence, and whether something was taken off.

    A text of several sentences whose last one has no end was cut; one alone without a stop is a caption without one.
    """
    if not text or (_ENDS.search(text) and not (cut and text.endswith("..."))):
        return text, False
    ends = [match.end() for match in re.finditer(r"[.!?][\"'”’)\]]*(?=\s)", text)]
    if not ends:
        return ("", True) if cut and "," not in text else (text, cut)
    return text[: ends[-1]].strip(), True
