"""Grouping: against `hdbscan` on vectors, against fast_hdbscan on a sparse graph, and at five million items.

    python -m benchmarks.bench_groups --out build/groups --parts small,sparse,large

small   40 000 x 512 vectors with planted groups: the exact graph and our groups, `hdbscan` on the vectors; clocks cover
        both graph and groups on our side. Adjusted Rand index on the items that both put into a group.
sparse  1 M x 16 edges with planted groups: ours and fast_hdbscan's precomputed path on the same edges, and on a tenth
        of them, when installed; it gets --minutes. `hdbscan` on the dense matrix of --referee items says who is right.
large   5 M x 16 edges with planted groups: time, peak memory, planted pairs found.
chains  planted chains of vectors: every link above the threshold, ends far apart; lowest inner similarity.

Writes OUT.json and OUT.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import platform
import resource
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dedupe.compare.verdict import DIFFERENT, SAME
from dedupe.group.artworks import Judges, split_cluster
from dedupe.group.clusters import NEAREST, Edges, cluster_edges, components, distances, unique_edges
from dedupe.group.originals import Reason
from dedupe.stage import cluster_verified
from dedupe.verify.pairs import Verified
from index.neighbours.searchers.exact import ExactSearcher
from schema.settings import DedupeSettings, IndexSettings

# Cosine from which two planted vectors are copies.
LINK = 0.95


def main() -> None:
    """Run the asked parts and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build/bench_groups")
    parser.add_argument("--parts", default="chains,small,sparse,large")
    parser.add_argument("--small", type=int, default=40_000)
    parser.add_argument("--sparse", type=int, default=1_000_000)
    parser.add_argument("--referee", type=int, default=8_000, help="items of the dense matrix for `hdbscan`")
    parser.add_argument("--minutes", type=float, default=20.0, help="what fast_hdbscan gets for one graph")
    parser.add_argument("--large", type=int, default=5_000_000)
    parser.add_argument("--peer-limit", type=int, default=40_000, help="most vectors that `hdbscan` is given")
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    for part in options.parts.split(","):
        result[part] = PARTS[part](options)
        print(part, json.dumps(result[part]))
    out = Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    lines = [f"{result['machine']}, {result['cores']} cores", "", "| part | what | value |", "|---|---|---|"]
    lines += [f"| {p} | {k} | {v} |" for p in options.parts.split(",") for k, v in result[p].items()]
    out.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def planted_vectors(n: int, d: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors float32 [n, d] and their planted group, -1 for the half that is in none.

    Groups have 2 to 20 members at cosines of about 0.93 to 0.99; the rest is a mixture of a thousand broad styles.
    """
    rng = np.random.default_rng(seed)
    styles = rng.normal(size=(1000, d)).astype(np.float32)
    group = np.full(n, -1, dtype=np.int64)
    sizes = rng.integers(2, 21, n)
    ends = np.cumsum(sizes)
    count = int(np.searchsorted(ends, n // 2))
    group[: ends[count - 1]] = np.repeat(np.arange(count), sizes[:count])
    centre = styles[rng.integers(0, len(styles), n)] + rng.normal(size=(n, d)).astype(np.float32)
    inside = group >= 0
    first = np.searchsorted(group[inside], group[inside])
    spread = rng.uniform(0.1, 0.27, count)[group[inside]][:, None].astype(np.float32)
    noise = rng.normal(size=(int(inside.sum()), d)).astype(np.float32)
    scale = np.float32(np.sqrt(2.0))
    centre[: len(first)] = centre[first] + scale * spread * noise
    centre /= np.linalg.norm(centre, axis=1, keepdims=True)
    shuffle = rng.permutation(n)
    return centre[shuffle], group[shuffle]


def exact_graph(vectors: np.ndarray, k: int) -> Edges:
    """Return the exact kNN graph as edges, as the index stage makes it of few items."""
    positions, similarity = ExactSearcher(IndexSettings(), "cpu").graph(vectors.astype(np.float16), k)
    own = np.repeat(np.arange(len(vectors)), positions.shape[1])
    other = positions.ravel()
    found = other >= 0
    own, other, similarity = own[found], other[found], similarity.ravel()[found]
    return unique_edges(np.minimum(own, other), np.maximum(own, other), similarity)


def small(options: argparse.Namespace) -> dict[str, Any]:
    """Ours with its graph against `hdbscan` on the same vectors."""
    vectors, planted = planted_vectors(options.small, 512, 0)
    threshold = 0.85
    begun, cpu = time.perf_counter(), time.process_time()
    graph = exact_graph(vectors, 32)
    after_graph = time.perf_counter()
    ours = cluster_edges(len(vectors), graph, threshold=threshold)
    seconds = time.perf_counter() - begun
    result: dict[str, Any] = {
        "items": len(vectors),
        "seconds": round(seconds, 2),
        "processor seconds": round(time.process_time() - cpu, 2),
        "of which groups": round(time.perf_counter() - after_graph, 3),
        "planted pairs found": planted_recall(ours, planted),
    }
    size = min(len(vectors), options.peer_limit)
    import hdbscan

    part = vectors[:size].astype(np.float64)
    ours_cpu = result["processor seconds"]
    begun, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = hdbscan.HDBSCAN(min_cluster_size=2, min_samples=1, core_dist_n_jobs=1).fit(part).labels_
    result["hdbscan items"] = size
    result["hdbscan seconds"] = round(time.perf_counter() - begun, 2)
    result["hdbscan processor seconds"] = round(time.process_time() - cpu, 2)
    mine = (
        ours
        if size == len(vectors)
        else cluster_edges(size, exact_graph(vectors[:size], 32), threshold=threshold)
    )
    result["times faster"] = round(result["hdbscan seconds"] / seconds * (len(vectors) / size) ** 2, 1)
    # On a busy machine the clock on the wall says little; hdbscan is single-threaded here, ours uses what it is given.
    result["times faster in processor seconds"] = round(
        result["hdbscan processor seconds"] / ours_cpu * (len(vectors) / size) ** 2, 1
    )
    result["items in a group of both"] = int(((mine >= 0) & (theirs >= 0)).sum())
    result["adjusted Rand index"] = agreement(mine, theirs)
    return result


def planted_edges(n: int, k: int, seed: int) -> tuple[Edges, np.ndarray]:
    """Return a planted graph of about n x k / 2 edges above 0.9, and the group of every item.

    Groups have 1 to 40 members; a member has up to k - 2 edges inside it and two to any other item, weaker.
    """
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 41, n // 15)
    group = np.repeat(np.arange(len(sizes)), sizes)[:n]
    n = len(group)
    starts = np.searchsorted(group, np.arange(len(sizes)))
    width = np.append(starts[1:], n) - starts
    low, high, similarity = [], [], []
    for column in range(k):
        own = np.arange(n)
        if column < k - 2:
            other = starts[group] + (rng.random(n) * width[group]).astype(np.int64)
            value = rng.uniform(0.95, 0.999, n)
        else:
            other = rng.integers(0, n, n)
            value = rng.uniform(0.70, 0.905, n)
        strong = (value >= 0.9) & (own != other)
        low.append(np.minimum(own, other)[strong])
        high.append(np.maximum(own, other)[strong])
        similarity.append(value[strong].astype(np.float32))
    return unique_edges(np.concatenate(low), np.concatenate(high), np.concatenate(similarity)), group


def sparse(options: argparse.Namespace) -> dict[str, Any]:
    """Ours against fast_hdbscan's precomputed path on a sparse graph; `hdbscan` on a smaller one says who is right."""
    edges, group = planted_edges(options.sparse, 16, 1)
    n = len(group)
    begun, cpu = time.perf_counter(), time.process_time()
    ours = cluster_edges(n, edges, threshold=0.9, epsilon=0.93)
    result: dict[str, Any] = {
        "items": n,
        "edges": len(edges),
        "seconds": round(time.perf_counter() - begun, 2),
        "processor seconds": round(time.process_time() - cpu, 2),
        "planted pairs found": planted_recall(ours, group),
    }
    plain = cluster_edges(n, edges, threshold=0.9)
    result["groups"] = len(np.unique(plain[plain >= 0]))
    for items in (options.sparse, options.sparse // 10):
        result |= against_fast_hdbscan(items, options.minutes)
    return result | against_dense(options.referee, options.minutes)


def against_fast_hdbscan(items: int, minutes: float) -> dict[str, Any]:
    """Return the times of ours and theirs on one planted graph, and how far the groups agree."""
    edges, group = planted_edges(items, 16, 1)
    begun, cpu = time.perf_counter(), time.process_time()
    ours = cluster_edges(len(group), edges, threshold=0.9)
    found: dict[str, Any] = {
        "ours, seconds": round(time.perf_counter() - begun, 2),
        "ours, processor seconds": round(time.process_time() - cpu, 2),
    }
    theirs = fast_hdbscan_apart(len(group), edges, minutes)
    if isinstance(theirs, str):
        found["fast_hdbscan"] = theirs
    else:
        labels, seconds, processor = theirs
        found["fast_hdbscan, seconds"] = round(seconds, 2)
        found["fast_hdbscan, processor seconds"] = round(processor, 2)
        found["adjusted Rand index"] = agreement(ours, labels)
    return {f"{len(group)} items: {name}": value for name, value in found.items()}


def against_dense(items: int, minutes: float) -> dict[str, Any]:
    """Return how far ours and fast_hdbscan agree with `hdbscan` on the matrix of all distances of a small graph."""
    import hdbscan

    edges, group = planted_edges(items, 16, 1)
    n = len(group)
    # Far beyond every edge, as fast_hdbscan's bridges are.
    matrix = np.full((n, n), 1e6)
    matrix[edges.i, edges.j] = matrix[edges.j, edges.i] = lengths(edges)
    np.fill_diagonal(matrix, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = {"metric": "precomputed", "min_cluster_size": 2, "min_samples": 1}
        dense = hdbscan.HDBSCAN(**chosen).fit(matrix).labels_
    ours = cluster_edges(n, edges, threshold=0.9)
    theirs = fast_hdbscan_apart(n, edges, minutes)
    found: dict[str, Any] = {
        "groups of ours and hdbscan, adjusted Rand index": agreement(ours, dense),
        "left out by ours, by hdbscan": f"{(ours < 0).sum()}, {(dense < 0).sum()}",
    }
    if not isinstance(theirs, str):
        found["groups of fast_hdbscan and hdbscan, adjusted Rand index"] = agreement(theirs[0], dense)
        found["left out by fast_hdbscan"] = int((theirs[0] < 0).sum())
    return {f"{n} items, dense: {name}": value for name, value in found.items()}


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Return the adjusted Rand index on the items that both put into a group."""
    from sklearn.metrics import adjusted_rand_score

    both = (one >= 0) & (other >= 0)
    return float(adjusted_rand_score(one[both], other[both]))


def lengths(edges: Edges) -> np.ndarray:
    """Return the distances of edges as our groups see them, float64 [m]."""
    return np.maximum(distances(edges.similarity), NEAREST)


def fast_hdbscan_apart(n: int, edges: Edges, minutes: float) -> tuple[np.ndarray, float, float] | str:
    """Return (labels, seconds, processor seconds) of fast_hdbscan in a process of its own, or why there are none."""
    if importlib.util.find_spec("fast_hdbscan") is None:
        return "not installed"
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=fast_hdbscan, args=(theirs, n, edges.i, edges.j, lengths(edges)))
    # It recurses into its tree: with the usual stack of 8 MiB it dies of a million items.
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))
    process.start()
    resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))
    theirs.close()
    try:
        if not mine.poll(minutes * 60):
            return f"not done after {minutes:g} minutes"
        found: tuple[np.ndarray, float, float] = mine.recv()
        return found
    except EOFError:
        process.join()
        return f"ended without an answer, exit code {process.exitcode}"
    finally:
        process.kill()
        process.join()


def fast_hdbscan(answer: Any, n: int, i: np.ndarray, j: np.ndarray, length: np.ndarray) -> None:
    """Send what fast_hdbscan finds and how long it took, its compilation apart."""
    from fast_hdbscan import HDBSCAN
    from scipy.sparse import csr_matrix

    graph = csr_matrix((length, (i, j)), shape=(n, n))
    graph = graph + graph.T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Compiled at its first call.
        HDBSCAN(metric="precomputed", min_cluster_size=2, min_samples=1).fit(graph[:2000, :2000])
        begun, cpu = time.perf_counter(), time.process_time()
        labels = HDBSCAN(metric="precomputed", min_cluster_size=2, min_samples=1).fit(graph).labels_
    answer.send((labels, time.perf_counter() - begun, time.process_time() - cpu))


def large(options: argparse.Namespace) -> dict[str, Any]:
    """Ours alone at full size."""
    edges, group = planted_edges(options.large, 16, 2)
    begun, cpu = time.perf_counter(), time.process_time()
    ours = cluster_edges(len(group), edges, threshold=0.9, epsilon=0.93)
    return {
        "items": len(group),
        "edges": len(edges),
        "seconds": round(time.perf_counter() - begun, 1),
        "processor seconds": round(time.process_time() - cpu, 1),
        "peak GiB with the making of the edges": round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2
        ),
        "planted pairs found": planted_recall(ours, group),
    }


def chains(_: argparse.Namespace) -> dict[str, Any]:
    """Chains of vectors whose links are copies, by a cosine of 0.95, and whose ends are far apart, as the stage goes.

    A member is a copy of the kept one, or of one that is: no two members are further apart than four links may be.
    """
    rng = np.random.default_rng(3)
    vectors = []
    for _number in range(300):
        a, b = np.linalg.qr(rng.normal(size=(64, 2)))[0].T
        angles = np.cumsum(rng.uniform(0.2, 0.3, 10))
        vectors.append(np.cos(angles)[:, None] * a + np.sin(angles)[:, None] * b)
    found = np.concatenate(vectors).astype(np.float32)
    inner = found @ found.T
    i, j = np.nonzero(np.triu(inner >= LINK, 1))
    confirmed = Verified(i, j, np.ones(len(i), dtype=bool), inner[i, j])
    cluster = cluster_verified(len(found), confirmed, DedupeSettings())
    pairs = list(zip(i.tolist(), j.tolist(), strict=True))
    ties: dict[int, list[int]] = {}
    for a, b in pairs:
        ties.setdefault(a, []).append(b)
        ties.setdefault(b, []).append(a)
    label = np.full(len(found), -1, dtype=np.int64)

    class First:
        """Keeps the first row: which copy stays is not what is measured here."""

        def choose(self, rows: Sequence[int]) -> list[int]:
            return [min(rows)]

        def reasons(self, kept: int, rows: Sequence[int]) -> dict[int, Reason]:
            return {}

    def verdict(kept: int, row: int) -> str:
        return SAME if inner[kept, row] >= LINK else DIFFERENT

    judges = Judges(verdict, First(), support=ties, linked=ties)

    for name in np.unique(cluster[cluster >= 0]):
        members = np.flatnonzero(cluster == name).tolist()
        mine = [pair for pair in pairs if cluster[pair[0]] == name == cluster[pair[1]]]
        for versions in split_cluster(members, mine, judges):
            for artwork in versions.artworks:
                label[artwork.rows] = artwork.kept
    ends = np.arange(300) * 10
    names = [name for name in np.unique(label[label >= 0]) if (label == name).sum() > 1]
    lowest = min(float((found[label == name] @ found[label == name].T).min()) for name in names)
    whole = components(len(found), Edges(i, j, inner[i, j]))
    return {
        "chains": 300,
        "in one component": int((whole[ends] == whole[ends + 9]).sum()),
        "ends in one group": int(((label[ends] == label[ends + 9]) & (label[ends] >= 0)).sum()),
        "groups": len(names),
        "lowest inner similarity": round(lowest, 4),
        "floor": round(float(np.cos(4 * np.arccos(LINK))), 4),
    }


def planted_recall(found: np.ndarray, group: np.ndarray) -> float:
    """Return the share of planted pairs (all pairs of a group) that share a found group."""
    known = group >= 0
    group, found = group[known], found[known]
    sizes = np.bincount(group)
    total = float((sizes * (sizes - 1) / 2).sum())
    inside = found >= 0
    _, counts = np.unique(np.stack([group[inside], found[inside]]), axis=1, return_counts=True)
    return round(float((counts * (counts - 1) / 2).sum()) / max(total, 1.0), 5)


PARTS = {"small": small, "sparse": sparse, "large": large, "chains": chains}


if __name__ == "__main__":
    main()
