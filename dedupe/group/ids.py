"""Names of groups that outlive their members: a group takes over the old name that most of its members had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence


def name_groups(
    groups: Sequence[Sequence[int]], old: Mapping[int, str], item_ids: Mapping[int, str]
) -> list[str]:
    """Return one name per group of rows.

    ``old`` is the name of each row's former group. A former name goes to the group that shares most rows with it;
    a new name comes from the id of the group's first item, so that two runs over the same items agree.
    """
    claims: list[tuple[int, str, int]] = []
    for number, rows in enumerate(groups):
        shared = Counter(old[row] for row in rows if row in old)
        claims.extend((-count, name, number) for name, count in shared.items())
    names: dict[int, str] = {}
    taken: set[str] = set()
    for _, name, number in sorted(claims):
        if number not in names and name not in taken:
            names[number] = name
            taken.add(name)
    for number, rows in enumerate(groups):
        if number in names:
            continue
        for row in sorted(rows):
            name = f"g{item_ids[row][:16]}"
            if name not in taken:
                break
        else:
            name = f"g{item_ids[min(rows)][:16]}-{number}"
        names[number] = name
        taken.add(name)
    return [names[number] for number in range(len(groups))]
