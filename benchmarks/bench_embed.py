"""Embedding: the whole stage against the bare encoder, our decoding against a Pillow DataLoader, both in one run.

    python -m benchmarks.bench_embed --out build/embed --images 256 --model ViT-B-32

Writes OUT.json and OUT.md. The clock of the stage covers reading, checking, decoding, preprocessing, encoding and
normalising, not the loading of the model; that of the bare encoder covers prepared uint8 pictures to vectors.
Weights are random: they do not change the speed. Rounds alternate, the median counts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from embed.encoders import Batch
from embed.vectors.encoder_rows import EncoderRows
from embed.vectors.stage import embed_stage
from index.images.torchvision_ops import import_open_clip
from schema.ids import content_id
from schema.settings import Settings, load_settings

FORMATS = (("jpeg", {"quality": 90}), ("png", {}), ("webp", {"quality": 85}))


def main() -> None:
    """Run the rounds and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build/bench_embed", help="where OUT.json and OUT.md go")
    parser.add_argument("--images", type=int, default=256, help="pictures for the encoder")
    parser.add_argument("--large", type=int, default=64, help="JPEGs of 1-2 megapixels for the decoders")
    parser.add_argument("--model", default="ViT-B-32", help="open_clip model, with random weights")
    parser.add_argument(
        "--workers", type=int, default=len(os.sched_getaffinity(0)), help="decoding threads or processes"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], help="section.key=value, as for likeness")
    options = parser.parse_args()
    # The model's own crop, so that all contestants make the same pictures.
    chosen = ["encoder.fit=crop", f"encoder.model={options.model}", "encoder.pretrained=random"]
    chosen.append(f"encoder.workers={options.workers}")
    with tempfile.TemporaryDirectory(prefix="bench-embed-") as name:
        results = measure(Path(name), load_settings(None, [*chosen, *options.set]), options)
    write(results, Path(options.out))


def measure(folder: Path, settings: Settings, options: argparse.Namespace) -> dict[str, Any]:
    """Return what was measured: pictures per second by name, and ratios."""
    mixed = [
        draw(folder / f"mixed{n}", n, 320 + n % 5 * 64, 480, FORMATS[n % 3]) for n in range(options.images)
    ]
    large = [
        draw(folder / f"large{n}", n, 1000 + n % 5 * 120, 1200, FORMATS[0]) for n in range(options.large)
    ]
    stage = embed_stage(settings)
    stage.load()
    (plugin,) = stage.plugins
    assert isinstance(plugin, EncoderRows)
    encoder = plugin.encoder

    def prepare(path: str | Path) -> Any:
        return plugin.prepare(stage.decode(Path(path).read_bytes(), [plugin]))

    prepared = np.stack([prepare(path) for path in mixed[: encoder.batch_size]])
    table, big = items(mixed), items(large)

    def bare() -> int:
        for start in range(0, len(mixed), encoder.batch_size):
            encoder.encode(Batch(prepared[: min(encoder.batch_size, len(mixed) - start)]))
        return len(mixed)

    def whole() -> int:
        assert stage(table).column("reason").null_count == len(mixed)
        return len(mixed)

    looks = dict(import_open_clip().get_model_preprocess_cfg(encoder.model))
    mixed_loader = dataloader(mixed, looks, options.workers)
    large_loader = dataloader(large, looks, options.workers)

    usual = usual_model(encoder, options.model)

    def plain() -> int:
        return plain_loop(usual, encoder, mixed_loader)

    def decoded(pictures: pa.Table) -> int:
        with ThreadPoolExecutor(options.workers) as pool:
            paths = pictures.column("uri").to_pylist()
            return sum(1 for _ in pool.map(prepare, paths))

    def pillow() -> int:
        return sum(len(batch) for batch in large_loader)

    contestants = {
        "encoder alone": bare,
        "embed stage": whole,
        "open_clip + DataLoader loop": plain,
        "our decoding": lambda: decoded(table),
        "our decoding, large JPEG": lambda: decoded(big),
        "Pillow DataLoader, large JPEG": pillow,
    }
    bare(), whole()
    rates = rounds(contestants, options.rounds)
    facts = {**encoder.facts(), "preprocessing": encoder.preprocessing, "batch": encoder.batch_size}
    stage.close()
    middle = {name: statistics.median(found) for name, found in rates.items()}
    return {
        "machine": machine(),
        "model": {"name": options.model, **facts},
        "data": f"{options.images} drawn pictures of 320-576 x 480, a third each JPEG, PNG, WebP; "
        f"{options.large} JPEGs of 1.2-1.8 megapixels",
        "workers": options.workers,
        "images per second": rates,
        "median": middle,
        "ratios": {
            "embed stage / encoder alone": middle["embed stage"] / middle["encoder alone"],
            "embed stage / min(encoder alone, our decoding)": middle["embed stage"]
            / min(middle["encoder alone"], middle["our decoding"]),
            "embed stage / open_clip + DataLoader loop": middle["embed stage"]
            / middle["open_clip + DataLoader loop"],
            "our decoding / Pillow DataLoader": middle["our decoding, large JPEG"]
            / middle["Pillow DataLoader, large JPEG"],
        },
    }


def rounds(contestants: dict[str, Callable[[], int]], count: int) -> dict[str, list[float]]:
    """Return pictures per second of each contestant in each round; they take turns, so that a busy spell hits all."""
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(count):
        for name, run in contestants.items():
            begun = time.perf_counter()
            done = run()
            rates[name].append(done / (time.perf_counter() - begun))
    return rates


class Files:
    """What a DataLoader reads: Pillow decoding and open_clip's transform, picture by picture."""

    def __init__(self, paths: list[Path], looks: dict[str, Any]) -> None:
        self.paths = paths
        self.looks = looks

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        if not hasattr(self, "_transform"):
            transform = import_open_clip().transform
            self._transform = transform.image_transform_v2(
                transform.PreprocessCfg(**self.looks), is_train=False
            )
        with Image.open(self.paths[index]) as image:
            return self._transform(image.convert("RGB"))


def dataloader(paths: list[Path], looks: dict[str, Any], workers: int) -> Any:
    """Return a DataLoader whose processes have started already: forking beside threads of torch may hang."""
    import torch

    loader = torch.utils.data.DataLoader(
        Files(paths, looks),
        batch_size=32,
        num_workers=workers,
        persistent_workers=True,
        multiprocessing_context="spawn",
    )
    assert sum(len(batch) for batch in loader) == len(paths)
    return loader


def usual_model(encoder: Any, name: str) -> Any:
    """Return the model of the usual loop: on a CPU as open_clip makes it, in float32; on a GPU as we use it."""
    if encoder.device.type != "cpu":
        return encoder.model
    return import_open_clip().create_model(name, pretrained=None).eval()


def plain_loop(model: Any, encoder: Any, loader: Any) -> int:
    """Return how many pictures the usual loop encoded: DataLoader, model, normalise."""
    import torch

    done = 0
    dtype = next(model.parameters()).dtype
    with torch.inference_mode():
        for batch in loader:
            vectors = model.encode_image(batch.to(encoder.device, dtype), normalize=True)
            done += len(vectors.float().cpu())
    return done


def draw(path: Path, seed: int, width: int, height: int, kind: tuple[str, dict[str, int]]) -> Path:
    """Write a picture with smooth areas, edges and some grain, as drawings and photographs have them."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)).resize((width, height), 3)
    for _ in range(12):
        left, top = int(rng.integers(0, width - 40)), int(rng.integers(0, height - 40))
        image.paste(
            tuple(rng.integers(0, 256, 3).tolist()), (left, top, left + width // 6, top + height // 6)
        )
    grain = rng.normal(0, 4, (height, width, 1))
    pixels = (np.asarray(image, dtype=np.float32) + grain).clip(0, 255).astype(np.uint8)
    name, options = kind
    found = path.with_suffix(f".{name}")
    Image.fromarray(pixels).save(found, **options)
    return found


def items(paths: list[Path]) -> pa.Table:
    """Return what the stage is called with."""
    records = [
        {"row": row, "item_id": content_id(path.read_bytes()), "uri": str(path), "status": "ok", "text": None}
        for row, path in enumerate(paths)
    ]
    return pa.Table.from_pylist(records)


def machine() -> dict[str, Any]:
    """Return the machine and the versions that matter."""
    import PIL
    import torch

    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0].split(":", 1)[1].strip() if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load average before": os.getloadavg()[0],
        "torch threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "open_clip": import_open_clip().__version__,
        "pillow": PIL.__version__,
    }


def write(results: dict[str, Any], out: Path) -> None:
    """Write the JSON and the table."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    lines = ["| what | images per second (median) | lowest | highest |", "|---|---:|---:|---:|"]
    for name, found in results["images per second"].items():
        lines.append(f"| {name} | {statistics.median(found):.1f} | {min(found):.1f} | {max(found):.1f} |")
    lines += ["", "| ratio | |", "|---|---:|"]
    lines += [f"| {name} | {value:.2f} |" for name, value in results["ratios"].items()]
    facts = {**results["machine"], **results["model"], "data": results["data"], "workers": results["workers"]}
    lines += ["", "; ".join(f"{name}: {value}" for name, value in facts.items()), ""]
    text = "\n".join(lines)
    out.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
