"""Response times as a line: half hours of one day, gaps where nothing was measured."""

from datetime import UTC, datetime, timedelta

from hub.web.latency import line_of

NOW = datetime(2026, 11, 30, 12, 10, tzinfo=UTC)


def sample(back_min: float, latency_ms: float) -> dict[str, object]:
    return {"at": (NOW - timedelta(minutes=back_min)).isoformat(), "latency_ms": latency_ms}


def test_nothing_measured_is_no_line():
    assert line_of([], NOW) is None
    assert line_of([sample(25 * 60, 100)], NOW) is None


def test_the_latest_half_hour_is_at_the_right_and_zero_below():
    line = line_of([sample(40, 50), sample(5, 100)], NOW)
    assert line is not None
    assert line.path == "M46 10h0l1 -9"
    assert line.last == "100 ms"


def test_a_gap_is_not_drawn_across():
    line = line_of([sample(150, 100), sample(5, 100)], NOW)
    assert line is not None
    assert line.path == "M42 1h0M47 1h0"


def test_what_is_measured_within_one_half_hour_is_averaged():
    line = line_of([sample(9, 100), sample(2, 200)], NOW)
    assert line is not None
    assert line.last == "150 ms"
    assert line.said == "Response time in the last 24 hours: 150 to 150 ms, 150 ms at last"


def test_answers_in_no_time_are_a_line_along_the_edge():
    line = line_of([sample(40, 0), sample(5, 0)], NOW)
    assert line is not None
    assert line.path == "M46 19h0h1"
