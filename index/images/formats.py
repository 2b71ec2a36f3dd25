"""Which picture formats are read: told from the first bytes, with what reads those that Pillow alone does not."""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass

# Formats whose Pillow decoders are in daily use; the rest (FLI, FPX, WMF ...) are rarely tested and often attacked.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "DIB", "TIFF", "JPEG2000", "PPM", "QOI")
_MAGIC = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"qoif",
    b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51", b"8BPS",
)  # fmt: skip
_BMP_HEADERS = tuple(bytes([size]) for size in (12, 40, 52, 56, 108, 124))
_AVIF_BRANDS = (b"avif", b"avis")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif")
_JXL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")


@dataclass(frozen=True, slots=True)
class Plugin:
    """A package that gives Pillow a format: its module, what registers it, its name on the index, our extra."""

    name: str
    module: str
    register: str
    package: str
    extra: str


PLUGINS = {
    "HEIF": Plugin("HEIC/HEIF", "pillow_heif", "register_heif_opener", "pillow-heif", "heif"),
    "JXL": Plugin("JPEG XL", "pillow_jxl", "", "pillow-jxl-plugin", "jxl"),
}
_loading = threading.Lock()
_loaded: dict[str, bool] = {}


def looks_like_image(head: bytes) -> bool:
    """Tell from its first 32 bytes whether a file claims to be one of the formats that are decoded, or can be."""
    return (
        head.startswith(_MAGIC)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in (*_AVIF_BRANDS, *_HEIF_BRANDS, b"miaf"))
        or head.startswith(_JXL)
        or (head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and head[14:15] in _BMP_HEADERS)
    )


def formats_of(data: bytes) -> tuple[str, ...]:
    """Return the Pillow formats that bytes are tried as: the usual ones, and that of a plug-in that is installed."""
    if data[:4] == b"8BPS":
        return ("PSD",)
    plugin = plugin_of(data)
    if plugin and _is_loaded(plugin):
        return (*FORMATS, plugin)
    return FORMATS


def plugin_of(data: bytes) -> str:
    """Return the plug-in format that bytes are of, or an empty string."""
    if data.startswith(_JXL):
        return "JXL"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        size = min(int.from_bytes(data[:4], "big"), 256)
        return "" if any(brand in data[16:size] for brand in _AVIF_BRANDS) else "HEIF"
    return ""


def unidentified(data: bytes) -> str:
    """Return why bytes that Pillow does not know are no picture that can be used."""
    plugin = PLUGINS.get(plugin_of(data))
    if plugin is not None and not _is_loaded(plugin_of(data)):
        return f"{plugin.name} is read with the package {plugin.package}: pip install {plugin.package}"
    if looks_like_image(data[:32]):
        return "damaged: the header cannot be read"
    text = data[:256].lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "not a picture but a web page"
    for magic, name in (
        (b"<svg", "SVG"),
        (b"<?xml", "XML or SVG"),
        (b"dds ", "DDS"),
        (b"%!ps", "EPS"),
        (b"%pdf", "PDF"),
        (b"pk\3\4", "ZIP"),
        (b"\0\0\1\0", "ICO"),
        (b"\0\0\2\0", "ICO or TGA"),
        (b"blp", "BLP"),
    ):
        if text.startswith(magic):
            return f"not a supported picture format: {name}"
    if data[4:8] == b"ftyp":
        return f"not a supported picture format: {data[8:12].decode('ascii', 'replace').strip()} (video)"
    return "not a picture, or not of a supported format"


def _is_loaded(name: str) -> bool:
    """Import the package of a plug-in once; False where it is not installed."""
    with _loading:
        if name not in _loaded:
            plugin = PLUGINS[name]
            try:
                module = importlib.import_module(plugin.module)
                if plugin.register:
                    getattr(module, plugin.register)()
                _loaded[name] = True
            except (ImportError, AttributeError, OSError):
                _loaded[name] = False
        return _loaded[name]
