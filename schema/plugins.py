"""Plug-ins: a table of NAME -> "module:Class" where the seam is, and what other packages bring.

A name is sought in the table of the seam, then among the entry points of installed packages; ``package.module:Class``
names a class directly. What it names is imported when it is asked for, and not before.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from schema.errors import LikenessError, SettingsError
from schema.near import did_you_mean
from schema.setting_text import explain

_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


class Options(BaseModel):
    """Base of the options of a plug-in: unknown keys are refused, values do not change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), coerce_numbers_to_str=True
    )


@dataclass(frozen=True, slots=True)
class Seam:
    """A place where plug-ins fit.

    ``what`` and ``setting`` say in errors what was sought and where it was named; ``group`` is the group of entry
    points in which other packages list theirs; every plug-in is a ``base``. ``besides`` is a further name that the
    caller understands.
    """

    table: Mapping[str, str]
    what: str
    setting: str
    group: str
    base: type
    error: type[LikenessError] = SettingsError
    besides: str = ""

    @property
    def names(self) -> list[str]:
        """The names that there are: of the table, and of installed packages."""
        return list(dict.fromkeys([*self.table, *sorted(self._entry_points())]))

    def load(self, name: str) -> Any:
        """Return the class of that name; its heavy imports happen now.

        Raises ``error`` that guesses what was meant and lists the names, or says why a class cannot be used.
        """
        path = self.table.get(name)
        if path is None:
            path = self._entry_points().get(name) or (name if _PATH.fullmatch(name) else None)
            if path is None:
                names = ", ".join([self.besides] * bool(self.besides) + self.names)
                raise self.error(
                    f"there is no {self.what} {name!r}{did_you_mean(name, self.names)}",
                    f"{self.setting} takes: {names}, or package.module:Class",
                )
        found = self._imported(name, path)
        if not isinstance(found, type) or not issubclass(found, self.base):
            raise self.error(
                f"{path} is not a {self.what}", f"It must be a class derived from {self.base.__name__}."
            )
        if missing := sorted(getattr(found, "__abstractmethods__", ())):
            raise self.error(f"{path} lacks {', '.join(missing)}")
        return found

    def check(self, tables: Mapping[str, Mapping[str, Any]], chosen: Iterable[str] = ()) -> None:
        """Raise SettingsError for a table of the settings that belongs to no plug-in, or does not fit its own.

        ``chosen`` names the plug-ins that are used, which may be classes named by their paths.
        """
        section = self.setting.partition(".")[0]
        keys = {name: name for name in self.names} | {_key(self.load(name), name): name for name in chosen}
        for name in tables:
            if name not in keys:
                raise SettingsError(
                    f"unknown setting {section}.{name}{did_you_mean(name, keys)}",
                    f"Tables of {section}: {', '.join(keys)}",
                )
            options_of(self.load(keys[name]), tables, keys[name], section)

    def _entry_points(self) -> dict[str, str]:
        return {point.name: point.value for point in metadata.entry_points(group=self.group)}

    def _imported(self, name: str, path: str) -> Any:
        module, _, entry = path.partition(":")
        try:
            return getattr(importlib.import_module(module), entry)
        except LikenessError:
            raise
        except (ImportError, AttributeError) as error:
            if name in self.table:
                raise
            raise self.error(
                f"the {self.what} {name!r} cannot be imported: {error}",
                f"{self.setting} takes a class as package.module:Class; the package must be installed.",
            ) from error


def options_of(plugin: type, tables: Mapping[str, Mapping[str, Any]], name: str, section: str) -> Any:
    """Return the options of a plug-in from its table in the settings, ``[section.name]``; its defaults without one.

    A class that is named by its path has its table under its ``name``, or that of the class. Raises SettingsError that
    names the unknown key or bad value, and what is allowed.
    """
    model: type[BaseModel] = getattr(plugin, "Options", Options)
    key = _key(plugin, name)
    try:
        return model.model_validate(dict(tables.get(key, {})))
    except ValidationError as error:
        raise SettingsError(explain(error, model, f"{section}.{key}")) from error


def _key(plugin: type, name: str) -> str:
    own = getattr(plugin, "name", "")
    return own if isinstance(own, str) and own else name.rpartition(":")[2]


def plugin(table: Mapping[str, str], name: str, what: str, setting: str) -> Any:
    """Return the class of the entry ``name`` of a table that is ours alone; its heavy imports happen now.

    Raises SettingsError for a name that is not in the table, with the nearest and all that ``setting`` takes.
    """
    if name not in table:
        guess = did_you_mean(name, table)
        raise SettingsError(f"there is no {what} {name!r}{guess}", f"{setting} takes: {', '.join(table)}")
    module, _, entry = table[name].partition(":")
    return getattr(importlib.import_module(module), entry)
