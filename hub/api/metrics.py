"""What `/metrics` tells about HTTP; figures of other parts are read when it is asked for (health.py)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.registry import Collector

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """One registry per application, so that two applications in one process do not share their figures."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["route", "method", "status"]
        self._requests = Counter("hub_http_requests", "Answered HTTP requests.", labels, registry=self.registry)
        self._seconds = Histogram(
            "hub_http_request_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self.is_ready = Gauge("hub_ready", "1 when /readyz says so.", registry=self.registry)
        self.loop_gap = Gauge(
            "hub_loop_gap_seconds", "Longest pause of the event loop in the last minute.", registry=self.registry
        )
        self.outbox_age = Gauge(
            "hub_outbox_oldest_seconds", "Age of the oldest unpublished event.", registry=self.registry
        )

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        known_method = method if method in _METHODS else "other"  # a label must not be the caller's free choice
        self._requests.labels(route, known_method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def render(self, others: Collector) -> bytes:
        """The Prometheus text format, with the families of `others`."""
        everything = CollectorRegistry()
        everything.register(self.registry)
        everything.register(others)
        return generate_latest(everything)


_METHODS = {"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"}
