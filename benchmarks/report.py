"""Figures → tables for people, with the goals beside them."""

import argparse
import platform
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from benchmarks.joining import Storm
from benchmarks.rounds import Mode, Range, Run

if TYPE_CHECKING:
    from benchmarks.fanout import Result

Row = Sequence[str]
HEAD = (
    "server",
    "w1 us",
    "w1 × floor",
    "w1 /s",
    "w8 us",
    "w8 × floor",
    "w8 /s",
    "10/s us",
    "p50 ms",
    "p99 ms",
    "p99 × floor",
    "KiB/viewer",
    "us/join",
    "joins/s",
)


def render(results: "Sequence[Result]", storm: Storm | None, chosen: argparse.Namespace) -> str:
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    words = (
        f"{machine}; {chosen.viewers:,} viewers, payload of 300 bytes, {chosen.repeats} × {chosen.seconds:g} s, "
        "median (least–greatest). us: CPU time of the server per delivery, user and system. w1, w8: messages in "
        "flight; 10/s: ten messages a second. × floor: to the mean of the runs of the C `send()` loop around it."
    )
    parts = [
        words,
        _table(HEAD, [_row(result) for result in results]),
    ]
    floor = _floor_row(results)
    if floor:
        parts[-1] += "\n" + floor
    absent = [f"- {result.name}: absent, {result.absent}" for result in results if result.absent]
    if absent:
        parts.append("\n".join(absent))
    if storm is not None:
        parts.append(_storm(storm))
    parts.append(_table(("goal", "figure", "wanted", ""), _goals(results, storm)))
    return "\n\n".join(parts)


def _row(result: "Result") -> Row:
    w1, w8, paced = (result.modes.get(name) for name in ("w1", "w8", "paced"))
    joined = result.joining
    return (
        result.name,
        *_delivery(w1),
        *_delivery(w8, "overload" if w1 and not w8 else "-"),
        _said(paced, lambda mode: mode.of(lambda run: run.us).median),
        _said(paced, lambda mode: mode.of(lambda run: run.p50_ms).median),
        _said(paced, lambda mode: mode.of(lambda run: run.p99_ms).median),
        _spread(paced.ratio(lambda run: run.p99_ms)) if paced else "-",
        f"{joined.kib:.1f}" if joined else "-",
        f"{joined.us:.0f}" if joined else "-",
        f"{joined.viewers / joined.took_s:,.0f}" if joined else "-",
    )


def _delivery(mode: Mode | None, otherwise: str = "-") -> Row:
    if mode is None or not mode.runs:
        return (otherwise, "-", "-")
    rate = mode.of(lambda run: run.rate).median
    return (f"{mode.of(_us).median:.1f}", _spread(mode.ratio(_us)), f"{rate:,.0f}")


def _floor_row(results: "Sequence[Result]") -> str:
    """All runs of the floor, whatever stood between them."""

    def of(name: str) -> Mode | None:
        runs = [run for result in results if name in result.modes for run in result.modes[name].floors]
        return Mode(runs, [*runs, runs[-1]]) if runs else None

    def plain(mode: Mode | None) -> Row:
        return (
            (f"{mode.of(_us).median:.1f}", "1", f"{mode.of(lambda run: run.rate).median:,.0f}") if mode else ("-",) * 3
        )

    paced = of("paced")
    tail = (
        _said(paced, lambda mode: mode.of(_us).median),
        _said(paced, lambda mode: mode.of(lambda run: run.p50_ms).median),
        _said(paced, lambda mode: mode.of(lambda run: run.p99_ms).median),
    )
    return _line(("C send() loop", *plain(of("w1")), *plain(of("w8")), *tail, "1", "-", "-", "-"))


def _storm(storm: Storm) -> str:
    rows = [
        (
            f"{what}: {it.viewers:,} with tokens",
            f"{it.us:.0f}",
            f"{it.viewers / it.took_s:,.0f}",
            memory,
        )
        for what, it, memory in (
            ("arrival", storm.signed_in, f"{storm.signed_in.kib:.1f}"),
            ("storm", storm.storm, "-"),  # the memory of those before is used again
        )
    ]
    pauses = (
        f"In the storm the collector's worst pause was {storm.worst_pause_ms:.1f} ms (in all {storm.pauses_ms:.0f}); "
        f"the event loop's longest gap was {storm.loop_gap_ms:.0f} ms."
    )
    return _table(("joining", "us/join", "joins/s", "KiB/viewer"), rows) + "\n\n" + pauses


def _goals(results: "Sequence[Result]", storm: Storm | None) -> list[Row]:
    by_name = {result.name: result for result in results}
    hub = by_name.get("hub, custom channel") or by_name.get("hub, page channel")
    rows: list[Row] = []

    def goal(words: str, figure: float | None, wanted: float, *, is_least: bool = False) -> None:
        limit = f"{'≥' if is_least else '≤'} {wanted:,.3g}" if wanted < 1_000 else f"≥ {wanted:,.0f}"
        if figure is None:
            rows.append((words, "not measured", limit, "-"))
            return
        is_reached = figure >= wanted if is_least else figure <= wanted
        shown = f"{figure:,.0f}" if figure >= 100 else f"{figure:.2f}"
        rows.append((words, shown, limit, "reached" if is_reached else "not reached"))

    for one in (by_name.get("hub, page channel"), by_name.get("hub, custom channel")):
        if one is None or not one.modes:
            continue
        w1, w8, paced = (one.modes.get(name) for name in ("w1", "w8", "paced"))
        kind = one.name.removeprefix("hub, ")
        goal(f"{kind}: w1 CPU to the C loop", w1.ratio(_us).median if w1 else None, 1.5)
        for peer, wanted in (("nchan (memory)", 0.9), ("node ws + redis", 0.7), ("python-socketio + redis", 1 / 12)):
            goal(f"{kind}: w1 CPU to {peer}", _to(w1, by_name.get(peer)), wanted)
        goal(f"{kind}: w8 CPU to the C loop", w8.ratio(_us).median if w8 else None, 0.2)
        goal(f"{kind}: w8 deliveries/s", w8.of(lambda run: run.rate).median if w8 else None, 600_000, is_least=True)
        goal(f"{kind}: 10/s p99 to the C loop", paced.ratio(lambda run: run.p99_ms).median if paced else None, 1.5)
    goal("KiB per idle subscribed viewer", hub.joining.kib if hub and hub.joining else None, 8)
    goal("us CPU per anonymous join", hub.joining.us if hub and hub.joining else None, 450)
    goal("us CPU per signed-in join", storm.signed_in.us if storm else None, 450)
    goal("KiB per signed-in viewer", storm.signed_in.kib if storm else None, 8)
    goal("ms worst collector pause in the storm", storm.worst_pause_ms if storm else None, 10)
    return rows


def _to(ours: Mode | None, theirs: "Result | None") -> float | None:
    """Our ratio to the floor over theirs: both are paired, so the machine's drift is out of it."""
    mode = theirs.modes.get("w1") if theirs else None
    return ours.ratio(_us).median / mode.ratio(_us).median if ours and mode else None


def _us(run: Run) -> float:
    return run.us


def _said(mode: Mode | None, figure: Callable[[Mode], float]) -> str:
    return f"{figure(mode):.1f}" if mode else "-"


def _spread(figures: Range) -> str:
    return f"{figures.median:.2f} ({figures.least:.2f}–{figures.most:.2f})"


def _table(head: Row, rows: Sequence[Row]) -> str:
    return "\n".join([_line(head), _line(["---", *["---:"] * (len(head) - 1)]), *map(_line, rows)])


def _line(cells: Row) -> str:
    return "| " + " | ".join(cells) + " |"
