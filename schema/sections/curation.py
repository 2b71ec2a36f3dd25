"""The settings of curation: gates, which keep items out of the data set, and the selection among those that pass."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from schema.near import did_you_mean
from schema.sections.base import Section

PROTECTED = "protected"
"""The name of the gate that is always on; no gate of a run takes it, and no review passes it."""


class GateSettings(Section):
    """One gate, a ``[[gate]]`` of the run's file: which items it takes out, flags or holds back, and why."""

    name: str = Field(min_length=1, max_length=80, description="Name of the gate; reviews go by it.")
    where: str = Field(min_length=1, description="Filter that matches the items on which the gate acts.")
    action: Literal["drop", "flag", "review"] = Field(
        "drop", description="drop: out; flag: in, and marked; review: out until a reviewer lets it in."
    )
    reason: str = Field("", max_length=300, description="Why, in words, for whoever looks an item up.")
    unknown: Literal["pass", "drop", "review"] = Field(
        "pass", description="What becomes of items for which the condition has no answer."
    )

    @field_validator("name")
    @classmethod
    def _is_plain(cls, name: str) -> str:
        if name != name.strip() or not name.isprintable():
            raise ValueError("a name has no spaces around it and no control characters")
        if name.casefold() in (PROTECTED, "selection"):
            raise ValueError(f"the name {name!r} is taken; choose another one")
        return name

    @property
    def words(self) -> str:
        """The reason, or the condition where none is given."""
        return self.reason or self.where


def check_gates(gates: tuple[GateSettings, ...]) -> tuple[GateSettings, ...]:
    """Return the gates; raises ValueError where two have one name, since reviews and reports go by it."""
    seen: set[str] = set()
    for gate in gates:
        if gate.name.casefold() in seen:
            raise ValueError(f"two gates have the name {gate.name!r}")
        seen.add(gate.name.casefold())
    return gates


class Band(Section):
    """How many items a class gets whose popularity is at least ``least``."""

    least: float = Field(ge=0, description="Least popularity of the classes of this band.")
    items: int = Field(ge=0, description="Items of each of these classes.")


class SelectSettings(Section):
    """What of the items that pass the gates is in the data set."""

    where: str = Field("", description="Filter that candidates match; empty takes all that pass the gates.")
    rank: str = Field(
        "",
        description="Expression of columns, higher is better: 0.7 * percentile(source_score) + ...; empty: random.",
    )
    unranked: Literal["last", "drop"] = Field(
        "last", description="Items whose rank cannot be computed come last, or are left out."
    )
    top: int = Field(0, ge=0, description="Most items; 0: all.")
    order: Literal["rank", "diverse", "typical"] = Field(
        "rank",
        description="rank: best first; diverse: unlike ones first; typical: those that stand for most others first.",
    )
    several: bool = Field(False, description="Pictures of several characters are candidates.")
    by: str = Field("", description="Column whose values are the classes of budget and splits.")
    budget: Literal["none", "equal", "proportional"] = Field(
        "none", description="How top is shared out among classes: by rank alone, equally, by popularity."
    )
    popularity: str = Field(
        "", description="CSV file of class and popularity; empty: how many candidates a class has."
    )
    bands: tuple[Band, ...] = Field(
        (), description="Items by least popularity of a class, in place of shares of the total."
    )
    floor: int = Field(0, ge=0, description="Each class gets at least this many, as far as it has them.")
    cap: int = Field(0, ge=0, description="Each class gets at most this many; 0: no limit.")
    redistribute: bool = Field(True, description="What a class cannot fill goes to the others.")
    unknown: Literal["class", "drop"] = Field(
        "class", description="Items without a value of 'by' are a class of their own, or are left out."
    )
    audit: int = Field(100, ge=0, description="Items of the selection, and of each gate, in an audit.")
    seed: int = Field(0, description="Seed of random order and of the audit's samples.")

    @model_validator(mode="after")
    def _hold_together(self) -> SelectSettings:
        if self.budget != "none" and not self.by:
            raise ValueError(f"budget = {self.budget!r} needs the column of the classes in 'by'")
        if self.budget == "equal" and not (self.top or self.cap):
            raise ValueError("budget = 'equal' needs 'top' or 'cap'")
        if self.bands and self.budget != "proportional":
            raise ValueError("bands go with budget = 'proportional'")
        if self.cap and self.floor > self.cap:
            raise ValueError(f"floor {self.floor} is above cap {self.cap}")
        if self.popularity and self.budget != "proportional":
            raise ValueError("popularity goes with budget = 'proportional'")
        return self


def unknown_gate(name: str, gates: tuple[GateSettings, ...]) -> str:
    """Return what to say of a gate that does not exist."""
    known = [gate.name for gate in gates]
    listed = f"; there are: {', '.join(known)}" if known else "; the settings have no [[gate]]"
    return f"there is no gate {name!r}{did_you_mean(name, known) or listed}"
