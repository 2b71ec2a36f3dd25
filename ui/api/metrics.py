"""What Prometheus reads: requests by route, their seconds, jobs by state, items."""

from __future__ import annotations

import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ui.api.limits import App, Message, Receive, Scope, Send
from ui.api.state import Service
from ui.jobs.records import STATES

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The numbers of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "likeness_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "likeness_request_seconds", "Seconds until an answer was sent whole.", ["route"],
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip

    def text(self) -> bytes:
        """Return all numbers in the text format of Prometheus."""
        text: bytes = generate_latest(self.registry)
        return text

    def watch(self, service: Service) -> None:
        """Count the items and jobs of a service, when asked."""
        self.registry.register(_StoreNumbers(service))


class _StoreNumbers(Collector):
    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Any:
        """Yield the numbers as of now."""
        items = GaugeMetricFamily("likeness_items", "Items of the store.")
        items.add_metric([], self._service.workspace.store.n_items())
        yield items
        jobs = GaugeMetricFamily("likeness_jobs", "Jobs that are remembered.", labels=["state"])
        for state, count in job_counts(self._service).items():
            jobs.add_metric([state], count)
        yield jobs


def job_counts(service: Service) -> dict[str, int]:
    """Return the number of jobs in each state."""
    states = [job.state for job in service.jobs.all()]
    return {state: states.count(state) for state in STATES}


class Measured:
    """Counts every request under its route, never under its address: ids would make numbers without end."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.monotonic(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "") or "none"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.metrics.requests.labels(method, route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(time.monotonic() - begun)


_METHODS = frozenset("GET HEAD POST PUT DELETE OPTIONS PATCH".split())
