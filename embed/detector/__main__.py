"""python -m embed.detector train FOLDER | export FOLDER: how the bundled detector was made."""

from __future__ import annotations

import argparse
from pathlib import Path

from embed.detector.train import Plan, train


def main() -> None:
    """Train or export, as the arguments say."""
    usual = Plan()
    parser = argparse.ArgumentParser(prog="python -m embed.detector", description=__doc__)
    parser.add_argument("action", choices=("train", "export"))
    parser.add_argument("folder", type=Path, help="where checkpoints and the model lie")
    parser.add_argument("--steps", type=int, default=usual.steps, help="training steps")
    parser.add_argument("--figures", type=int, default=usual.figures, help="figures drawn for the scenes")
    parser.add_argument("--threads", type=int, default=usual.threads, help="threads of the training")
    parser.add_argument("--minutes", type=float, default=usual.minutes, help="most minutes of the training")
    chosen = parser.parse_args()
    if chosen.action == "train":
        train(
            chosen.folder,
            Plan(steps=chosen.steps, figures=chosen.figures, threads=chosen.threads, minutes=chosen.minutes),
        )
    else:
        from embed.detector.export import export

        print(export(chosen.folder / "weights.pt", chosen.folder / "likeness-people.onnx"))  # noqa: T201


if __name__ == "__main__":
    main()
