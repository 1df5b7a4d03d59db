"""Complaints about a document name the line, whatever way it is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.document_places import Origin, places, with_places
from hub.domain.statuspage import DocumentInvalid, parse

ROW = {"id": "c", "name": "API", "status": "operational"}
keys = st.text('abc{}[]:,"\\ \n🔥', min_size=1, max_size=5)
values = st.recursive(
    st.none() | st.integers() | st.text('a{}[]:,"\\ \n🔥', max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


def rows(*changed: int) -> dict:
    components = [{**ROW, "id": f"c{index}"} for index in range(500)]
    for index in changed:
        components[index]["status"] = "on fire"
    return {"page": {"id": "p", "name": "Acme"}, "components": components}


def faults_of(*documents: object, origins: list[Origin]) -> dict[str, str]:
    with pytest.raises(DocumentInvalid) as caught:
        parse(documents)
    return with_places(caught.value, origins).fields or {}


def test_a_bad_record_among_five_hundred_is_named_by_its_line() -> None:
    text = json.dumps(rows(250, 499), indent=1)
    said = faults_of(rows(250, 499), origins=[Origin(text)])
    for path, problem in said.items():
        line = int(problem.rpartition("(line ")[2].partition(",")[0])
        assert "on fire" in text.splitlines()[line - 1], path
    assert list(said) == ["components[250].status", "components[499].status"]


def test_a_document_on_one_line_has_columns() -> None:
    text = json.dumps(rows(250))
    (problem,) = faults_of(rows(250), origins=[Origin(text)]).values()
    assert problem.endswith(f"(line 1, column {text.index(chr(34) + 'on fire') + 1})")


def test_what_is_missing_is_placed_where_its_record_begins() -> None:
    text = '{"page": {"id": "p", "name": "A"},\n "components": [\n {"id": "c",\n "status": "operational"}]}'
    (problem,) = faults_of(json.loads(text), origins=[Origin(text)]).values()
    assert problem == "is missing (line 3, column 2)"


def test_of_several_documents_the_file_is_named_and_of_a_list_the_place_in_it() -> None:
    good, bad = rows(), rows(3)
    texts = [json.dumps(good, indent=1), json.dumps(bad, indent=1)]
    origins = [Origin(texts[0], name="a.json"), Origin(texts[1], name="b.json")]
    ((path, problem),) = faults_of(good, bad, origins=origins).items()
    assert path == "documents[1].components[3].status"
    assert problem.endswith(" of b.json)")
    listed = json.dumps([good, bad], indent=1)
    (problem,) = faults_of(good, bad, origins=[Origin(listed, "[0]"), Origin(listed, "[1]")]).values()
    line = int(problem.rpartition("(line ")[2].partition(",")[0])
    assert "on fire" in listed.splitlines()[line - 1]


def test_a_bad_group_is_one_fault_and_not_one_for_each_component_in_it() -> None:
    document = rows()
    document["components"] = [{**row, "group_id": "g"} for row in document["components"]]
    document["components"].append({"id": "g", "name": "", "group": True, "status": "operational"})
    with pytest.raises(DocumentInvalid) as caught:
        parse([document])
    assert caught.value.fields == {"components[500].name": "is empty"}


@given(document=st.dictionaries(keys, values, min_size=1), indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_a_value_is_found_in_any_json(document: dict[str, object], indent: int | None, ascii_only: bool) -> None:
    target = {"before": document, "rows": [document, {"here": "\u2020"}], "after": document}
    text = json.dumps(target, indent=indent, ensure_ascii=ascii_only)
    line, column = places(text, ["rows[1].here"])["rows[1].here"]
    assert json.loads(text.splitlines()[line - 1][column - 1 :].partition("}")[0]) == "\u2020"
