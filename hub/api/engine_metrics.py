"""The engine's tally as Prometheus families, made when somebody asks for them."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from hub.engine.node import Node
from hub.engine.tally import LATENCY_BOUNDS_S, Tally


class EngineMetrics(Collector):
    """`names_channels`: also how many members each channel has. A channel's name tells that a page exists."""

    def __init__(self, node: Node, *, names_channels: bool) -> None:
        self._node = node
        self._names_channels = names_channels

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        node, tally = self._node, self._node.tally
        counts = node.member_counts()
        yield GaugeMetricFamily("hub_connections", "Sockets and streams of this node.", len(node.sessions))
        yield GaugeMetricFamily("hub_members", "Subscriptions on this node, all channels.", sum(counts.values()))
        yield GaugeMetricFamily("hub_channels", "Channels with members on this node.", len(counts))
        yield GaugeMetricFamily("hub_broker_up", "1 while the link to Redis shows signs of life.", node.has_broker)
        if self._names_channels:
            members = GaugeMetricFamily("hub_channel_members", "Members of a channel on this node.", labels=["channel"])
            for channel, count in counts.items():
                members.add_metric([channel], count)
            yield members
        for name, text, value in _counters(tally):
            yield CounterMetricFamily(name, text, value)
        recoveries = CounterMetricFamily(
            "hub_joins", "Subscriptions, by what brought them up to date.", labels=["from"]
        )
        for source, count in (
            ("ring", tally.recovered_from_ring),
            ("table", tally.recovered_from_log),
            ("snapshot", tally.joined_with_snapshot),
            ("top", tally.joined_at_top),
        ):
            recoveries.add_metric([source], count)
        yield recoveries
        yield _latency(tally)


def _counters(tally: Tally) -> Iterator[tuple[str, str, int]]:
    yield "hub_deliveries", "Publications written to members.", tally.deliveries
    yield "hub_delivered_bytes", "Bytes of publications written to members.", tally.delivered_bytes
    yield "hub_writes", "Writes of publications; one may carry several.", tally.writes
    yield "hub_slow_members", "Members skipped as their buffer was full.", tally.slow
    yield "hub_recalls", "Members told to come back for another reason.", tally.recalls
    yield "hub_gap_publications", "Publications that the broker did not bring and the log did.", tally.gaps
    yield "hub_rebases", "Times that a channel had to start anew for its members.", tally.rebases
    yield "hub_broker_suspicions", "Times that the broker may have lost messages.", tally.suspicions


def _latency(tally: Tally) -> HistogramMetricFamily:
    family = HistogramMetricFamily("hub_publish_to_write_seconds", "From a change's instant to its write to members.")
    total, buckets = 0, []
    for bound, count in zip((*map(str, LATENCY_BOUNDS_S), "+Inf"), tally.latency.counts, strict=True):
        total += count
        buckets.append((bound, total))
    family.add_metric([], buckets, tally.latency.sum_s)
    return family
