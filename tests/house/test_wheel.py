"""What is installed without a checkout: one top-level name, and below it everything that works in the checkout.

The wheel is installed into an environment of its own, which borrows the libraries of this one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hatch_build import rewrite

# What of the tests runs against the wheel: whatever finds its parts by name, by path or in another process.
# A test among them that reads a file which only the checkout has asks for the fixture `checkout`.
PART = [
    "tests/schema",
    "tests/embed/encoders",
    "tests/embed/sources",
    "tests/curate/export",
    "tests/index/neighbours",
    "tests/label/learn/sources",
    "tests/ui/test_main.py",
    "tests/ui/views/test_pages.py",
]

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]

Run = Callable[..., str]


def python_files(wheel: Path) -> dict[str, str]:
    """Name and text of every Python file in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")}


@pytest.fixture(scope="module")
def folders(root: Path) -> list[str]:
    """The folders that the wheel takes below its one name."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    named: list[str] = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["folders"]
    return named


def build(source: Path, target: Path, kind: str = "wheel") -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", target],
        cwd=source, capture_output=True, check=True,
    )  # fmt: skip
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build(root, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel installed, and the libraries of this one at the end of its path."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=os.name != "nt")
    install(folder, wheel, "--no-index")
    # Added last, lest pip take this environment's editable install for the wheel's. A line of a .pth file adds a
    # folder without reading the .pth files in it, so that the plain names of the checkout stay out of reach.
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(
        "\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    )
    return folder


def install(environment: Path, *words: str | Path) -> None:
    command = [*PIP, "--python", environment / "bin" / "python", "install", "--quiet", "--no-deps", *words]
    subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.fixture
def run(environment: Path, tmp_path: Path) -> Run:
    """Runs a program of the environment in an empty folder and returns what it prints; it has to succeed."""

    def start(name: str, *words: str | Path, cwd: Path = tmp_path) -> str:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        ran = subprocess.run(
            [environment / "bin" / name, *words],
            cwd=cwd,
            env=clean,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{ran.stdout[-6000:]}\n{ran.stderr[-6000:]}"
        return ran.stdout

    return start


def test_the_part_of_the_tests_exists(checkout: Path) -> None:
    # xdist says 'no tests ran', and nothing more, when a path is not there.
    assert [name for name in PART if not (checkout / name).exists()] == []


def test_wheel_holds_the_tracked_files_below_one_name(
    root: Path, wheel: Path, folders: list[str], tracked: list[Path], packages: tuple[str, ...]
) -> None:
    assert {*packages, "configs"} == {*folders, "likeness"}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        (points,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "likeness = likeness.__main__:main" in archive.read(points).decode()
    ours = [path.relative_to(root) for path in tracked]
    wanted = {path.as_posix() for path in ours if path.parts[0] == "likeness"}
    wanted |= {f"likeness/{path.as_posix()}" for path in ours if path.parts[0] in folders}
    assert held == wanted
    assert "likeness/configs/attributes.toml" in held


def test_wheel_of_the_source_distribution_is_the_same(root: Path, wheel: Path, tmp_path: Path) -> None:
    import tarfile

    with tarfile.open(build(root, tmp_path / "packed", "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    assert build(source, tmp_path / "again").read_bytes() == wheel.read_bytes()


def test_nobody_is_told_to_install_a_stranger(tracked: list[Path]) -> None:
    # `likeness` on the package index is another project.
    told = [
        f"{path}: {line}"
        for path in tracked
        if path.suffix in {".md", ".py", ".toml", ".txt", ""}
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if re.search(r"pip install[^\n]*['\" ]likeness(?![\w-])", line)
    ]
    assert not told


def test_no_plain_import_is_left(wheel: Path, folders: list[str]) -> None:
    import ast

    for name, text in python_files(wheel).items():
        for node in ast.walk(ast.parse(text, name)):
            found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [path for path in found if path.split(".")[0] in folders], name
        assert rewrite(text, folders) == text, f"{name}: a path in a string is still plain"


OF_EXTRAS = ("likeness.ui.api", "likeness.ui.jobs")
"""What needs packages that only an extra brings."""

IMPORT_ALL = """
import ast, importlib.util, pathlib, re, sys
top = pathlib.Path(importlib.util.find_spec("likeness").origin).parent
count = entries = 0

def load(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # What an extra brings may be missing; what is ours may not.
        if not name.startswith(OF_EXTRAS) or error.name.split(".")[0] == "likeness":
            raise

for path in sorted(top.rglob("*.py")):
    name = ".".join(path.relative_to(top.parent).with_suffix("").parts).removesuffix(".__init__")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if any(isinstance(n, ast.With) or isinstance(getattr(n, "value", 0), ast.Call) and isinstance(n, ast.Expr)
           for n in tree.body):
        # A page, which Streamlit runs: what it imports, not itself. The tests of pages run it.
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                load(node.module)
    else:
        load(name)
    count += 1
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and re.fullmatch(r"likeness(\\.\\w+)+:\\w+", str(node.value)):
            module, _, entry = node.value.partition(":")
            if (loaded := load(module)) is not None:
                getattr(loaded, entry)
            entries += 1
plain = sorted(name for name in sys.modules if name.split(".")[0] in FOLDERS)
assert not plain, plain
from likeness.embed.encoders.checkpoints import bundled_names
from likeness.schema.vocabulary import load_vocabulary
print(count, entries, len(bundled_names()), len(load_vocabulary().attributes))
"""


@pytest.mark.timeout(300)  # it loads all libraries there are
def test_every_module_imports_and_every_entry_of_a_table_is_found(
    run: Run, root: Path, modules: list[Any], folders: list[str]
) -> None:
    import ast

    from embed.encoders.checkpoints import bundled_names
    from schema.vocabulary import load_vocabulary

    said = run("python", "-c", f"FOLDERS = {folders!r}\nOF_EXTRAS = {OF_EXTRAS!r}\n{IMPORT_ALL}")
    entries = [
        node
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and re.fullmatch(rf"({'|'.join(['likeness', *folders])})(\.\w+)+:\w+", str(node.value))
    ]
    files = [len(modules), len(entries), len(bundled_names()), len(load_vocabulary().attributes)]
    assert said.split() == [str(number) for number in files]


def test_strangers_of_the_same_names_do_no_harm(run: Run, tmp_path: Path, folders: list[str]) -> None:
    # A notebook has a label.py beside it, and any package may bring a schema or an index.
    for name in folders:
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('this {name} is not ours')\n")
    said = run(
        "python", "-c", "import likeness, sys; from likeness.ui.main import cli; print(likeness.__version__)"
    )
    assert said.strip() == run("likeness", "--version").split()[-1]
    assert "ingest" in run("python", "-m", "likeness", "--help")


@pytest.mark.slow
def test_installs_beside_the_package_called_schema(environment: Path, run: Run) -> None:
    try:
        install(environment, "schema", "--retries", "0", "--timeout", "15")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"schema cannot be had from the package index: {error.stderr.strip().splitlines()[-1]}")
    said = run(
        "python", "-c",
        "import schema, likeness.schema.vocabulary as v; print(schema.Schema(int).validate(7), v.__name__)",
    )  # fmt: skip
    assert said.split() == ["7", "likeness.schema.vocabulary"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_demo_runs_in_an_empty_folder(run: Run, tmp_path: Path) -> None:
    said = run("likeness", "demo", "--items", "60", "--no-review")
    assert "found against drawn" in said
    assert [path.name for path in tmp_path.iterdir()] == ["likeness-demo"]
    assert "likeness-demo" in run("likeness", "status", "--store", "likeness-demo")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_part_of_the_tests_passes_against_the_wheel(
    run: Run, root: Path, tmp_path: Path, folders: list[str]
) -> None:
    # A copy of the tests, rewritten as the wheel is, in a folder without the checkout: plain names are not found there.
    for path in (root / "tests").rglob("*.*"):
        target = tmp_path / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".py":
            target.write_text(rewrite(path.read_text(encoding="utf-8"), folders), encoding="utf-8")
        elif path.is_file() and path.suffix != ".pyc":
            target.write_bytes(path.read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((root / "pyproject.toml").read_bytes())
    said = run("python", "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *PART)
    print(said.splitlines()[-1])
    assert re.search(r"\d+ passed", said.splitlines()[-1])
