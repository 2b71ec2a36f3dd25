"""Any image model of timm as an encoder, DINOv2 and its kin among them: by name, hub id, or a folder on this machine.

    [encoder]
    kind = "timm"
    [encoder.timm]
    model = "hf-hub:timm/vit_small_patch14_dinov2.lvd142m"    # or local-dir:FOLDER, or a name of timm with ``weights``
    size = 224

There is no text tower: pictures are found by pictures. The vector is what the model pools before its classifier.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image
from pydantic import Field

from embed.encoders.base import Batch, Encoder
from embed.encoders.checkpoints import WEIGHTS, file_digest
from embed.encoders.hub import fetching
from embed.encoders.open_clip import pick_device, pick_precision
from embed.encoders.preprocess import Preprocess
from index.images.decode import to_rgb
from index.images.torchvision_ops import import_timm
from schema.arrays import Floats32, Pixels
from schema.errors import DownloadError, EncoderError, SettingsError
from schema.plugins import Options
from schema.settings import Settings

if TYPE_CHECKING:
    import torch

CPU_BATCH, CUDA_BATCH = 32, 256
_DTYPES = {"fp32": "float32", "pure_bf16": "bfloat16", "fp16": "float16"}
_FLOATS = {"MaybeToTensor", "ToTensor", "Normalize", "MaybePILToTensor", "PILToTensor"}


class TimmOptions(Options):
    """Options of the encoder timm."""

    model: str = Field("", description="Name of timm, hf-hub:OWNER/NAME, or local-dir:FOLDER.")
    weights: str = Field(
        "",
        description="Checkpoint file for a name of timm; empty: those that timm downloads; 'random': none.",
    )
    size: int = Field(0, ge=0, description="Side of the picture that the model gets; 0 takes its own.")


class Timm(Encoder):
    """An image model of timm. Raises EncoderError for what does not exist, DownloadError for what cannot be fetched."""

    Options: ClassVar[type[Options]] = TimmOptions

    def __init__(self, settings: Settings) -> None:
        import torch

        super().__init__(settings)
        self.device = pick_device(settings.encoder.device)
        self.precision = pick_precision(settings.encoder.precision, self.device)
        timm = import_timm()
        self.model = _load(timm, self.options)
        self._dtype: torch.dtype = getattr(torch, _DTYPES[self.precision])
        self.model.eval().requires_grad_(False).to(self.device, self._dtype)
        config = timm.data.resolve_model_data_config(self.model)
        self.preprocess = _preprocess(timm, config, self.options, settings)
        self._mean = 255 * torch.tensor(config["mean"]).view(1, 3, 1, 1).to(self.device)
        self._std = 255 * torch.tensor(config["std"]).view(1, 3, 1, 1).to(self.device)
        self._batch = settings.encoder.batch or (CUDA_BATCH if self.device.type == "cuda" else CPU_BATCH)
        blank = np.zeros((1, *self.image_size, 3), dtype=np.uint8)
        self._dim = int(self._encoded(blank).shape[-1])

    @classmethod
    def identity(cls, settings: Settings) -> tuple[str, dict[str, str]]:
        """Return the model's name and what its vectors depend on; files by their digests."""
        options = cls.options_of(settings)
        _check(options)
        name = Path(options.model.rpartition(":")[2]).name
        facts = {"model": options.model, "weights": options.weights, "size": str(options.size)}
        for file in _files(options):
            facts[file.name] = file_digest(file)
            # Where the files lie is no matter.
            facts["model"] = name if options.model.startswith("local-dir:") else options.model
            facts["weights"] = ""
        return name, facts | {"fit": settings.encoder.fit, "background": settings.ingest.background.lower()}

    @property
    def dim(self) -> int:
        """Return the width of the vectors."""
        return self._dim

    @property
    def image_size(self) -> tuple[int, int]:
        """Return (height, width) of a prepared picture."""
        return self.preprocess.height, self.preprocess.width

    @property
    def batch_size(self) -> int:
        """Return how many pictures fit at once; halved whenever the device runs out of memory."""
        return self._batch

    @property
    def preprocessing(self) -> str:
        """Return in words how pictures are made ready."""
        return str(self.preprocess)

    def facts(self) -> dict[str, str]:
        """Return the device and precision."""
        return {"device": str(self.device), "precision": self.precision}

    def prepare(self, image: Image.Image) -> Pixels:
        """Return a picture ready for ``encode``: uint8 [height, width, 3]."""
        return self.preprocess(image)

    def encode(self, batch: Batch) -> Floats32:
        """Return the vectors of prepared pictures, float32 [n, dim]. Memory running out halves the batch."""
        import torch

        if batch.images is None:
            raise EncoderError("an encoder of timm needs pictures")
        parts = [np.empty((0, self.dim), dtype=np.float32)]
        start = 0
        while start < len(batch.images):
            part = batch.images[start : start + self._batch]
            try:
                parts.append(self._encoded(part))
            except torch.OutOfMemoryError as error:
                if self._batch == 1:
                    raise EncoderError(
                        "not even one picture fits in the device's memory",
                        "Choose a smaller model or another device.",
                    ) from error
                self._batch = (self._batch + 1) // 2
                torch.cuda.empty_cache()
                continue
            start += len(part)
        return np.concatenate(parts)

    def _encoded(self, images: Pixels) -> Floats32:
        import torch

        with torch.inference_mode():
            pixels = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).float()
            vectors = self.model(((pixels - self._mean) / self._std).to(self._dtype))
        if vectors.ndim != 2:
            raise EncoderError(f"the model gives {vectors.ndim - 1} axes for a picture, not one vector")
        found: Floats32 = vectors.float().cpu().numpy()
        return found


def _check(options: TimmOptions) -> None:
    if not options.model:
        raise SettingsError(
            "encoder.timm.model is not set", "It takes a name of timm, hf-hub:OWNER/NAME or local-dir:FOLDER."
        )
    if options.model.startswith("local-dir:") and not (_folder(options) / "config.json").is_file():
        raise EncoderError(
            f"the model folder {_folder(options)} has no config.json",
            "encoder.timm.model takes a folder as timm saves it: config.json and the weights.",
        )
    if options.weights not in ("", "random") and not Path(options.weights).expanduser().is_file():
        raise EncoderError(f"encoder.timm.weights names a file that does not exist: {options.weights}")


def _folder(options: TimmOptions) -> Path:
    return Path(options.model.removeprefix("local-dir:")).expanduser()


def _files(options: TimmOptions) -> list[Path]:
    """Return the files on this machine that the model is made from."""
    if options.model.startswith("local-dir:"):
        inside = sorted(_folder(options).iterdir())
        return [path for path in inside if path.name == "config.json" or path.suffix in WEIGHTS]
    return [Path(options.weights).expanduser()] if options.weights not in ("", "random") else []


def _load(timm: Any, options: TimmOptions) -> Any:
    import torch

    _check(options)
    arguments: dict[str, Any] = {"pretrained": not options.weights, "num_classes": 0}
    if options.weights not in ("", "random"):
        arguments["checkpoint_path"] = str(Path(options.weights).expanduser())
    sized = arguments | ({"img_size": options.size} if options.size else {})
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            try:
                with fetching():
                    return timm.create_model(options.model, **sized)
            except TypeError:
                # Convolutions take any size, and no argument for it.
                with fetching():
                    return timm.create_model(options.model, **arguments)
    except (RuntimeError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        message = f"timm does not load {options.model}: {line}"
        if options.model.startswith("hf-hub:"):
            raise DownloadError(message, "Without a network, name a folder: local-dir:FOLDER.") from error
        raise EncoderError(
            message,
            "encoder.timm.model takes a name of timm, hf-hub:OWNER/NAME or local-dir:FOLDER; encoder.timm.weights "
            "a file of weights for that architecture.",
        ) from error


def _preprocess(timm: Any, config: dict[str, Any], options: TimmOptions, settings: Settings) -> Preprocess:
    _, height, width = config["input_size"]
    if options.size:
        height = width = options.size
    steps = timm.data.create_transform(**{**config, "input_size": (3, height, width)}, is_training=False)
    bilinear = config.get("interpolation") == "bilinear"
    return Preprocess(
        height=height,
        width=width,
        fit=settings.encoder.fit,
        background=to_rgb(settings.ingest.background),
        resample=Image.Resampling.BILINEAR if bilinear else Image.Resampling.BICUBIC,
        own=tuple(step for step in steps.transforms if type(step).__name__ not in _FLOATS),
    )
