"""Any open_clip model as an encoder: image and text tower, in bf16 where the device multiplies it, else in fp32.

Pictures come as uint8 and become floats on the device: a quarter of the bytes cross the bus. On CUDA one batch is
copied and encoded while the vectors of the one before are on their way back.
"""

from __future__ import annotations

import difflib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image

from embed.encoders.base import Batch, Encoder
from embed.encoders.checkpoints import Checkpoint, find_checkpoint, read_config, tokens_file
from embed.encoders.hub import fetching
from embed.encoders.preprocess import Preprocess
from embed.encoders.shipped_prompts import shipped_vectors
from index.images.decode import to_rgb
from index.images.torchvision_ops import import_open_clip
from schema.arrays import Floats32, Pixels
from schema.errors import DownloadError, EncoderError, LikenessError
from schema.settings import Settings

if TYPE_CHECKING:
    import torch

TEXT_BATCH = 256
# Enough work per call to hide its overhead; more only costs cache on a CPU and latency on a GPU.
CPU_BATCH = 32
CUDA_BATCH = 1024


class OpenClip(Encoder):
    """An open_clip model.

    Raises EncoderError for names that do not exist, DownloadError when weights cannot be fetched.
    """

    has_text: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        import torch

        super().__init__(settings)
        chosen = settings.encoder
        self.device = pick_device(chosen.device)
        self.precision = pick_precision(chosen.precision, self.device)
        self._checkpoint = find_checkpoint(chosen)
        self.model, self._tokenizer, open_clip = load_model(self._checkpoint, self.device, self.precision)
        self.model.eval().requires_grad_(False)
        self._dtype = next(self.model.visual.parameters()).dtype
        config = dict(open_clip.get_model_preprocess_cfg(self.model))
        self._preprocess = _preprocess(open_clip, config, settings)
        scale = torch.tensor([255.0 * value for value in config["std"]]).view(1, 3, 1, 1)
        shift = torch.tensor([-mean / std for mean, std in zip(config["mean"], config["std"], strict=True)])
        self._scale, self._shift = (1 / scale).to(self.device), shift.view(1, 3, 1, 1).to(self.device)
        self._batch = chosen.batch or (CUDA_BATCH if self.device.type == "cuda" else CPU_BATCH)
        self._tower: Callable[[torch.Tensor], torch.Tensor] = self.model.encode_image
        self.compiled = chosen.compile
        if chosen.compile:
            self._tower = torch.compile(self.model.encode_image, dynamic=False)
        blank = np.zeros((1, *self.image_size, 3), dtype=np.uint8)
        with torch.inference_mode():
            self._dim = int(self.model.encode_image(self._normalised(torch.from_numpy(blank))).shape[-1])

    @classmethod
    def identity(cls, settings: Settings) -> tuple[str, dict[str, str]]:
        """Return the model's name and what its vectors depend on."""
        checkpoint = find_checkpoint(settings.encoder)
        facts = checkpoint.facts() | {
            "fit": settings.encoder.fit,
            "background": settings.ingest.background.lower(),
        }
        return checkpoint.name, facts

    @property
    def dim(self) -> int:
        """Return the width of the vectors."""
        return self._dim

    @property
    def image_size(self) -> tuple[int, int]:
        """Return (height, width) of a prepared picture."""
        return self._preprocess.height, self._preprocess.width

    @property
    def batch_size(self) -> int:
        """Return how many pictures fit at once; halved whenever the device runs out of memory."""
        return self._batch

    def facts(self) -> dict[str, str]:
        """Return the device and precision."""
        return {"device": str(self.device), "precision": self.precision}

    def shipped_prompts(self) -> Mapping[str, Floats32]:
        """Return the vectors of prompts that lie beside the checkpoint."""
        weights = self._checkpoint.weights
        return shipped_vectors(weights, self._checkpoint.facts()["weights"]) if weights else {}

    @property
    def preprocess(self) -> Preprocess:
        """Return how pictures are made ready."""
        return self._preprocess

    @property
    def preprocessing(self) -> str:
        """Return in words how pictures are made ready."""
        return str(self._preprocess)

    def prepare(self, image: Image.Image) -> Pixels:
        """Return a picture ready for ``encode``: uint8 [height, width, 3]."""
        return self._preprocess(image)

    def buffer(self, count: int) -> Pixels:
        """Return room for prepared pictures, page-locked when the device is CUDA: only then copies overlap."""
        import torch

        pinned = self.device.type == "cuda"
        pixels: Pixels = torch.zeros(
            (count, *self.image_size, 3), dtype=torch.uint8, pin_memory=pinned
        ).numpy()
        return pixels

    def encode(self, batch: Batch) -> Floats32:
        """Return the vectors of prepared pictures, float32 [n, dim]."""
        return self.submit(batch)()

    def submit(self, batch: Batch) -> Callable[[], Floats32]:
        """Start encoding and return a call that waits for the vectors. Memory running out halves the batch."""
        import torch

        images = batch.images
        if images is None:
            raise EncoderError("an open_clip encoder needs pictures")
        if not len(images):
            return lambda: np.empty((0, self.dim), dtype=np.float32)
        parts: list[torch.Tensor] = []
        start = 0
        while start < len(images):
            part = torch.from_numpy(images[start : start + self._batch])
            try:
                with torch.inference_mode(), self._products():
                    parts.append(self._tower(self._normalised(part)).float())
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
        return self._fetch(torch.cat(parts) if len(parts) > 1 else parts[0])

    def encode_texts(self, texts: Sequence[str]) -> Floats32:
        """Return the vectors of texts, float32 [n, dim], unit length."""
        import torch

        parts = [np.empty((0, self.dim), dtype=np.float32)]
        for start in range(0, len(texts), TEXT_BATCH):
            tokens = self._tokenizer(list(texts[start : start + TEXT_BATCH])).to(self.device)
            with torch.inference_mode():
                vectors = torch.nn.functional.normalize(self.model.encode_text(tokens).float(), dim=-1)
            parts.append(vectors.cpu().numpy())
        return np.concatenate(parts)

    @contextmanager
    def _products(self) -> Iterator[None]:
        """Have oneDNN take the float32 products of a CPU, while the tower runs.

        MKL, which torch asks otherwise, leaves half of an AMD processor's AVX-512 unused (ViT-B-32 on a Zen 5 core: 107
        ms a picture, 57 by oneDNN; vectors equal to 1e-6). The switch is named after bf16, which it only takes where
        the processor has AMX: there nothing is changed.
        """
        import torch

        # Torch before 2.9 has no such switch.
        chosen: Any = getattr(torch.backends.mkldnn, "matmul", None)
        plain = self.device.type == "cpu" and self.precision == "fp32" and not self.compiled
        if chosen is None or not plain or has_amx():
            yield
            return
        before = chosen.fp32_precision
        chosen.fp32_precision = "bf16"
        try:
            yield
        finally:
            chosen.fp32_precision = before

    def _normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        """From uint8 [n, h, w, 3] in host memory to the tower's input; (x / 255 - mean) / std as one multiply-add."""
        import torch

        moved = pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        return torch.addcmul(self._shift, moved.float(), self._scale).to(self._dtype)

    def _fetch(self, vectors: torch.Tensor) -> Callable[[], Floats32]:
        if self.device.type != "cuda":
            done: Floats32 = vectors.numpy()
            return lambda: done
        import torch

        host = torch.empty(vectors.shape, dtype=vectors.dtype, pin_memory=True)
        host.copy_(vectors, non_blocking=True)
        event = torch.cuda.Event()
        event.record()

        def wait() -> Floats32:
            event.synchronize()
            result: Floats32 = host.numpy()
            return result

        return wait


def has_amx() -> bool:
    """Tell whether the processor multiplies bf16 tiles; True also where torch cannot say."""
    import torch

    ask = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(ask()) if ask is not None else True


def pick_device(name: str) -> torch.device:
    """Return the torch device of encoder.device; raises EncoderError when it is not there."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise EncoderError(
            f"there is no device {name!r}", "encoder.device takes auto, cpu, cuda or cuda:N."
        ) from error
    if device.type == "cuda" and (
        not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()
    ):
        raise EncoderError(
            f"the device {name} is not available", "Set encoder.device=auto, or install torch for CUDA."
        )
    return device


def has_bf16() -> bool:
    """Tell whether the processor has dot products of bf16 (AVX512-BF16, AMX); False also where torch cannot say."""
    import torch

    ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(ask()) if ask is not None else False


def pick_precision(name: str, device: torch.device) -> str:
    """Return open_clip's word for encoder.precision; bf16 casts every weight, which no norm layer here suffers from."""
    if name == "auto":
        name = "bf16" if device.type == "cuda" or (device.type == "cpu" and has_bf16()) else "fp32"
    return {"fp32": "fp32", "bf16": "pure_bf16", "fp16": "fp16"}[name]


def load_model(
    checkpoint: Checkpoint, device: torch.device, precision: str = "fp32"
) -> tuple[Any, Callable[[list[str]], torch.Tensor], ModuleType]:
    """Return (model, tokenizer, the open_clip module) of a checkpoint.

    Raises DownloadError when weights cannot be fetched, EncoderError when they do not fit the model.
    """
    import torch

    open_clip = import_open_clip(alone=checkpoint.is_plain)
    common = {"device": device, "precision": precision}
    try:
        if checkpoint.config is not None:
            return (*_from_files(open_clip, checkpoint, common), open_clip)
        if checkpoint.origin == "random":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                model = open_clip.create_model(
                    checkpoint.model, pretrained=None, pretrained_text=False, **common
                )
        elif checkpoint.origin == "hub":
            with fetching():
                model = open_clip.create_model(checkpoint.model, require_pretrained=True, **common)
        elif checkpoint.weights is not None:
            model = open_clip.create_model(checkpoint.model, pretrained=str(checkpoint.weights), **common)
        else:
            with fetching():
                model = _from_tag(open_clip, checkpoint, common)
        return model, open_clip.get_tokenizer(checkpoint.model), open_clip
    except LikenessError:
        raise
    except (RuntimeError, OSError, ValueError, KeyError, AttributeError, TypeError, ImportError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        if checkpoint.origin in {"hub", "tag"} and not isinstance(error, ImportError):
            raise DownloadError(
                f"the weights of {checkpoint.model} {checkpoint.tag}".rstrip()
                + f" could not be fetched: {first.partition('. ')[0]}",
                "Without a network, set encoder.pretrained to a local checkpoint file of that model, or encoder.model "
                "to a folder that holds open_clip_config.json and its checkpoint.",
            ) from error
        raise EncoderError(
            f"{checkpoint.weights or checkpoint.model} does not load as {checkpoint.name}: {first}",
            "encoder.model must name the architecture that the checkpoint was trained with.",
        ) from error


def _from_files(
    open_clip: ModuleType, checkpoint: Checkpoint, common: dict[str, Any]
) -> tuple[Any, Callable[[list[str]], torch.Tensor]]:
    """Build from a configuration file: open_clip reads one only under a fixed name in a folder, so it gets a folder."""
    import torch

    assert checkpoint.config is not None
    with tempfile.TemporaryDirectory(prefix="likeness-model-") as name:
        folder = Path(name)
        config = read_config(checkpoint.config)
        tokens = tokens_file(checkpoint.config)
        if tokens is not None:
            # open_clip would look for it in the working directory.
            config["model_cfg"]["text_cfg"]["tokenizer_kwargs"]["bpe_path"] = str(tokens)
        (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
        if checkpoint.weights is not None:
            # The two names open_clip looks for first; it tells the format by the ending.
            safe = checkpoint.weights.suffix == ".safetensors"
            link = folder / ("open_clip_model.safetensors" if safe else "open_clip_pytorch_model.bin")
            link.symlink_to(checkpoint.weights.resolve())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = open_clip.create_model(
                f"local-dir:{folder}",
                pretrained_text=False,
                require_pretrained=checkpoint.weights is not None,
                **common,
            )
        return model, open_clip.get_tokenizer(f"local-dir:{folder}")


def _from_tag(open_clip: ModuleType, checkpoint: Checkpoint, common: dict[str, Any]) -> Any:
    tags = open_clip.list_pretrained_tags_by_model(checkpoint.model)
    if not open_clip.is_pretrained_cfg(checkpoint.model, checkpoint.tag):
        near = difflib.get_close_matches(checkpoint.tag, tags, n=3)
        guess = f"; near matches: {', '.join(near)}" if near else ""
        raise EncoderError(
            f"{checkpoint.model} has no weights named {checkpoint.tag!r}{guess}",
            f"encoder.pretrained takes a checkpoint file or one of: {', '.join(tags) or 'none known'}",
        )
    # A tag trained with the quick GELU gives wrong vectors without it, and open_clip only warns.
    quick = bool(open_clip.get_pretrained_cfg(checkpoint.model, checkpoint.tag).get("quick_gelu", False))
    return open_clip.create_model(
        checkpoint.model, pretrained=checkpoint.tag, require_pretrained=True, force_quick_gelu=quick, **common
    )


def _preprocess(open_clip: ModuleType, config: dict[str, Any], settings: Settings) -> Preprocess:
    size = config["size"]
    height, width = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    bilinear = config.get("interpolation") == "bilinear"
    allowed = {"size", "mean", "std", "interpolation", "resize_mode", "fill_color"}
    chosen = {key: value for key, value in config.items() if key in allowed}
    reference = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(**chosen), is_train=False
    )
    floats = {"MaybeToTensor", "ToTensor", "Normalize"}
    return Preprocess(
        height=height,
        width=width,
        fit=settings.encoder.fit,
        background=to_rgb(settings.ingest.background),
        resample=Image.Resampling.BILINEAR if bilinear else Image.Resampling.BICUBIC,
        own=tuple(step for step in reference.transforms if type(step).__name__ not in floats),
    )
