"""Groups from candidate edges: HDBSCAN inside the connected components of the mutual-reachability graph.

The kNN graph above a similarity falls into components that are small next to the table; a spanning forest of them is
all that HDBSCAN needs, so five million items cost a sort. hdbscan, the package, chooses the clusters of each component
(selection.py). Single linkage alone would chain A~B~C into one group: clusters are chosen by excess of mass, and
dedupe/group/artworks.py then holds every member against the kept one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from dedupe.group.hierarchy import choose_clusters, merge_forest
from dedupe.group.selection import select_clusters
from schema.arrays import Bools, Floats32, Floats64, Ints

# Similarities come from float16 vectors: unit length is off by up to 5e-4, so nothing closer than this is told apart.
NEAREST = 1e-3
# Points of a component up to which hdbscan chooses: 1 000 take a tenth of a second, ten times as many a hundred times.
LARGE = 1000


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
) -> Ints:
    """Return the group of every row, int64 [n], -1 for none: HDBSCAN over the edges above ``threshold``.

    Edges are similarities; ``epsilon`` is a similarity too: what is at least so alike is not split further.
    Groups are numbered by their smallest row.
    """
    found = np.full(n, -1, dtype=np.int64)
    kept = edges.where(edges.similarity >= threshold)
    birth = float(distances(threshold))
    touched = np.zeros(n, dtype=bool)
    touched[kept.i] = True
    touched[kept.j] = True
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
    limit = float(distances(epsilon)) if epsilon > 0 else 0.0
    found[rows] = _choose(
        len(rows), spanning_forest(len(rows), local.i, local.j, length), min_size, max(birth, NEAREST), limit
    )
    inside = found >= 0
    found[inside] = rows[found[inside]]
    return found


def _choose(n: int, forest: tuple[Ints, Ints, Floats64], min_size: int, birth: float, epsilon: float) -> Ints:
    """Return the cluster of every point of a spanning forest, named by its first point, -1 for none.

    hdbscan chooses in each component that may be split at all. One with fewer points than two clusters need, or whose
    longest edge is shorter than ``epsilon``, is one cluster. Components of more than LARGE points go through
    hierarchy.py together: hdbscan's choice takes time with the square of the number of clusters.
    """
    u, v, distance = forest
    component = components(n, Edges(u, v, np.empty(0, np.float32)))
    size = np.bincount(component, minlength=n)
    longest = np.zeros(n)
    np.maximum.at(longest, component[u], distance)
    whole = (size >= min_size) & ((size < 2 * min_size) | (longest < epsilon))
    node = np.where(whole[component], component, -1)
    open_ = (size >= min_size) & ~whole
    edge_of = component[u]
    big = open_ & (size > LARGE)
    if big.any():
        points = np.flatnonzero(big[component])
        place = np.full(n, -1, np.int64)
        place[points] = np.arange(len(points))
        edges = np.flatnonzero(big[edge_of])
        tree = merge_forest(len(points), place[u[edges]], place[v[edges]], distance[edges])
        chosen = choose_clusters(
            tree,
            np.ones(len(points), np.int64),
            min_size=min_size,
            birth=birth,
            epsilon=epsilon,
            floor=NEAREST,
        )
        first = name_by_first(chosen)
        node[points] = np.where(first >= 0, points[np.maximum(first, 0)], -1)
    small = open_ & ~big
    points = np.flatnonzero(small[component])
    points = points[np.argsort(component[points], kind="stable")]
    edges = np.flatnonzero(small[edge_of])
    edges = edges[np.argsort(edge_of[edges], kind="stable")]
    place = np.full(n, -1, np.int64)
    starts = np.flatnonzero(np.diff(component[points], prepend=-1))
    sizes = np.diff(np.append(starts, len(points)))
    for start, count in zip(starts.tolist(), sizes.tolist(), strict=True):
        members = points[start : start + count]
        place[members] = np.arange(count)
        # One edge fewer than points in every component before.
        first_edge = start - int(np.searchsorted(starts, start))
        own = edges[first_edge : first_edge + count - 1]
        chosen = select_clusters(
            count,
            place[u[own]],
            place[v[own]],
            distance[own],
            min_size=min_size,
            birth=birth,
            epsilon=epsilon,
        )
        first = name_by_first(chosen)
        node[members] = np.where(first >= 0, members[np.maximum(first, 0)], -1)
    return node


def name_by_first(label: Ints) -> Ints:
    """Return labels renamed to the index of their first member; negative ones stay -1."""
    found = np.full(len(label), -1, dtype=np.int64)
    inside = np.flatnonzero(label >= 0)
    _, first, back = np.unique(label[inside], return_index=True, return_inverse=True)
    found[inside] = inside[first][back]
    return found
