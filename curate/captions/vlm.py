"""Captions by a vision-language model behind an OpenAI-compatible address, cleaned; the raw answer is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from curate.captions.base import Caption, Captioner
from curate.captions.cleaning import EMPTY, REFUSAL, clean_caption
from curate.captions.sayable import Sayable, sayable_of
from curate.models.chat_client import ChatClient, ChatOptions, ChatRequest
from curate.models.chat_pictures import as_jpeg
from index.images.decode import Picture
from index.stages.row_plugin import Batch
from index.store import Store

PROMPT = (
    "Describe this picture of a character in two or three plain sentences for a data set of captions: the character, "
    "hair, eyes, clothes, expression, pose and background. Say only what can be seen. No opinions, no markdown, "
    "no opening words such as 'The image shows'."
)
RETRIED = {REFUSAL, EMPTY}


class VlmOptions(ChatOptions):
    """Options of ``[caption.vlm]``."""

    prompt: str = Field(PROMPT, min_length=1, description="What the model is asked.")
    known: bool = Field(
        False, description="Add the accepted labels to the prompt; other labels are then another prompt."
    )


class VlmCaption(Captioner):
    """A caption in sentences, by a model that sees the picture."""

    name = "vlm"
    reads = "pixels"
    needs_model = True
    flags_recurring = True
    Options: ClassVar[type[ChatOptions]] = VlmOptions
    options: VlmOptions

    @property
    def running(self) -> frozenset[str]:
        """See Captioner."""
        return ChatOptions.RUNNING

    @property
    def side(self) -> int:
        """See RowPlugin."""
        return self.options.side

    @property
    def batch_size(self) -> int:
        """See RowPlugin. So many requests are made of decoded pictures before the next are decoded."""
        return 2 * self.options.concurrency

    def bound(self, store: Store) -> VlmCaption:
        """See Captioner. Labels matter where they are in the prompt, and not otherwise."""
        return super().bound(store) if self.options.known else type(self)(self.settings)

    def load(self) -> None:
        """See RowPlugin."""
        self._client = ChatClient(self.options, "caption.vlm")

    def close(self) -> None:
        """See RowPlugin."""
        if client := getattr(self, "_client", None):
            client.close()

    def finish(self, store: Store) -> list[str]:
        """See Captioner."""
        client = getattr(self, "_client", None)
        return [client.told()] if client else []

    def prepare(self, picture: Picture) -> bytes:
        """Return the picture as the JPEG that is sent."""
        return as_jpeg(picture.image, self.options.side)

    def captions(self, batch: Batch) -> list[Caption]:
        """See Captioner. A refusal or an empty answer is asked for again in other words."""
        items = sayable_of(batch.items)
        requests = [
            ChatRequest(self._prompt(item), item.item_id, picture)
            for item, picture in zip(items, batch.pictures, strict=True)
        ]
        found: list[Caption] = [Caption()] * len(requests)
        waiting = list(enumerate(requests))
        for attempt in range(self.options.tries):
            again = []
            answers = self._client.ask_all(request for _, request in waiting)
            for (place, request), answer in zip(waiting, answers, strict=True):
                if answer.reason is not None:
                    found[place] = Caption(reason=answer.reason)
                    continue
                cleaned = clean_caption(answer.text, answer.cut)
                why = None if cleaned.text else f"no usable answer: {', '.join(cleaned.flags)}"
                found[place] = Caption(cleaned.text, answer.text, cleaned.flags, why)
                if RETRIED & set(cleaned.flags) and attempt + 1 < self.options.tries:
                    again.append(
                        (place, request.after(answer.text[:2000], "Write the caption, and nothing else."))
                    )
            waiting = again
        return found

    def _prompt(self, item: Sayable) -> str:
        if not self.options.known or not item.labels or item.several:
            return self.options.prompt
        return f"{self.options.prompt} This is known of it: {_listed(item.labels)}."

    def identity(self) -> dict[str, str]:
        """See Captioner."""
        digest = hashlib.blake2b(self.options.prompt.encode(), digest_size=8).hexdigest()
        return {"prompt": digest, "background": self.settings.ingest.background.lower()}

    def facts(self) -> dict[str, Any]:
        """See RowPlugin."""
        return {"model": self.options.model, "prompt": self.identity()["prompt"]}


def _listed(labels: Mapping[str, tuple[str, ...]]) -> str:
    return "; ".join(
        f"{name.replace('_', ' ')}: {', '.join(values)}" for name, values in sorted(labels.items())
    )
