"""Prompts of image generators are found where each of them writes it, and nothing else is taken for one."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image, PngImagePlugin

from index.images.decode import decode

A1111 = "1girl, red hair, (smile:1.2)\nNegative prompt: lowres\nSteps: 28, Sampler: Euler a, CFG scale: 7, Seed: 1"
COMFY = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "1girl, red hair", "clip": ["4", 1]}},
}


def png(**chunks: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for name, text in chunks.items():
        info.add_itxt(name, text)
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def with_exif(kind: str, tag: int, value: object, inner: bool = False) -> bytes:
    exif = Image.Exif()
    if inner:
        exif.get_ifd(0x8769)[tag] = value
    else:
        exif[tag] = value
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(buffer, kind, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "prompt", "source"),
    [
        (png(parameters=A1111), A1111, "png parameters"),
        (png(prompt=json.dumps(COMFY), workflow="{}"), "1girl, red hair", "png prompt"),
        (png(Software="NovelAI", Comment=json.dumps({"prompt": "1girl", "uc": "x"})), "1girl", "png Comment"),
        (png(invokeai_metadata=json.dumps({"positive_prompt": "1girl"})), "1girl", "png invokeai_metadata"),
        (png(Description="a knight --ar 2:3 --v 6"), "a knight --ar 2:3 --v 6", "png Description"),
        (with_exif("JPEG", 0x9286, b"UNICODE\0" + A1111.encode("utf-16-be"), True), A1111, "exif UserComment"),
        (with_exif("WEBP", 0x9286, b"UNICODE\0" + A1111.encode("utf-16-le"), True), A1111, "exif UserComment"),
        (with_exif("JPEG", 0x9286, b"ASCII\0\0\0" + A1111.encode(), True), A1111, "exif UserComment"),
        (with_exif("JPEG", 0x010E, A1111), A1111, "exif ImageDescription"),
    ],
)  # fmt: skip
def test_prompts_are_found(data: bytes, prompt: str, source: str) -> None:
    found = decode(data)
    assert (found.prompt, found.prompt_source) == (prompt, source)


def test_xmp() -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description><dc:description><rdf:Alt>'
        '<rdf:li xml:lang="x-default">1girl &amp; hat Steps: 20, Sampler: Euler</rdf:li>'
        "</rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "WEBP", xmp=packet.encode())
    found = decode(buffer.getvalue())
    assert (found.prompt, found.prompt_source) == ("1girl & hat Steps: 20, Sampler: Euler", "xmp")


@pytest.mark.parametrize(
    "data",
    [
        png(Comment="Created with GIMP"),
        png(Title="A knight", Description="By the sea."),
        png(Software="paint"),
        with_exif("JPEG", 0x010E, "OLYMPUS DIGITAL CAMERA"),
        with_exif("JPEG", 0x9286, b"ASCII\0\0\0holiday", True),
        png(),
    ],
)
def test_other_comments_are_none(data: bytes) -> None:
    assert (decode(data).prompt, decode(data).prompt_source) == ("", "")
