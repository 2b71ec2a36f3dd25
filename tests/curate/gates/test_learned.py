"""A learned gate: an attribute that reviewers answer, labels that are calibrated on them, a condition on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from curate.gates.evaluate import evaluate
from curate.gates.stage import run_gates
from curate.why import gate_lines
from index.neighbours.graph import run_index
from index.reviews.open import open_log
from index.store import Store
from label.stage import run_label
from schema.ids import content_id
from schema.records import Decision
from schema.settings import Settings

VOCABULARY = (
    '[wanted]\ntitle = "Wanted"\nkind = "single-label"\nabout = "Belongs into the data set."\n'
    "[wanted.values.yes]\n[wanted.values.no]\n"
)
N, ANSWERED = 400, 90


@pytest.fixture
def wanted(
    store: Store, add_items: Callable[..., None], add_vectors: Callable[..., None]
) -> npt.NDArray[np.bool_]:
    """Items in two clumps, wanted and not; reviewers have answered some of them."""
    rng = np.random.default_rng(4)
    truth = rng.random(N) < 0.6
    centres = rng.standard_normal((2, 16))
    data = centres[truth.astype(int)] + 0.8 * rng.standard_normal((N, 16))
    add_items(store, N)
    add_vectors(store, np.arange(N), (data / np.linalg.norm(data, axis=1, keepdims=True)).astype(np.float16))
    log = open_log(store)
    log.append(
        [
            Decision(row, content_id(str(row).encode()), "label", "wanted", "yes" if truth[row] else "no")
            for row in range(ANSWERED)
        ],
        "Ann",
    )
    log.close()
    return truth


def test_what_reviewers_answered_is_learned_and_the_doubtful_are_held_back(
    store: Store, wanted: npt.NDArray[np.bool_], settings_of: Callable[..., Settings], tmp_path: Path
) -> None:
    (tmp_path / "vocabulary.toml").write_text(VOCABULARY, encoding="utf-8")
    settings = settings_of(
        f"[tags]\nvocabulary = '{tmp_path / 'vocabulary.toml'}'\n[label]\nprecision = 0.9\nmin_support = 5\n"
        "[[gate]]\nname = 'not wanted'\nwhere = \"wanted = 'no'\"\nunknown = 'review'\n"
    )
    run_index(store, settings)
    run_label(store, settings)
    run_gates(store, settings)
    (act,) = evaluate(store, settings.gate, settings.tags.vocabulary)
    dropped, held = act.with_outcome("drop"), act.with_outcome("review")
    fresh = dropped[dropped >= ANSWERED]
    assert set(np.flatnonzero(~wanted[:ANSWERED])) <= set(dropped.tolist())  # what people said stands
    assert len(fresh) > 60
    assert (~wanted[fresh]).mean() >= 0.85
    passing = np.setdiff1d(np.arange(ANSWERED, N), act.rows)
    assert wanted[passing].mean() >= 0.85
    assert len(dropped) + len(held) + len(np.setdiff1d(np.arange(N), act.rows)) == N
    assert "Gate not wanted: out; wanted no" in gate_lines(store, settings, int(fresh[0]))[0]
