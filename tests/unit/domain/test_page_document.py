"""What an export holds: every column, but those that are nobody's business or of the hub's own."""

from datetime import UTC, datetime

import pytest

from hub.domain import page_records
from hub.domain.page_document import is_page_document, merged, parse_page_document
from hub.domain.status import Status
from hub.domain.statuspage import DocumentInvalid
from hub.domain.uptime import Interval
from models.base import metadata

OWN = {"page_id", "version"}  # whose it is, and how often it was changed here
LEFT_OUT = {
    "page": {"version", "weight_major", "weight_partial", "weight_degraded"},  # the last three are `weights`
    "incident_note": OWN | {"incident_id", "maintenance_id", "author_id"},
    "incident_update": {"incident_id"},
    "maintenance_update": {"maintenance_id"},
}
TABLES = {
    "page": page_records.PAGE,
    "component_group": page_records.GROUP,
    "component": page_records.COMPONENT,
    "incident": page_records.INCIDENT,
    "incident_update": page_records.UPDATE,
    "incident_note": page_records.NOTE,
    "maintenance": page_records.MAINTENANCE,
    "maintenance_update": page_records.UPDATE,
    "template": page_records.TEMPLATE,
}


@pytest.mark.parametrize("table", TABLES)
def test_no_column_is_forgotten_in_an_export(table: str):
    columns = {column.name for column in metadata.tables[table].columns} - LEFT_OUT.get(table, OWN)
    assert TABLES[table].keys() - {"weights"} == columns


@pytest.mark.parametrize("raw", [None, [], {}, {"format": "x"}, {"format": "status-hub-page"}, "x", {"page": {}}])
def test_what_is_no_export_is_refused(raw: object):
    with pytest.raises(DocumentInvalid):
        parse_page_document(raw)


def test_an_export_says_that_it_is_one():
    assert is_page_document({"format": "status-hub-page"})
    assert not is_page_document({"page": {}, "components": []})
    assert not is_page_document([{"format": "status-hub-page"}])


def test_neighbours_of_one_status_are_one_history():
    one, two, three = (datetime(2026, 11, 25, hour, tzinfo=UTC) for hour in (1, 2, 3))
    pieces = [
        Interval(Status.OPERATIONAL, one, two),
        Interval(Status.OPERATIONAL, two, three),
        Interval(Status.MAJOR_OUTAGE, three, None),
    ]
    assert merged(pieces) == [Interval(Status.OPERATIONAL, one, three), pieces[2]]
