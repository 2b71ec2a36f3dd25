"""Which open_clip model the settings mean: bundled, a local file or folder, a name and tag, or a hub id.

Finding out loads neither torch nor open_clip, so the key of a run's vectors is known before any model is built.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from schema.errors import EncoderError, MissingExtra
from schema.settings import EncoderSettings

PRETRAINED = Path(__file__).resolve().parents[1] / "pretrained"
WEIGHTS = (".safetensors", ".pt", ".pth", ".bin")
CONFIG = "open_clip_config.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model and its weights: ``config`` and ``weights`` are files for 'files', ``model`` a name for the others.

    'random' is a model of open_clip with seeded random weights, good for measuring speed and for nothing else.
    """

    origin: Literal["files", "tag", "hub", "random"]
    name: str
    model: str = ""
    tag: str = ""
    config: Path | None = None
    weights: Path | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the model lies in files and both its towers are open_clip's own: neither timm nor transformers."""
        if self.config is None:
            return False
        towers = read_config(self.config)["model_cfg"]
        named = [towers.get(name) or {} for name in ("vision_cfg", "text_cfg")]
        return not any(
            key.startswith(("timm_", "hf_")) and value for tower in named for key, value in tower.items()
        )

    def facts(self) -> dict[str, str]:
        """Return what tells these weights from any others: digests of files, else the names."""
        facts = {"model": self.model, "tag": self.tag}
        if self.config is not None:
            facts["config"] = json.dumps(read_config(self.config), sort_keys=True)
            tokens = tokens_file(self.config)
            if tokens is not None:
                facts["tokens"] = file_digest(tokens)
        if self.weights is not None:
            facts["weights"] = file_digest(self.weights)
        return facts


def find_checkpoint(settings: EncoderSettings) -> Checkpoint:
    """Return the checkpoint that encoder.model and encoder.pretrained name.

    Raises EncoderError that lists near matches or says which file is missing.
    """
    model, pretrained = settings.model, settings.pretrained
    if model.startswith("hf-hub:"):
        return Checkpoint("hub", model.removeprefix("hf-hub:").split("/")[-1], model)
    folder = Path(model.removeprefix("local-dir:")).expanduser()
    if model.startswith("local-dir:") or (folder.is_dir() and (folder / CONFIG).is_file()):
        return _folder(folder)
    weights = _weights_file(pretrained)
    own = PRETRAINED / f"{model}.json"
    config: Path | None = None
    if model.endswith(".json"):
        config = folder
        if not config.is_file():
            raise EncoderError(f"encoder.model names a configuration that does not exist: {config}")
    elif own.is_file():
        # What `likeness finetune` writes carries its configuration beside it.
        config = _beside(weights) if weights is not None else None
        config = config or own
    if config is not None:
        if weights is None:
            if pretrained == "random":
                return Checkpoint("random", f"{config.stem}-random", "", "random", config)
            weights = _beside_config(config, pretrained)
        return Checkpoint("files", _name(weights, config), "", "", config, weights)
    known = model_names()
    name = model.replace("/", "-")
    if name not in known:
        config = _beside(weights) if weights is not None else None
        if config is not None:
            return Checkpoint("files", _name(weights, config), "", "", config, weights)
        raise EncoderError(
            f"there is no model {model!r}{_near(model, known)}",
            "encoder.model takes a name of open_clip, hf-hub:OWNER/NAME, a folder with open_clip_config.json, "
            f"or one of: {', '.join(bundled_names()) or 'none bundled'}",
        )
    if pretrained == "random":
        return Checkpoint("random", f"{name}-random", name, "random")
    if weights is not None:
        return Checkpoint("files", f"{name}-{weights.stem}", name, "", None, weights)
    if pretrained in {"", "bundled"}:
        raise EncoderError(
            f"the model {model} is not bundled",
            "Set encoder.pretrained to a tag of open_clip or a local file.",
        )
    return Checkpoint("tag", f"{name}-{pretrained}", name, pretrained)


def bundled_names() -> list[str]:
    """Return the models that come with Likeness."""
    return sorted(path.stem for path in PRETRAINED.glob("*.json") if _sibling(path) is not None)


@lru_cache(maxsize=1)
def model_names() -> tuple[str, ...]:
    """Return the model names open_clip knows, from its files alone."""
    spec = importlib.util.find_spec("open_clip")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("open_clip is not installed", "pip install open_clip_torch")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model_configs"
    return tuple(sorted(path.stem for path in folder.glob("*.json")))


def read_config(path: Path) -> dict[str, Any]:
    """Return a configuration as {'model_cfg', 'preprocess_cfg'}; a bare model configuration is taken as model_cfg.

    Raises EncoderError when the file is not one.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderError(f"cannot read the model configuration {path}: {error}") from error
    if (
        isinstance(data, dict)
        and "model_cfg" not in data
        and {"embed_dim", "vision_cfg", "text_cfg"} <= set(data)
    ):
        extra = data.pop("preprocess_cfg", {})
        data = {"model_cfg": data, "preprocess_cfg": extra}
    if not isinstance(data, dict) or not isinstance(data.get("model_cfg"), dict):
        hint = "It needs model_cfg, or embed_dim, vision_cfg and text_cfg."
        raise EncoderError(f"{path} is not an open_clip configuration", hint)
    return {"model_cfg": data["model_cfg"], "preprocess_cfg": data.get("preprocess_cfg") or {}}


def tokens_file(config: Path) -> Path | None:
    """Return the byte-pair vocabulary a configuration names beside itself, None when it uses CLIP's own.

    Raises EncoderError when it is not there.
    """
    named = (read_config(config)["model_cfg"].get("text_cfg") or {}).get("tokenizer_kwargs") or {}
    if not named.get("bpe_path"):
        return None
    path = config.resolve().parent / str(named["bpe_path"])
    if not path.is_file():
        raise EncoderError(f"{config} names the token file {named['bpe_path']}, which is not beside it")
    return path


def file_digest(path: Path) -> str:
    """Return 32 hex characters of a file's content; read anew only when its size or time changed."""
    try:
        stat = path.stat()
    except OSError as error:
        raise EncoderError(f"cannot read {path}: {error.strerror or error}") from error
    return _digest(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=16)
def _digest(path: str, _size: int, _modified: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _weights_file(pretrained: str) -> Path | None:
    path = Path(pretrained).expanduser()
    if pretrained and path.is_file():
        return path.resolve()
    if path.suffix in WEIGHTS or "/" in pretrained:
        raise EncoderError(f"encoder.pretrained names a file that does not exist: {path}")
    return None


def _folder(folder: Path) -> Checkpoint:
    if not (folder / CONFIG).is_file():
        raise EncoderError(f"the model folder {folder} has no {CONFIG}")
    names = ("open_clip_model", "open_clip_pytorch_model", "model", "pytorch_model")
    found = [folder / (name + suffix) for name in names for suffix in WEIGHTS]
    found += [path for suffix in WEIGHTS for path in sorted(folder.glob(f"*{suffix}"))]
    for path in found:
        if path.is_file():
            return Checkpoint("files", folder.resolve().name, "", "", folder / CONFIG, path)
    hint = f"It needs a file that ends in {', '.join(WEIGHTS)}."
    raise EncoderError(f"the model folder {folder} has no checkpoint", hint)


def _beside(weights: Path) -> Path | None:
    for path in (weights.with_suffix(".json"), weights.parent / CONFIG):
        if path.is_file():
            return path
    return None


def _sibling(config: Path) -> Path | None:
    found = [config.with_suffix(suffix) for suffix in WEIGHTS]
    return next((path for path in found if path.is_file()), None)


def _beside_config(config: Path, pretrained: str) -> Path:
    found = _sibling(config)
    if found is None:
        raise EncoderError(
            f"there are no weights for {config}", "Set encoder.pretrained to a checkpoint file."
        )
    if pretrained not in {"", "bundled"}:
        hint = "encoder.pretrained takes 'bundled' or a checkpoint file."
        raise EncoderError(f"{config.stem} has no weights named {pretrained!r}", hint)
    return found


def _name(weights: Path | None, config: Path) -> str:
    if config.name != CONFIG:
        return config.stem
    return weights.parent.name if weights is not None else config.parent.name


def _near(name: str, known: tuple[str, ...]) -> str:
    lowered = {value.lower(): value for value in (*known, *bundled_names())}
    near = [lowered[value] for value in difflib.get_close_matches(name.lower(), lowered, n=3)]
    return f"; near matches: {', '.join(near)}" if near else ""
