"""The rewriting of import paths for the wheel: what is changed, what must stay as it is, what is refused."""

from __future__ import annotations

import pytest

from hatch_build import rewrite

FOLDERS = ("schema", "index", "ui")


@pytest.mark.parametrize(
    ("plain", "moved"),
    [
        ("from schema import tables", "from likeness.schema import tables"),
        ("from  index.store import (\n    Store,\n)", "from  likeness.index.store import (\n    Store,\n)"),
        ("import ui", "import likeness.ui as ui"),
        ("import ui as page", "import likeness.ui as page"),
        ("import index.store as s", "import likeness.index.store as s"),
        ("import index.store", "import likeness.index.store, likeness.index as index"),
        ("import os, ui.main", "import os, likeness.ui.main, likeness.ui as ui"),
        (
            "def f():\n    é = 1; from ui import main  # ü",
            "def f():\n    é = 1; from likeness.ui import main  # ü",
        ),
        ("TABLE = {'a': 'index.store:Store'}", "TABLE = {'a': 'likeness.index.store:Store'}"),
        ('find_spec(r"ui.main")', 'find_spec(r"likeness.ui.main")'),
        ("logging.getLogger('index')", "logging.getLogger('likeness.index')"),
        (
            "import_module('ui.main:main')",
            "import_module('likeness.ui.main:main')",
        ),  # twice a path, once rewritten
        ("run([sys.executable, '-m', 'ui.main'])", "run([sys.executable, '-m', 'likeness.ui.main'])"),
    ],
)
def test_import_path_is_rewritten(plain: str, moved: str) -> None:
    assert rewrite(plain, FOLDERS) == moved


@pytest.mark.parametrize(
    "text",
    [
        "import schematics, indexing.store",
        "from . import ui",
        "from lancedb import index",
        "ask('index.searcher')  # the name of a setting",
        "raise Error('see index.store: Store')",
        "'numpy.linalg:norm'",
        "run(['-m', 'pip'])",
        '"""from schema import tables"""',
        "schema = ui.index",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert rewrite(text, FOLDERS) == text


def test_what_is_not_understood_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1"):
        rewrite("from \\\n    schema import tables", FOLDERS)
