"""Files beside pictures that say something of them: one protocol, and a written-out table of formats.

The order is that of precedence: of two formats that claim a file the first reads it; what several files say of one
picture is joined in this order.
"""

from __future__ import annotations

from embed.sources.base import SourceOptions
from embed.sources.sidecars.base import NAME, STEM, Entry, Sidecar, SidecarFile, same_name
from schema.plugins import plugin

SIDECARS = {
    "metadata": "embed.sources.sidecars.metadata:MetadataFile",
    "kohya": "embed.sources.sidecars.kohya:KohyaFile",
    "posts": "embed.sources.sidecars.posts:PostsFile",
    "img2dataset": "embed.sources.sidecars.img2dataset:Img2datasetFile",
    "hydrus": "embed.sources.sidecars.hydrus:HydrusFile",
    "caption": "embed.sources.sidecars.caption:CaptionFile",
    "waifuc": "embed.sources.sidecars.waifuc:WaifucFile",
    "gallery-dl": "embed.sources.sidecars.gallery_dl:GalleryDlFile",
}


def load_sidecars(options: SourceOptions) -> dict[str, Sidecar]:
    """Return every format by name, in the order of the table."""
    return {name: plugin(SIDECARS, name, "kind of sidecar", "sidecars")(options) for name in SIDECARS}


__all__ = ["NAME", "SIDECARS", "STEM", "Entry", "Sidecar", "SidecarFile", "load_sidecars", "same_name"]
