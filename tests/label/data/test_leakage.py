"""Leakage groups: joined by duplicate groups, identities and copies."""

from __future__ import annotations

import numpy as np

from label.data.leakage import leakage_groups, links_by_key


def test_groups_join_duplicates_and_identities() -> None:
    keys = np.array(["a", "", "a", "b"], object)
    groups = leakage_groups(6, [links_by_key(np.arange(4), keys), (np.array([2]), np.array([5]))])
    assert groups[0] == groups[2] == groups[5] == 0
    assert groups[1] == -1
    assert groups[3] == 3, "a key of one item is a group of one"
    assert groups[4] == -1


def test_without_links_every_item_is_alone() -> None:
    none = np.empty(0, np.int64)
    assert leakage_groups(3, []).tolist() == [-1, -1, -1]
    assert leakage_groups(3, [(none, none)]).tolist() == [-1, -1, -1]
    assert [len(part) for part in links_by_key(none, np.empty(0, object))] == [0, 0]
