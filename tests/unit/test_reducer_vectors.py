"""The file that the browser's reducer is tested with is what the Python fold gives today."""

import json

from hub.domain.event import apply
from tests.support.reducer_vectors import FILE, make


def test_the_shared_vectors_are_up_to_date():
    assert json.loads(FILE.read_text()) == make(), "run `python -m tests.support.reducer_vectors`"


def test_each_vector_folds_to_its_result():
    for case in json.loads(FILE.read_text()):
        assert apply(case["before"], case["event"]) == case["after"]
