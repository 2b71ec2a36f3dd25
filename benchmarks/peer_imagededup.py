"""What imagededup says of a folder of pictures; bench_neardup runs it in the Python that has imagededup.

    PYTHON benchmarks/peer_imagededup.py FOLDER OUT.npz

OUT holds ``names``, ``phash`` uint64 and, where its pretrained weights can be had, ``cnn`` float32 [n, d];
``cnn_reason`` says why not. Its own pairs at a threshold are those of these codes at that distance.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import numpy as np


def main() -> None:
    """Encode a folder with PHash and CNN."""
    folder, out = Path(sys.argv[1]), sys.argv[2]
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # A CUDA torchvision beside a CPU torch; the project knows a way around that.
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
        from index.images.torchvision_ops import import_open_clip

        import_open_clip()
    from imagededup.methods import CNN, PHash

    words = PHash(verbose=False).encode_images(image_dir=folder, num_enc_workers=0)
    names = sorted(words)
    found = {
        "names": np.asarray(names),
        "phash": np.asarray([int(words[name], 16) for name in names], dtype=np.uint64),
    }
    socket.setdefaulttimeout(20)
    try:
        vectors = CNN(verbose=False).encode_images(image_dir=folder, num_enc_workers=0)
        found["cnn"] = np.stack([vectors[name].ravel() for name in names]).astype(np.float32)
    except Exception as error:  # whatever the download raises is the reason that is reported
        found["cnn_reason"] = np.asarray(f"{type(error).__name__}: {str(error).splitlines()[0][:200]}")
    np.savez(out, **found)


if __name__ == "__main__":
    main()
