"""Catalogues: whole, without leftovers, and said by the rules of each language."""

import re
from pathlib import Path

import pytest

from hub.web import words
from hub.web.message_keys import keys_in, unreadable_calls
from hub.web.messages import LANGUAGES, _, _n, catalogue, plural_form, speaking, supported

ROOT = Path(__file__).parents[3]
OTHERS = sorted(LANGUAGES.keys() - {"en"})
TABLES = (
    words.STATUS_WORDS,
    words.UPDATE_WORDS,
    words.IMPACT_WORDS,
    words.SENTENCES,
    words.MONTHS,
    words.WEEKDAYS,
)
# What speaks of messages itself, and what is read in one language alone.
NOT_SPOKEN = ("messages.py", "message_keys.py", "messages.js")


def sources():
    for pattern in ("hub/web/*.py", "hub/web/templates/*.html", "client_demo/*.js"):
        for path in sorted(ROOT.glob(pattern)):
            if path.name not in NOT_SPOKEN and not path.name.startswith("console"):
                yield path, path.read_text()


def keys():
    found = {key for _path, text in sources() for key, _plural in keys_in(text)}
    return found | {text for table in TABLES for text in table.english.values()}


def forms(message):
    return [message] if isinstance(message, str) else list(message.values())


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_that_visitors_read_is_in_every_language_and_none_is_left_over(language: str):
    assert keys() - catalogue(language).keys() == set(), "to be translated"
    assert catalogue(language).keys() - keys() == set(), "said nowhere"


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_fills_the_same_places(language: str):
    def places(text):
        return set(re.findall(r"\{\w+\}", text))

    for key, message in catalogue(language).items():
        for form in forms(message):
            assert form.strip(), key
            assert places(form) - {"{n}"} == places(key) - {"{n}"}, (key, form)


@pytest.mark.parametrize("language", OTHERS)
def test_every_plural_form_a_number_can_take_is_there(language: str):
    needed = {plural_form(language, n) for n in range(200)}
    for key, message in catalogue(language).items():
        if not isinstance(message, str):
            assert needed <= message.keys(), key
            assert "other" in message, key


def test_every_key_is_written_out_where_it_is_asked_for():
    found = {path.name: calls for path, text in sources() if (calls := unreadable_calls(text))}
    assert found.keys() <= {"words.py"}, found
    assert len(found["words.py"]) == 1  # `Words`, whose tables are closed


def test_russian_counts_in_three_forms():
    """1 and 21 alike, 2 to 4 alike, 5 to 20 alike."""
    with speaking("ru"):
        said = [_n("{n} component", "{n} components", n) for n in (1, 2, 5, 11, 21, 22, 25)]
    assert said == [
        "1 компонент",
        "2 компонента",
        "5 компонентов",
        "11 компонентов",
        "21 компонент",
        "22 компонента",
        "25 компонентов",
    ]


def test_what_a_catalogue_lacks_is_said_in_english():
    with speaking("de"):
        assert _("Nobody says {this}", this="that") == "Nobody says that"
        assert _n("{n} unheard of", "{n} unheard ofs", 2) == "2 unheard ofs"
    assert _("{n} days", n=1) == "1 days"


def test_places_are_filled_with_text_as_it_is():
    assert _("{a} {b}", a="{b}", b="%s") == "{b} %s"


def test_a_locale_is_spoken_by_its_language():
    spoken = [supported(text) for text in ("de", "de-AT", "pt_BR", "RU", "", None, "deutsch", "../de")]
    assert spoken == ["de", "de", None, "ru", None, None, None, None]
