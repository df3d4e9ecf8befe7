"""What a hub says in its headers is read with care."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensorium.errors import Unavailable
from sensorium.triton.hub import range_start, redirected

URL = "https://hub.example/org/model/resolve/main/file"


@given(st.integers(0, 1 << 60), st.integers(1, 1 << 60), st.booleans())
def test_a_range_begins_where_it_says(first: int, length: int, known: bool) -> None:
    last = first + length - 1
    assert range_start(f"bytes {first}-{last}/{last + 1 if known else '*'}") == first


@given(st.text() | st.from_regex(r"bytes \d{1,5}-\d{1,5}/\d{1,5}", fullmatch=True))
@example("bytes 5-4/10")
@example("bytes 0-10/10")
def test_a_range_that_makes_no_sense_has_no_start(text: str) -> None:
    start = range_start(text)
    if start is not None:
        first, last, total = (int(part) for part in text.strip().removeprefix("bytes ").replace("/", "-").split("-"))
        assert start == first <= last < total


@given(st.text() | st.builds("{}:{}".format, st.sampled_from(["https", "http", "file", "//"]), st.text()))
@example("https://[")
@example("https://host:port/")
@example("http://hub.example/plain")
def test_a_redirect_leads_to_a_secure_address_or_is_refused(location: str) -> None:
    try:
        leads = redirected(URL, location)
    except Unavailable:
        return
    assert leads.startswith("https://")


def test_a_plain_address_may_be_relative() -> None:
    assert redirected(URL, "/other") == "https://hub.example/other"
    with pytest.raises(Unavailable, match="no address"):
        redirected(URL, "")
