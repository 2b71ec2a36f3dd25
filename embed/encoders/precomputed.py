"""Vectors that were made elsewhere: an npy in the order of the sources' listings, or a Parquet with original ids.

An npy is mapped and never read whole. Of a Parquet only a 64-bit hash per id is held (5 M ids: 80 MB); its vectors
are spooled once into a file that is mapped likewise, since Parquet reads single rows some hundred times slower.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from embed.encoders.base import Batch, Encoder
from embed.encoders.checkpoints import file_digest
from schema.arrays import Floats32, Hashes, Ints
from schema.errors import EncoderError
from schema.settings import Settings

if TYPE_CHECKING:
    from index.store import Store

ID_NAMES = ("id", "key", "item_id", "file_name", "filename", "path", "uri", "image", "name")
VECTOR_NAMES = ("vector", "embedding", "embeddings", "emb", "features", "feature", "vec")
SPOOL_ROWS = 16_384


class Precomputed(Encoder):
    """Vectors from ``encoder.path``. Raises EncoderError when the file is not what it should be."""

    reads_images: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.path = _path(settings)
        self.keyed = _is_parquet(self.path)
        self.duplicate_ids = 0
        if self.keyed:
            self._load_parquet()
        else:
            self._data: npt.NDArray[Any] = _open_npy(self.path)

    @classmethod
    def identity(cls, settings: Settings) -> tuple[str, dict[str, str]]:
        """Return the file's name and its digest."""
        path = _path(settings)
        chosen = settings.encoder
        facts = {"vectors": file_digest(path), "id": chosen.id_column, "vector": chosen.vector_column}
        return f"precomputed_{path.stem}", facts

    @property
    def dim(self) -> int:
        """Return the width of the vectors."""
        return int(self._data.shape[1])

    @property
    def batch_size(self) -> int:
        """Return how many items to look up at once."""
        return self.settings.encoder.batch or 4096

    @property
    def count(self) -> int:
        """Return how many vectors the file holds."""
        return len(self._data)

    def check(self, store: Store) -> list[str]:
        """Raise EncoderError when an npy is not as long as the listings; note what a Parquet says twice."""
        if self.keyed:
            if self.duplicate_ids:
                return [
                    f"{self.path.name} names {self.duplicate_ids} ids more than once; the first vector counts"
                ]
            return []
        listed = {
            int(record["source"]): (int(record["listed"]), str(record["path"]))
            for batch in store.scan("sources", ["source", "listed", "path"])
            for record in batch.to_pylist()
        }
        total = sum(count for count, _ in listed.values())
        if total == self.count:
            return []
        parts = ", ".join(f"{count:,} in {path}" for _, (count, path) in sorted(listed.items()))
        raise EncoderError(
            f"{self.path} holds {self.count:,} vectors, but the sources list {total:,} entries ({parts})",
            "An npy needs one row per listed entry, in the order of the sources, failed entries and copies included; "
            "or give a Parquet with the original id of each vector.",
        )

    def encode(self, batch: Batch) -> Floats32:
        """Return the vectors of the items of a batch; NaN where the file has none."""
        if batch.items is None:
            hint = "Query by an item of the store, or choose an open_clip model."
            raise EncoderError("precomputed vectors belong to stored items", hint)
        found = self._by_key(batch.items) if self.keyed else self._by_place(batch.items)
        vectors = np.full((len(found), self.dim), np.nan, dtype=np.float32)
        known = np.flatnonzero(found >= 0)
        # Ascending reads of a mapped file are sequential ones.
        order = known[np.argsort(found[known], kind="stable")]
        vectors[order] = self._data[found[order]]
        return vectors

    def missing(self, items: pa.Table) -> list[str | None]:
        """Return for each item that it has no vector, None where it has one."""
        found = self._by_key(items) if self.keyed else self._by_place(items)
        reason = f"no vector for this item in {self.path.name}"
        return [reason if place < 0 else None for place in found.tolist()]

    def _by_place(self, items: pa.Table) -> Ints:
        places = [min(values) if values else -1 for values in items.column("places").to_pylist()]
        found = np.asarray(places, dtype=np.int64)
        found[found >= self.count] = -1
        return found

    def _by_key(self, items: pa.Table) -> Ints:
        found = np.full(items.num_rows, -1, dtype=np.int64)
        names = zip(items.column("keys").to_pylist(), items.column("item_id").to_pylist(), strict=True)
        # An item's first key comes last here and so wins over its other keys, and any key over the item id.
        asked = [(at, key) for at, (keys, own) in enumerate(names) for key in (own, *reversed(keys or []))]
        if not len(self._hashes) or not asked:
            return found
        hashes = _hashes([key for _, key in asked])
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        for place in np.flatnonzero(self._hashes[at] == hashes):
            found[asked[place][0]] = self._places[at[place]]
        return found

    def _load_parquet(self) -> None:
        try:
            file = pq.ParquetFile(self.path)
        except (OSError, pa.ArrowInvalid) as error:
            raise EncoderError(f"cannot read the vectors in {self.path}: {error}") from error
        id_column, vector_column = _columns(file.schema_arrow, self.path, self.settings)
        dim = _parquet_dim(file, vector_column, self.path)
        count = file.metadata.num_rows
        spool = tempfile.NamedTemporaryFile(prefix="likeness-vectors-", suffix=".f32")
        self._spool = spool
        data = np.memmap(spool.name, dtype=np.float32, mode="w+", shape=(max(count, 1), dim))[:count]
        hashes = np.empty(count, dtype=np.uint64)
        at = 0
        for batch in file.iter_batches(SPOOL_ROWS, columns=[id_column, vector_column]):
            end = at + batch.num_rows
            data[at:end] = _rows(
                batch.column(batch.schema.get_field_index(vector_column)), dim, self.path, at
            )
            hashes[at:end] = _hashes(batch.column(batch.schema.get_field_index(id_column)).to_pylist())
            at = end
        self._data = data
        self._hashes, self._places = np.unique(hashes, return_index=True)
        self.duplicate_ids = count - len(self._hashes)


def _path(settings: Settings) -> Path:
    if not settings.encoder.path:
        raise EncoderError("precomputed vectors need a file", "Set encoder.path to an npy or a Parquet.")
    path = Path(settings.encoder.path).expanduser()
    if not path.is_file():
        raise EncoderError(f"encoder.path names a file that does not exist: {path}")
    return path


def _is_parquet(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(6)
    if head[:4] == b"PAR1":
        return True
    if head == b"\x93NUMPY":
        return False
    raise EncoderError(f"{path} is neither an npy nor a Parquet file", "encoder.path takes one of these two.")


def _open_npy(path: Path) -> npt.NDArray[Any]:
    try:
        data: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise EncoderError(f"cannot read the vectors in {path}: {error}") from error
    if data.ndim != 2 or data.shape[1] < 1 or data.dtype.kind not in "fiu":
        raise EncoderError(
            f"{path} holds an array of shape {data.shape} and type {data.dtype}",
            "Vectors are numbers of shape [n, dim].",
        )
    return data


def _columns(schema: pa.Schema, path: Path, settings: Settings) -> tuple[str, str]:
    names = schema.names
    listed = f"{path} has the columns: {', '.join(names)}"
    for name, setting in ((settings.encoder.id_column, "id"), (settings.encoder.vector_column, "vector")):
        if name and name not in names:
            raise EncoderError(f"encoder.{setting}_column names {name!r}, which is not there", listed)
    ids = [n for n in names if _is_id(schema.field(n).type)]
    vectors = [n for n in names if _is_vector(schema.field(n).type)]
    return (
        settings.encoder.id_column or _choose(ids, ID_NAMES, "id", listed),
        settings.encoder.vector_column or _choose(vectors, VECTOR_NAMES, "vector", listed),
    )


def _choose(candidates: list[str], usual: tuple[str, ...], what: str, listed: str) -> str:
    for name in usual:
        if name in candidates:
            return name
    if len(candidates) == 1:
        return candidates[0]
    problem = "no" if not candidates else "more than one possible"
    raise EncoderError(f"there is {problem} {what} column", f"Set encoder.{what}_column. {listed}")


def _is_id(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind))


def _is_vector(kind: pa.DataType) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(lists and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))


def _parquet_dim(file: pq.ParquetFile, column: str, path: Path) -> int:
    kind = file.schema_arrow.field(column).type
    if not _is_vector(kind):
        raise EncoderError(f"the column {column} of {path} holds {kind}, not lists of numbers")
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size)
    for batch in file.iter_batches(1024, columns=[column]):
        for length in batch.column(0).value_lengths().drop_null().to_pylist():
            return int(length)
    raise EncoderError(f"{path} holds no vectors")


def _rows(column: pa.Array, dim: int, path: Path, start: int) -> Floats32:
    """Lists as float32 [n, dim]; a null list is a row of NaN, a list of another length an error that names its row."""
    data = np.full((len(column), dim), np.nan, dtype=np.float32)
    present = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    kept = column.drop_null()
    if pa.types.is_fixed_size_list(column.type):
        lengths = np.full(len(kept), dim)
    else:
        lengths = kept.value_lengths().to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(lengths != dim)
    if len(wrong):
        row = start + int(present[wrong[0]])
        raise EncoderError(
            f"row {row} of {path} has {int(lengths[wrong[0]])} components, the others have {dim}"
        )
    flat = kept.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    data[present] = flat.reshape(-1, dim)
    return data


def _hashes(keys: list[Any]) -> Hashes:
    """64-bit hashes of ids as text; among 5 million the chance of any collision is below 1e-6 (n^2 / 2^65)."""
    joined = b"".join(
        hashlib.blake2b(str(key).encode("utf-8", "surrogatepass"), digest_size=8).digest() for key in keys
    )
    return np.frombuffer(joined, dtype=np.uint64)
