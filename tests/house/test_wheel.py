"""What is installed without a checkout: the packages, and the data files that they read."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path


def test_wheel_holds_packages_and_data(
    root: Path, tmp_path: Path, packages: tuple[str, ...], tracked: list[Path]
) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=root, capture_output=True, check=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        entry_points = archive.read("likeness-0.1.0.dist-info/entry_points.txt").decode()
    wanted = {path.relative_to(root).as_posix() for path in tracked}
    wanted = {name for name in wanted if name.split("/")[0] in {*packages, "configs"}}
    assert wanted <= held, f"not in the wheel: {sorted(wanted - held)}"
    assert {name.split("/")[0] for name in held} == {*packages, "configs"}
    assert "configs/attributes.toml" in held
    assert "likeness = ui.main:main" in entry_points
