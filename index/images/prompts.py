"""The prompt that an image generator wrote into a picture: in text chunks of a PNG, in EXIF, in XMP.

It says what was asked for and not what can be seen, so it is kept apart from the description of a picture.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image

_USER_COMMENT, _EXIF_IFD, _DESCRIPTION, _XP_COMMENT = 0x9286, 0x8769, 0x010E, 0x9C9C
# What the settings behind a prompt look like in the text of the usual generators.
_SETTINGS = re.compile(
    r"\bSteps: \d+|\bSampler: |\bCFG scale: |\bNegative prompt: |--(?:v|ar|niji|style) |\bJob ID: "
)
_XMP_TEXT = re.compile(rb"<dc:description>.*?<rdf:li[^>]*>(.*?)</rdf:li>", re.DOTALL)
_XMP_OTHER = re.compile(rb"(?:UserComment|Prompt|parameters)[^>]*>(?:\s*<[^>]*>)*([^<]+)<")
_MOST_CHARACTERS = 1_000_000


def embedded_prompt(image: Image.Image) -> tuple[str, str]:
    """Return (prompt, where in the file it stands) of a loaded picture; ('', '') where there is none."""
    for text, place in _candidates(image):
        cleaned = text.replace("\0", "").strip()
        if cleaned:
            return cleaned.encode("utf-8", "replace").decode("utf-8")[:_MOST_CHARACTERS], place
    return "", ""


def _candidates(image: Image.Image) -> Iterator[tuple[str, str]]:
    info = {str(name): value for name, value in image.info.items() if isinstance(value, (str, bytes))}
    for name in ("parameters", "Dream", "prompt", "invokeai_metadata", "sd-metadata", "workflow"):
        if isinstance(text := info.get(name), str):
            yield _plain(text), f"png {name}"
    if info.get("Software") == "NovelAI" or "Comment" in info:
        comment = _object(info.get("Comment"))
        if isinstance(comment.get("prompt"), str):
            yield comment["prompt"], "png Comment"
    for name in ("Description", "Comment", "comment", "Title"):
        text = _text(info.get(name))
        if text and (info.get("Software") == "NovelAI" or _SETTINGS.search(text)):
            yield text, f"{'png' if name[0].isupper() else 'comment'} {name}".strip()
    yield from _of_exif(image)
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    data = xmp.encode("utf-8", "replace") if isinstance(xmp, str) else xmp
    for pattern in (_XMP_OTHER, _XMP_TEXT):
        for found in pattern.findall(data[:4_000_000]) if isinstance(data, bytes) else ():
            text = _unescaped(found.decode("utf-8", "replace"))
            if _SETTINGS.search(text) or _object(text):
                yield _plain(text), "xmp"


def _of_exif(image: Image.Image) -> Iterator[tuple[str, str]]:
    try:
        exif = image.getexif()
        fields = (
            ("UserComment", exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT)),
            ("ImageDescription", exif.get(_DESCRIPTION)),
            ("XPComment", exif.get(_XP_COMMENT)),
        )
    except Exception:  # EXIF is written by everything and checked by nothing
        return
    for name, value in fields:
        text = _comment(value) if name != "XPComment" else _utf16(value)
        if text and (_SETTINGS.search(text) or "prompt" in _object(text)):
            yield _plain(text), f"exif {name}"


def _plain(text: str) -> str:
    """Return a prompt as text: of JSON what was asked for in words, where that can be told."""
    data = _object(text)
    if not data:
        return text
    for name in ("prompt", "positive_prompt", "Prompt"):
        if isinstance(data.get(name), str):
            return str(data[name])
    if isinstance(data.get("image"), Mapping) and isinstance(data["image"].get("prompt"), str):
        return str(data["image"]["prompt"])
    # ComfyUI: nodes by number, of which those that encode text hold what was asked for.
    nodes = (node for node in data.values() if isinstance(node, Mapping))
    inputs = (node.get("inputs") for node in nodes if "Text" in str(node.get("class_type")))
    words = [each.get("text") or each.get("text_g") for each in inputs if isinstance(each, Mapping)]
    return "\n".join(dict.fromkeys(word for word in words if isinstance(word, str) and word.strip())) or text


def _object(text: Any) -> Mapping[str, Any]:
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _comment(value: Any) -> str:
    """Return an EXIF comment: eight bytes name its encoding."""
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return ""
    head, body = value[:8], value[8:]
    if head.startswith(b"UNICODE"):
        # Big-endian by the standard, little-endian by half of the writers: in text most characters are ASCII.
        big = body[0:200:2].count(0) >= body[1:200:2].count(0)
        return body.decode("utf-16-be" if big else "utf-16-le", "replace")
    return (body if head.startswith((b"ASCII", b"\0")) else value).decode("utf-8", "replace")


def _utf16(value: Any) -> str:
    return value.decode("utf-16-le", "replace") if isinstance(value, bytes) else ""


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else (value or "")


def _unescaped(text: str) -> str:
    import html

    return html.unescape(text).strip()
