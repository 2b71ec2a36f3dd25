"""Schemathesis walks every route of /openapi.json: no answer is a 500, or one that the description does not know."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from index.store import Store
from schema.settings import Settings

TOKEN = "w" * 32


@pytest.fixture(scope="module")
def walked_app(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The API over one copy of the small store, which the walk may fill with reviews and jobs."""
    folder = tmp_path_factory.mktemp("walk")
    shutil.copytree(store_template, folder / "store")
    from ui.api.app import make_app
    from ui.api.tokens import read_tokens
    from ui.jobs.line import JobLine

    line = JobLine(str(folder / "jobs.sqlite"), "walk")
    store = Store.open(folder / "store")
    made = Settings.model_validate({"serve": {"roots": [str(folder / "root")]}})
    yield make_app(store, made, line, read_tokens((), f"walker:write:{TOKEN}"))
    line.close()
    store.close()


def walk(app: Any, examples: int) -> Counter[str]:
    """Send so many made-up requests to every operation, and check each answer; return how many were sent to each."""
    schemathesis = pytest.importorskip("schemathesis", reason="pip install 'likeness-curation[api-tests]'")
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    sent: Counter[str] = Counter()

    def checked(operation: Any) -> None:
        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            sent[operation.label] += 1
            # What is refused is refused for more reasons than a description can state: a path outside the roots.
            headers = {"Authorization": f"Bearer {TOKEN}"}
            case.validate_response(
                case.call(headers=headers, timeout=120),
                headers=headers,
                excluded_checks=[positive_data_acceptance],
            )

        check()

    for result in schema.get_all_operations():
        checked(result.ok())
    return sent


def test_a_short_walk_meets_no_fault(walked_app: Any) -> None:
    sent = walk(walked_app, 6)
    assert len(sent) == 20 and sum(sent.values()) >= 60


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_walk_of_thousands_of_requests_meets_no_fault(walked_app: Any) -> None:
    sent = walk(walked_app, 220)
    print(dict(sent), sum(sent.values()))
    assert sum(sent.values()) >= 3000
