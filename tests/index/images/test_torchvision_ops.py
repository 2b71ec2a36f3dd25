"""open_clip imports whether or not torchvision's compiled operators load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# torchvision finds its compiled operators by this name; without them it is as beside a torch it was not built for.
PROGRAM = """
import sys
import torch
def refuse(path):
    raise OSError(path)
torch.ops.load_library = refuse
try:
    import torchvision
except RuntimeError as error:
    assert "does not exist" in str(error), error
from index.images.torchvision_ops import import_open_clip
open_clip = import_open_clip()
assert open_clip is import_open_clip()
assert open_clip.image_transform(32, is_train=False)
print("imported")
"""


@pytest.mark.timeout(120)
def test_open_clip_imports_without_the_compiled_operators(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, check=False, timeout=110
    )
    assert done.stdout.strip() == "imported", done.stderr[-2000:]


ALONE = """
import sys
from index.images.torchvision_ops import import_open_clip
alone = import_open_clip(alone=True)
assert alone is import_open_clip(alone=True)
for name in ("timm", "torch._dynamo", "torchvision", "huggingface_hub", "torch.distributed.nn"):
    assert name not in sys.modules, name
steps = alone.image_transform(32, is_train=False)
whole = import_open_clip()
assert whole is not alone and whole is import_open_clip(alone=True)
import torchvision
assert torchvision.ops and whole.timm_model.timm is not None
from PIL import Image
assert steps(Image.new("RGB", (40, 40))).shape == (3, 32, 32)
print("imported")
"""


@pytest.mark.timeout(120)
def test_open_clip_alone_brings_nothing_unasked_and_gives_way_to_the_whole(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=root, capture_output=True, text=True, check=False, timeout=110
    )
    assert done.stdout.strip() == "imported", done.stderr[-2000:]
