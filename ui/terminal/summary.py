"""What a run prints: one line in words for each stage as it ends, what became of all files, and what to do next."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schema.arrays import Rows
from schema.records import Summary
from ui.flow import STAGES
from ui.terminal.tables import clean, counts_line, seconds, table
from ui.wording import counted

if TYPE_CHECKING:
    from index.store import Store

AVATARS_ALONE = (
    "The vectors come from the bundled encoder, which was trained on drawn avatars and knows little else.\n"
    "If your pictures are others, labels and searches get much better with a model for them, such as"
)
REAL_MODEL = ("--set", "encoder.model=ViT-B-16-SigLIP2", "--set", "encoder.pretrained=webli")
LISTED = 12
"""Warnings and kinds of failure that are printed in full; the rest is counted."""


def show(summary: Summary, verbose: bool = False) -> None:
    """Print what one stage did."""
    print(summary_text(summary, verbose), flush=True)


def summary_text(summary: Summary, verbose: bool = False) -> str:
    """Return the line of a stage, its warnings and failures; with ``verbose`` all its counts and notes, too."""
    lines = [stage_line(summary), *_bullets(summary.warnings, LISTED)]
    for grid in summary.tables:
        lines += [" " * 9 + grid.title] if grid.title else []
        lines += [" " * 9 + line for line in table(grid.headings, grid.rows).splitlines()]
    if verbose:
        counts = counts_line(summary.counts)
        lines += _bullets([*([counts] if counts else []), *summary.notes], None)
    if summary.failures:
        worst = sorted(summary.failures.items(), key=lambda pair: -pair[1])
        shown = worst if verbose else worst[:LISTED]
        lines += [
            " " * 9 + line for line in table(["count", "reason"], ((n, r) for r, n in shown)).split("\n")
        ]
        if len(worst) > len(shown):
            lines.append(
                f"         and {counted(len(worst) - len(shown), 'more reason|more reasons')}: --verbose"
            )
    return "\n".join(lines)


def stage_line(summary: Summary) -> str:
    """Return one line that says what a stage did: 'index    285 vectors in the graph, 12 new  (0.5 s)'."""
    if summary.skipped:
        return f"{summary.stage:<8} up to date"
    return f"{summary.stage:<8} {numbers_line(summary.stage, summary.counts)}  ({seconds(summary.seconds)})"


def numbers_line(name: str, counts: Mapping[str, Any]) -> str:
    """Return the numbers that matter of a stage in words; zeros are left out, and all counts of other stages shown."""
    wanted = next((stage.numbers for stage in STAGES if stage.name == name), ())
    if not wanted:
        return counts_line(counts) or "nothing to do"
    found = [(number_of(counts, count), words) for count, words in wanted]
    said = [counted(number, words) for number, words in found if number]
    return ", ".join(said) or "nothing new"


def number_of(counts: Mapping[str, Any], name: str) -> int | float:
    """Return a count by its name; '* stated' adds up the counts of all attributes that end so."""
    if not name.startswith("*"):
        number: int | float = counts.get(name, 0)
        return number
    ending = name[1:]
    return sum(v for n, v in counts.items() if n.endswith(ending) and isinstance(v, int | float))


def _bullets(notes: Sequence[str], most: int | None) -> list[str]:
    width = min(shutil.get_terminal_size((110, 24)).columns, 110) - 9
    lines = []
    for note in notes[:most]:
        wrapped = textwrap.wrap(f"- {clean(note)}", width, subsequent_indent="  ")
        lines += [" " * 9 + line for line in wrapped]
    if most is not None and len(notes) > most:
        lines.append(f"         and {counted(len(notes) - most, 'more note|more notes')}: --verbose")
    return lines


@dataclass(frozen=True, slots=True)
class Funnel:
    """What became of all that was listed, in numbers that add up.

    ``files`` = ``pictures`` + ``texts`` + ``copies`` + ``refused``; of pictures and texts, ``exported`` are left when
    those are out that were set aside as copies, show several characters, or both; or, where there is a selection,
    those that it holds.
    """

    files: int
    pictures: int
    texts: int
    copies: int
    refused: int
    set_aside: int
    several: int
    both: int
    selected: int | None = None

    @property
    def exported(self) -> int:
        """Items that an export writes."""
        if self.selected is not None:
            return self.selected
        return self.pictures + self.texts - self.set_aside - self.several + self.both


def funnel(store: Store) -> Funnel:
    """Count what became of all files; the counting is done by the store."""
    import numpy as np

    def rows(table: str, where: str) -> Rows:
        none = np.empty(0, np.int64)
        return np.concatenate([none, *(b.column(0).to_numpy() for b in store.scan(table, ["row"], where))])

    pictures, texts = (store.count("items", f"status = '{status}'") for status in ("ok", "text"))
    refused, copies = rows("items", "status = 'failed'"), store.count("copies")
    set_aside = rows("groups", "keep = false") if store.has("groups") else refused[:0]
    several = rows("labels", "ambiguous") if store.has("labels") else refused[:0]
    several = np.setdiff1d(several, refused, assume_unique=True)
    both = len(np.intersect1d(set_aside, several, assume_unique=True))
    files = pictures + texts + copies + len(refused)
    selected = store.count("selection", "selected") if store.has("selection") else None
    return Funnel(files, pictures, texts, copies, len(refused), len(set_aside), len(several), both, selected)


def funnel_text(found: Funnel) -> str:
    """Return the funnel in two sentences."""
    came = [counted(found.pictures, "distinct picture|distinct pictures")]
    came += [counted(found.texts, "text without a picture|texts without a picture")] if found.texts else []
    came += [counted(found.copies, "exact copy|exact copies")] if found.copies else []
    came += [counted(found.refused, "refused")] if found.refused else []
    lines = [f"{counted(found.files, 'file|files')}: {', '.join(came)}."]
    out = [counted(found.set_aside, "copy set aside|copies set aside")] if found.set_aside else []
    out += (
        [counted(found.several, "shows several characters|show several characters")] if found.several else []
    )
    out += [f"{counted(found.both, 'is both|are both')}"] if found.both else []
    if found.selected is not None:
        lines.append(f"{counted(found.selected, 'item is selected|items are selected')} for the export.")
        return "\n".join(lines)
    left = counted(found.exported, "item is exported|items are exported")
    lines.append(f"{left} as it stands" + (f": {', '.join(out)}." if out else "."))
    return "\n".join(lines)


def conclusion(store: Store, given: str) -> str:
    """Return what ends a run: the funnel, the measured quality, and the next commands; ``given`` names the store."""
    from ui.terminal.quality import quality_text

    found = funnel(store)
    parts = ["\n" + funnel_text(found)]
    quality = quality_text(store)
    parts += ["\n" + quality] if quality else []
    steps = [("correct labels and duplicates in a browser", command("review", "--store", given))]
    if found.refused:
        steps.append(("see why files were refused", command("status", "--store", given)))
    steps.append(("write the data set", command("export", "OUT", "--store", given)))
    if knows_avatars_alone(store):
        parts.append(f"\n{AVATARS_ALONE}\n  {command('run', '--store', given, *REAL_MODEL)}")
    parts.append("\nNext")
    parts += [f"  {words:<{max(len(w) for _, w in steps)}}  {what}" for what, words in steps]
    return "\n".join(parts)


def knows_avatars_alone(store: Store) -> bool:
    """Tell whether the vectors come from the bundled encoder, which the demo and the tests need no download for."""
    from index.store.runs import Runs

    last = Runs(store).last("embed")
    chosen = last["settings"] if last else {}
    return chosen.get("kind") == "open_clip" and chosen.get("pretrained") == "bundled"


def command(*words: str) -> str:
    """Return a command line that works in the shell this process was started from."""
    return shlex.join([*program(), *words])


def program() -> list[str]:
    """Return how to start Likeness again: by its name where that finds this very program, else by its path."""
    started = Path(sys.argv[0])
    if started.name != "likeness":
        return ["likeness"]
    known = shutil.which("likeness")
    if known and Path(known).resolve() == started.resolve():
        return ["likeness"]
    path = started.resolve()
    return [str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)]
