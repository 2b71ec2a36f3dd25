"""Which files are pictures: by their ending; those without a known one by their first bytes."""

from __future__ import annotations

import os

from embed.sources.sidecars.base import read_small
from index.images.formats import looks_like_image

IMAGE_ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .jif .pjpeg .png .apng .webp .avif .avifs .gif .bmp .dib .tif .tiff .jp2 .j2k .jpf .jpx "
    ".ppm .pgm .pbm .pnm .qoi .heic .heif .jxl .svg .ico .cur .tga .psd .dds .pcx .xbm .xpm .sgi .fli .flc .blp .eps "
    ".mpo .icns .hdr .exr .raw .dng .cr2 .nef .arw .im .msp .ras .wmf .emf .spider .ftc .ftu .fits .fpx .gbr .dcx .rgb "
    ".j2c .jpc .tx .pxr .wal .mic .bufr .grib".split()
)
# Files that are known to be no pictures are not opened to look.
_OTHER_ENDINGS = frozenset(
    ".txt .caption .json .jsonl .ndjson .csv .tsv .md .npy .npz .parquet .toml .yaml .yml .xml .html .htm .py .pkl .pt "
    ".safetensors .zip .tar .gz .7z .rar .mp4 .webm .mkv .mov .avi .mp3 .wav .db .sqlite .log .ini .pdf .tags "
    ".cap".split()
)


def is_picture(path: str) -> bool:
    """Tell whether a file is listed as a picture."""
    ending = os.path.splitext(path)[1].lower()
    if ending in IMAGE_ENDINGS:
        return True
    return ending not in _OTHER_ENDINGS and looks_like_image(read_small(path, 32))


def kind_of_file(name: str) -> str:
    """Return the ending under which a file that nobody claims is counted."""
    return os.path.splitext(name)[1].lower() or "no ending"
