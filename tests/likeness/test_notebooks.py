"""The notebooks run from top to bottom, each in a kernel of its own, with few pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NOTEBOOKS = ("catalogue", "folder_to_labels", "whos_that_character")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_notebooks_run_headless(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jupytext = pytest.importorskip("jupytext", reason="pip install 'likeness-curation[notebooks]'")
    nbclient = pytest.importorskip("nbclient", reason="pip install 'likeness-curation[notebooks]'")
    monkeypatch.setenv("LIKENESS_NOTEBOOK_PLACE", str(tmp_path))
    monkeypatch.setenv("LIKENESS_NOTEBOOK_PICTURES", "80")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("PYTHONPATH", f"{checkout}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    for name in NOTEBOOKS:
        notebook = jupytext.read(checkout / "docs" / "notebooks" / f"{name}.py")
        nbclient.NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
        pictures = sum("image/png" in output.get("data", {}) for output in outputs)
        assert pictures >= {"catalogue": 5, "folder_to_labels": 1, "whos_that_character": 1}[name]
        assert not [output for output in outputs if output["output_type"] == "error"]


def test_notebooks_are_scripts_with_cells(checkout: Path) -> None:
    folder = checkout / "docs" / "notebooks"
    assert {path.stem for path in folder.glob("*.py")} == set(NOTEBOOKS)
    for name in NOTEBOOKS:
        text = (folder / f"{name}.py").read_text(encoding="utf-8")
        compile(text, name, "exec")
        assert "format_name: percent" in text and text.count("# %%") >= 6
        assert f"[{name}.py]" in (folder / "README.md").read_text(encoding="utf-8")
