"""The command line starts light, every command explains itself, and the README speaks of commands that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

HEAVY = (
    "torch",
    "torchvision",
    "open_clip",
    "streamlit",
    "faiss",
    "lancedb",
    "hdbscan",
    "sklearn",
    "scipy",
    "pandas",
)
COMMANDS = (
    "run", "ingest", "embed", "index", "label", "dedupe", "export",
    "query", "status", "values", "check", "review", "finetune", "demo",
)  # fmt: skip


@pytest.fixture(scope="module")
def group() -> click.Group:
    from ui.main import cli

    assert isinstance(cli, click.Group)
    return cli


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["query", "--help"]], ids=" ".join)
def test_help_loads_nothing_heavy(arguments: list[str], root: Path) -> None:
    program = (
        "import sys\n"
        "from ui.main import cli\n"
        f"try:\n    cli({arguments!r})\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        f"print('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1].split() == ["loaded:"]


def test_commands_are_the_documented_ones(group: click.Group) -> None:
    assert not set(COMMANDS) - set(group.commands)


def test_every_command_and_option_has_help(group: click.Group) -> None:
    def walk(command: click.Command, path: str) -> None:
        assert command.help, f"{path} has no help"
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{path} {option.opts[0]} has no help"
        if isinstance(command, click.Group):
            for name, inner in command.commands.items():
                walk(inner, f"{path} {name}")

    walk(group, "likeness")


def test_readme_commands_exist(root: Path, group: click.Group) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    fenced = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, flags=re.S | re.M))
    fenced += "\n" + "\n".join(re.findall(r"`([^`\n]+)`", text))
    made = set(re.findall(r"\bmake ([a-z]+)\b", fenced))
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    assert {"demo", "test"} <= made
    assert not made - targets, "README names make targets that do not exist"
    for line in re.findall(r"^\s*(?:\$ )?likeness +([a-z]+)([^\n]*)", fenced, flags=re.M):
        name, rest = line
        assert name in group.commands, f"README: likeness {name}"
        known = {opt for option in group.commands[name].params for opt in option.opts}
        used = set(re.findall(r"(?<!\S)--[a-z-]+", rest.split("#")[0]))
        assert not used - known - {"--help"}, f"README: likeness {name} {sorted(used - known)}"
