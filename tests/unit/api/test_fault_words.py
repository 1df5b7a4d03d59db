"""What a refused field is told stands beside it in forms: in words, and saying what to do."""

import json
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from hub.api.body import fields_of
from hub.api.fields import Day, In, Instant, Name, Slug
from hub.api.page_schemas import Color


class _Thing(In):
    name: Name
    slug: Slug = "a"
    at: Instant | None = None
    kind: Literal["one", "two"] = "one"
    count: Annotated[int, Field(ge=1, le=9)] = 1
    weight: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    color: Color = "#000000"
    day: Day | None = None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, {"name": "is missing"}),
        ({"name": ""}, {"name": "must not be empty"}),
        ({"name": "  "}, {"name": "must not be blank"}),
        ({"name": 5}, {"name": "must be text"}),
        ({"name": "x" * 256}, {"name": "must have at most 255 characters"}),
        ({"name": "x", "nome": 1}, {"nome": "is no field of this"}),
        (
            {"name": "x", "slug": "Ab "},
            {"slug": "must be 1 to 63 small letters, digits and hyphens, with no hyphen at either end"},
        ),
        ({"name": "x", "at": "soon"}, {"at": "must be an ISO 8601 instant such as 2026-11-25T03:44:25Z"}),
        ({"name": "x", "kind": "three"}, {"kind": "must be 'one' or 'two'"}),
        ({"name": "x", "count": 10}, {"count": "must be at most 9"}),
        ({"name": "x", "weight": 7}, {"weight": "must be at most 1"}),
        ({"name": "x", "color": "blue"}, {"color": "must be # and six digits from 0 to f, such as #2b5fd9"}),
        ({"name": "x", "count": 1.5}, {"count": "must be a whole number"}),
        ({"name": "x", "day": "today"}, {"day": "must be a day such as 2026-11-25"}),
    ],
)
def test_what_is_wrong_with_a_field_is_said_in_words_that_go_after_its_name(body: dict, words: dict):
    with pytest.raises(ValidationError) as refused:
        _Thing.model_validate_json(json.dumps(body))
    assert fields_of(refused.value) == words
