"""The files of one folder: which of them are pictures, and which files lie beside which picture."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from embed.sources.annotation import Annotation, joined
from embed.sources.base import SourceOptions, file_stamp
from embed.sources.encodings import Encoding
from embed.sources.endings import is_picture
from embed.sources.sidecars.base import NAME, Sidecar, SidecarFile, read_small, same_name

_POOL_FILES = 500
_TEXT_ENDINGS = (".txt", ".caption", ".tags", ".cap")


class FolderFiles:
    """Sorts the files of a folder; ``unclaimed`` are neither pictures nor beside one.

    Names are compared in NFC and without case, unless two pictures differ by just that.
    """

    def __init__(
        self,
        path: str,
        names: Iterable[str],
        formats: Mapping[str, Sidecar],
        options: SourceOptions,
        tree: Encoding,
    ) -> None:
        self.path = path
        self._formats = formats
        self._options = options
        self._encoding = Encoding(options.encoding, (self._texts, *tree.pools))
        # What macOS leaves beside every file on foreign disks is no picture, whatever its ending.
        self._names = [name for name in names if not name.startswith("._")]
        self.pictures = [name for name in self._names if is_picture(os.path.join(path, name))]
        pictures = set(self.pictures)
        folded = Counter(same_name(name) for name in self.pictures)
        stems = Counter(same_name(os.path.splitext(name)[0]) for name in self.pictures)
        exact_stems = Counter(os.path.splitext(name)[0] for name in self.pictures)
        self.twins = {
            name
            for name in self.pictures
            if folded[same_name(name)] > 1
            or stems[same_name(os.path.splitext(name)[0])] > exact_stems[os.path.splitext(name)[0]]
        }
        self._by_name = self._index(self.pictures)
        self._by_stem = self._index(self.pictures, stem=True)
        self._beside: dict[str, list[tuple[str, list[Sidecar]]]] = {}
        self.unclaimed: list[str] = []
        for name in self._names:
            if name in pictures:
                continue
            claims = self.claims(name)
            for picture, sidecars in claims.items():
                self._beside.setdefault(picture, []).append((name, sidecars))
            if not claims:
                self.unclaimed.append(name)
        order = list(formats.values())
        for files in self._beside.values():
            # What the formats that come later in the table say stands behind what the earlier ones say.
            files.sort(key=lambda pair: (order.index(pair[1][-1]), len(pair[0]), pair[0]))

    def claims(self, name: str) -> dict[str, list[Sidecar]]:
        """Return the pictures that a file lies beside, with the formats that may read it."""
        found: dict[str, list[Sidecar]] = {}
        for sidecar in self._formats.values():
            for hole, middle in sidecar.subjects(name):
                index = self._by_name if hole == NAME else self._by_stem
                for picture in index.get(same_name(middle), ()):
                    own = picture if hole == NAME else os.path.splitext(picture)[0]
                    if picture in self.twins and own != middle:
                        continue
                    if sidecar not in found.setdefault(picture, []):
                        found[picture].append(sidecar)
        return {picture: sidecars for picture, sidecars in found.items() if sidecars}

    def stamps(self, picture: str) -> list[tuple[str, int]]:
        """Return (name, stamp) of every file beside a picture."""
        return [
            (name, file_stamp(os.path.join(self.path, name))) for name, _ in self._beside.get(picture, ())
        ]

    def read(self, picture: str) -> tuple[Annotation, list[tuple[str, str]], list[str]]:
        """Return (what the files beside a picture say, [(file, why not all of it was read)], files not understood)."""
        said: list[Annotation] = []
        failures: list[tuple[str, str]] = []
        odd: list[str] = []
        for name, sidecars in self._beside.get(picture, ()):
            file = SidecarFile(os.path.join(self.path, name), self._options, self._encoding)
            entries = next((found for each in sidecars if (found := each.entries(file)) is not None), None)
            if entries is None:
                odd.append(name)
                continue
            for entry in entries:
                said.append(entry.said)
                if entry.reason:
                    failures.append((name, entry.reason))
        return joined(said), failures, odd

    def _texts(self) -> Iterator[bytes]:
        texts = (name for name in self._names if name.lower().endswith(_TEXT_ENDINGS))
        for name in islice(texts, _POOL_FILES):
            yield read_small(os.path.join(self.path, name), 65_536)

    @staticmethod
    def _index(pictures: Iterable[str], stem: bool = False) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in pictures:
            found.setdefault(same_name(os.path.splitext(name)[0] if stem else name), []).append(name)
        return found


def texts_of_tree(folders: Iterable[tuple[str, list[str]]]) -> Iterator[bytes]:
    """Yield some captions of a whole tree, for an encoding that one folder alone cannot tell."""
    names = (
        os.path.join(folder, name)
        for folder, files in folders
        for name in files
        if name.lower().endswith(_TEXT_ENDINGS)
    )
    for path in islice(names, 4 * _POOL_FILES):
        yield read_small(path, 65_536)
