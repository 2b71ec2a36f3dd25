"""What every section of the settings is: frozen, without unknown keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """Base of all sections: unknown keys are refused, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class PluginSection(Section):
    """Base of sections whose plug-ins have tables of their own: ``[encoder.timm]`` is kept for the encoder timm."""

    plugins: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Options of plug-ins, by their name."
    )

    @model_validator(mode="before")
    @classmethod
    def _set_apart(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        tables = {
            name: value
            for name, value in given.items()
            if isinstance(value, dict) and name not in cls.model_fields
        }
        if not tables:
            return given
        kept = {name: value for name, value in given.items() if name not in tables}
        return {**kept, "plugins": {**given.get("plugins", {}), **tables}}
