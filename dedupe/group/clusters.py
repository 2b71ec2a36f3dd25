"""Groups from candidate edges: HDBSCAN inside the connected components of the mutual-reachability graph.

The kNN graph above a similarity falls into components that are small next to the table; a spanning forest of them is
all that HDBSCAN needs, so five million items cost a sort. Single linkage alone would chain A~B~C into one group:
clusters are chosen by excess of mass, and dedupe/group/artworks.py then holds every member against the kept one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from dedupe.group.hierarchy import choose_clusters, merge_forest
from schema.arrays import Bools, Floats32, Floats64, Ints

# Similarities come from float16 vectors: unit length is off by up to 5e-4, so nothing closer than this is told apart.
NEAREST = 1e-3


@dataclass(frozen=True, slots=True)
class Edges:
    """Undirected candidate pairs, once each: ``i`` < ``j`` int64 [m], ``similarity`` float32 [m]."""

    i: Ints
    j: Ints
    similarity: Floats32

    def __len__(self) -> int:
        return len(self.i)

    def where(self, mask: Bools) -> Edges:
        """Return the edges that a mask keeps."""
        return Edges(self.i[mask], self.j[mask], self.similarity[mask])


def distances(similarity: npt.ArrayLike) -> Floats64:
    """Return the Euclidean distance of unit vectors with this cosine: sqrt(2 - 2 s)."""
    found: Floats64 = np.sqrt(np.maximum(2.0 - 2.0 * np.asarray(similarity, dtype=np.float64), 0.0))
    return found


def unique_edges(low: Ints, high: Ints, similarity: Floats32) -> Edges:
    """Return pairs (low < high) once each, in order, with the highest similarity of a repeated one."""
    keep = low != high
    low, high, similarity = low[keep], high[keep], similarity[keep]
    if not len(low):
        return Edges(low, high, similarity)
    order = np.argsort((low << 32) | high, kind="stable")
    low, high, similarity = low[order], high[order], similarity[order]
    fresh = np.flatnonzero(np.concatenate([[True], (low[1:] != low[:-1]) | (high[1:] != high[:-1])]))
    return Edges(low[fresh], high[fresh], np.maximum.reduceat(similarity, fresh))


def components(n: int, edges: Edges) -> Ints:
    """Return the connected component of every row, int64 [n], numbered by the smallest row in it."""
    graph = coo_matrix((np.ones(len(edges), dtype=np.int8), (edges.i, edges.j)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    first = np.full(label.max() + 1 if n else 0, n, dtype=np.int64)
    np.minimum.at(first, label, np.arange(n))
    found: Ints = first[label]
    return found


def core_distances(n: int, edges: Edges, distance: Floats64, samples: int) -> Floats64:
    """Return the distance of every row to its ``samples``-th neighbour in the graph; infinite where it has fewer."""
    core = np.full(n, np.inf)
    ends = np.concatenate([edges.i, edges.j])
    length = np.concatenate([distance, distance])
    order = np.lexsort((length, ends))
    ends, length = ends[order], length[order]
    start = np.searchsorted(ends, np.arange(n))
    stop = np.append(start[1:], len(ends))
    has = start + samples <= stop
    core[has] = length[start[has] + samples - 1]
    return core


def spanning_forest(n: int, i: Ints, j: Ints, distance: Floats64) -> tuple[Ints, Ints, Floats64]:
    """Return a minimum spanning forest, edges sorted by (distance, i, j): the same for any order of the input."""
    graph = csr_matrix((distance, (i, j)), shape=(n, n))
    graph.sort_indices()
    tree = minimum_spanning_tree(graph, overwrite=True).tocoo()
    u, v, length = tree.row.astype(np.int64), tree.col.astype(np.int64), tree.data
    order = np.lexsort((v, u, length))
    return u[order], v[order], length[order]


def cluster_edges(
    n: int,
    edges: Edges,
    *,
    threshold: float,
    min_size: int = 2,
    min_samples: int = 1,
    epsilon: float = 0.0,
    weight: Ints | None = None,
) -> Ints:
    """Return the group of every row, int64 [n], -1 for none: HDBSCAN over the edges above ``threshold``.

    Edges are similarities; ``epsilon`` is a similarity too: what is at least so alike is not split further.
    ``weight`` counts the items behind a row (exactly repeated vectors are collapsed by the caller). Groups are
    numbered by their smallest row.
    """
    found = np.full(n, -1, dtype=np.int64)
    kept = edges.where(edges.similarity >= threshold)
    birth = float(distances(threshold))
    touched = np.zeros(n, dtype=bool)
    touched[kept.i] = True
    touched[kept.j] = True
    if weight is not None:
        touched |= weight > 1
    rows = np.flatnonzero(touched)
    if not len(rows):
        return found
    place = np.full(n, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    local = Edges(place[kept.i], place[kept.j], kept.similarity)
    length = np.maximum(distances(local.similarity), NEAREST)
    if min_samples > 1:
        core = core_distances(len(rows), local, length, min_samples)
        length = np.maximum(length, np.maximum(core[local.i], core[local.j]))
        reach = length <= birth
        local, length = local.where(reach), length[reach]
    u, v, length = spanning_forest(len(rows), local.i, local.j, length)
    forest = merge_forest(len(rows), u, v, length)
    mass = np.ones(len(rows), dtype=np.int64) if weight is None else weight[rows]
    limit = float(distances(epsilon)) if epsilon > 0 else 0.0
    node = choose_clusters(
        forest, mass, min_size=min_size, birth=max(birth, NEAREST), epsilon=limit, floor=NEAREST
    )
    found[rows] = name_by_first(node)
    inside = found >= 0
    found[inside] = rows[found[inside]]
    return found


def name_by_first(label: Ints) -> Ints:
    """Return labels renamed to the index of their first member; negative ones stay -1."""
    found = np.full(len(label), -1, dtype=np.int64)
    inside = np.flatnonzero(label >= 0)
    _, first, back = np.unique(label[inside], return_index=True, return_inverse=True)
    found[inside] = inside[first][back]
    return found
