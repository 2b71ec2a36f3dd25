"""The choice of clusters by hdbscan, the package: condensed tree, stability and excess of mass of one component.

Components are independent of each other, so each goes to hdbscan by itself, with its birth at the threshold: two points
next to each other are added at that distance, whose cluster is the component's sibling under the root. Campello,
Moulavi, Sander 2013; McInnes, Healy, Astels 2017; the choice below a distance is Malzer and Baum 2020.
"""

from __future__ import annotations

import numpy as np
from hdbscan._hdbscan_linkage import label as single_linkage
from hdbscan._hdbscan_tree import compute_stability, condense_tree, get_clusters

from schema.arrays import Floats64, Ints


def select_clusters(
    n: int, u: Ints, v: Ints, distance: Floats64, *, min_size: int, birth: float, epsilon: float
) -> Ints:
    """Return the cluster of each of ``n`` points of one component, int64 [n], -1 for none.

    ``u``, ``v`` are the edges of its spanning tree by ascending ``distance`` [n - 1]; the component is born at distance
    ``birth``, and no cluster is split where its parts would be born below ``epsilon``.
    """
    nearest = min(float(distance[0]), birth) / 2
    others = n + np.arange(max(min_size, 2))
    edges = np.empty((n + len(others) - 1, 3), dtype=np.float64)
    # The sibling first, then the tree, then the edge between them.
    beside = len(others) - 1
    edges[:beside] = np.column_stack([others[:-1], others[1:], np.full(beside, nearest)])
    edges[beside : beside + n - 1] = np.column_stack([u, v, distance])
    edges[-1] = (0, n, max(birth, float(distance[-1])))
    tree = condense_tree(single_linkage(edges), min_size)
    labels, _, _ = get_clusters(tree, compute_stability(tree), "eom", False, False, epsilon)
    found: Ints = np.asarray(labels[:n], dtype=np.int64)
    return found
