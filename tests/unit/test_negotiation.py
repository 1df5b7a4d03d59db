"""What a request says of the answer it can use."""

import pytest

from hub.negotiation import accepts_gzip, etag_of, knows

ETAG = etag_of(b"as it is")


@pytest.mark.parametrize(
    "if_none_match", [ETAG, ETAG.removeprefix("W/"), f'"other", {ETAG}', f'{ETAG} ,W/"more"', "*", " * "]
)
def test_an_answer_is_known_by_any_tag_of_a_list_weak_or_not(if_none_match):
    assert knows({"if-none-match": if_none_match}, ETAG)


@pytest.mark.parametrize(
    "if_none_match", ["", '"other"', "*, *", etag_of(b"as it was"), ETAG[:-2] + '"', "x" + ETAG, ETAG.strip('W/"')]
)
def test_an_answer_is_not_known_by_another_tag_or_a_part_of_its_own(if_none_match):
    assert not knows({"if-none-match": if_none_match}, ETAG)
    assert not knows({}, ETAG)


def test_tags_are_weak_since_packed_bytes_are_others():
    assert ETAG.startswith('W/"')


@pytest.mark.parametrize("offered", ["gzip", "br, gzip", "GZIP", "gzip;q=0.5", "gzip; q=1.0, identity"])
def test_who_names_gzip_gets_it(offered):
    assert accepts_gzip({"accept-encoding": offered})


@pytest.mark.parametrize("offered", ["", "br", "identity", "gzip;q=0", "gzip; q=0.000", "br, gzip ;q=0, identity"])
def test_who_declines_gzip_does_not_get_it(offered):
    assert not accepts_gzip({"accept-encoding": offered})
    assert not accepts_gzip({})
