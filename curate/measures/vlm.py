"""What a vision-language model says of a picture: attributes by the vocabulary, and a judge with a written rubric.

Both ask an OpenAI-compatible server for JSON by a strict schema, and check what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from curate.measures.base import Measure
from curate.models.chat_answers import UNKNOWN, ask_json, vocabulary_schema
from curate.models.chat_client import ChatClient, ChatOptions, ChatRequest
from curate.models.chat_pictures import as_jpeg
from index.images.decode import Picture
from index.stages.row_plugin import Batch, Results
from index.store import Store
from schema.ids import settings_hash
from schema.settings import Settings
from schema.vocabulary import Attribute, load_vocabulary

ATTRIBUTES_PROMPT = (
    "Look at the character in this picture and say which of the allowed values of each attribute it shows. "
    "Answer 'unknown' where it cannot be seen, where there are several characters, or where you are not certain. "
    "Answer with a JSON object with exactly these keys:\n"
)
RUBRIC = """Judge this picture as training data for pictures of characters, from 1 to 5:
1: no character, broken, or nearly nothing to see
2: a character, but badly drawn, cut, covered, or a page of several panels
3: usable: one character, average quality
4: good: one character, clean, well drawn
5: excellent: one character, sharp, whole, without text, frame or watermark
Answer with a JSON object {"score": 1 to 5, "reason": "at most ten words"}."""
JUDGEMENT: Mapping[str, Any] = {
    "type": "object",
    "properties": {"score": {"type": "integer", "enum": [1, 2, 3, 4, 5]}, "reason": {"type": "string"}},
    "required": ["score", "reason"],
    "additionalProperties": False,
}


class ChatMeasure(Measure):
    """A measure that asks a server. A subclass says what: the prompt, the schema, and the columns of an answer."""

    Options: ClassVar[type[ChatOptions]] = ChatOptions
    options: ChatOptions

    @classmethod
    def missing(cls, settings: Settings) -> str:
        """See Measure."""
        options = cls(settings).options
        section = f"measure.{cls.name}"
        named = options.address and options.model
        return "" if named else f"a server: set {section}.address and {section}.model"

    @property
    def key(self) -> str:
        """See Measure. How the server is reached and how often it is asked changes no result."""
        columns = {field.name: str(field.type) for field in self.columns}
        facts = {"name": self.name, "version": self.version, "columns": columns, **self.identity()}
        options = self.options.model_dump(mode="json", exclude=set(ChatOptions.RUNNING))
        return settings_hash(facts | {"options": options, "prompt": self.prompt(), "schema": self.form()})

    def prompt(self) -> str:
        """Return what is asked of every picture."""
        raise NotImplementedError

    def form(self) -> Mapping[str, Any]:
        """Return the JSON Schema of an answer."""
        raise NotImplementedError

    def row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of an answer."""
        raise NotImplementedError

    @property
    def side(self) -> int:
        """See RowPlugin."""
        return self.options.side

    @property
    def batch_size(self) -> int:
        """See RowPlugin."""
        return 2 * self.options.concurrency

    def load(self) -> None:
        """See RowPlugin."""
        self._client = ChatClient(self.options, f"measure.{self.name}")

    def close(self) -> None:
        """See RowPlugin."""
        if client := getattr(self, "_client", None):
            client.close()

    def finish(self, store: Store) -> list[str]:
        """See Measure."""
        client = getattr(self, "_client", None)
        return [client.told()] if client else []

    def facts(self) -> dict[str, Any]:
        """See RowPlugin."""
        return {"model": self.options.model}

    def prepare(self, picture: Picture) -> bytes:
        """Return the picture as the JPEG that is sent."""
        return as_jpeg(picture.image, self.options.side)

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        prompt, form = self.prompt(), self.form()
        ids = batch.items.column("item_id").to_pylist()
        requests = [
            ChatRequest(prompt, item, picture, form)
            for item, picture in zip(ids, batch.pictures, strict=True)
        ]
        answers = ask_json(self._client, requests)
        rows = []
        for parsed, raw, reason in answers:
            flags = [*parsed.flags, *(["wrong values"] if parsed.problem and reason is None else [])]
            own = self.row(parsed.values) if reason is None else {}
            rows.append(own | {f"{self.name}_flags": flags, f"{self.name}_raw": raw})
        columns = {field.name: [row.get(field.name) for row in rows] for field in self.columns}
        return Results(columns, [reason for *_, reason in answers])

    def _common(self) -> tuple[pa.Field, ...]:
        return (
            pa.field(f"{self.name}_flags", pa.list_(pa.string())),
            pa.field(f"{self.name}_raw", pa.string()),
        )


class VlmOptions(ChatOptions):
    """``[measure.vlm]``."""

    attributes: tuple[str, ...] = Field(
        (), description="Attributes that are asked for; empty: all that are seen."
    )
    prompt: str = Field(ATTRIBUTES_PROMPT, description="What is asked; the keys with their values follow it.")


class Vlm(ChatMeasure):
    """A column ``vlm_ATTRIBUTE`` for each attribute, null where the model does not know; no label by itself."""

    name = "vlm"
    gives: ClassVar = {}
    Options: ClassVar[type[ChatOptions]] = VlmOptions
    options: VlmOptions

    @cached_property
    def attributes(self) -> list[Attribute]:
        """The attributes that are asked for; raises VocabularyError for one that there is not."""
        vocabulary = load_vocabulary(self.settings.tags.vocabulary or None)
        names: Sequence[str] = self.options.attributes or vocabulary.names
        return [vocabulary.attribute(name) for name in names]

    @property
    def columns(self) -> tuple[pa.Field, ...]:
        """See RowPlugin."""
        many = {True: pa.list_(pa.string()), False: pa.string()}
        own = [pa.field(f"vlm_{each.name}", many[each.kind == "multi-label"]) for each in self.attributes]
        return (*own, *self._common())

    def prompt(self) -> str:
        """See ChatMeasure."""
        lines = [
            f"{each.name}: {' | '.join([*(value.name for value in each.values), UNKNOWN])}"
            + (" (a list)" if each.kind == "multi-label" else "")
            for each in self.attributes
        ]
        return self.options.prompt + "\n".join(lines)

    def form(self) -> Mapping[str, Any]:
        """See ChatMeasure."""
        return vocabulary_schema(self.attributes)

    def row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """See ChatMeasure."""
        found: dict[str, Any] = {}
        for name, value in values.items():
            if isinstance(value, list):
                value = [each for each in value if each != UNKNOWN] or None
            found[f"vlm_{name}"] = None if value == UNKNOWN else value
        return found


class JudgeOptions(ChatOptions):
    """``[measure.judge]``."""

    rubric: str = Field(RUBRIC, min_length=1, description="What each score from 1 to 5 means.")


class Judge(ChatMeasure):
    """``judge_score`` from 1 to 5 by a written rubric, and ``judge_reason`` in a few words."""

    name = "judge"
    gives: ClassVar = {}
    Options: ClassVar[type[ChatOptions]] = JudgeOptions
    options: JudgeOptions

    @property
    def columns(self) -> tuple[pa.Field, ...]:
        """See RowPlugin."""
        return (
            pa.field("judge_score", pa.int32()), pa.field("judge_reason", pa.string()), *self._common(),
        )  # fmt: skip

    def prompt(self) -> str:
        """See ChatMeasure."""
        return self.options.rubric

    def form(self) -> Mapping[str, Any]:
        """See ChatMeasure."""
        return JUDGEMENT

    def row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """See ChatMeasure."""
        return {"judge_score": values.get("score"), "judge_reason": values.get("reason")}
