"""Stable group ids: a group takes over the former id that most of its members had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence


def stable_ids(
    groups: Sequence[Sequence[int]], former: Mapping[int, str], item_ids: Mapping[int, str]
) -> list[str]:
    """Return one id per group of rows.

    ``former`` is the id of each row's group in the last run. A former id goes to the group that shares most rows with
    it; a new one is made from the id of the group's first item, so that two runs over the same items agree.
    """
    claims: list[tuple[int, str, int]] = []
    for number, rows in enumerate(groups):
        shared = Counter(former[row] for row in rows if row in former)
        claims.extend((-count, group_id, number) for group_id, count in shared.items())
    ids: dict[int, str] = {}
    taken: set[str] = set()
    for _, group_id, number in sorted(claims):
        if number not in ids and group_id not in taken:
            ids[number] = group_id
            taken.add(group_id)
    for number, rows in enumerate(groups):
        if number in ids:
            continue
        for row in sorted(rows):
            group_id = f"g{item_ids[row][:16]}"
            if group_id not in taken:
                break
        else:
            group_id = f"g{item_ids[min(rows)][:16]}-{number}"
        ids[number] = group_id
        taken.add(group_id)
    return [ids[number] for number in range(len(groups))]
