"""What a probe makes of the answers that it gets."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import InvalidArgument, Unavailable
from sensorium.telemetry.probe import failing_checks, failing_in


def test_an_answer_without_failing_checks_is_ready() -> None:
    assert failing_in(b'{"ready": true, "failing": {}}') == {}


def test_failing_checks_come_with_their_reasons() -> None:
    assert failing_in(b'{"ready": false, "failing": {"embed": "loading"}}') == {"embed": "loading"}


ANYTHING = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(st.binary() | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_any_other_answer_is_a_value_error_and_never_ready(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"answer|decode"):
        failing_in(body)


def test_a_deeply_nested_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="no JSON"):
        failing_in(b"[" * 60_000)


def test_an_address_that_is_none_is_the_callers_mistake() -> None:
    with pytest.raises(InvalidArgument, match="host:port"):
        failing_checks("127.0.0.1:nine", 1)


def test_where_nobody_listens_nothing_is_ready() -> None:
    with pytest.raises(Unavailable, match="nothing at"):
        failing_checks("127.0.0.1:0", 1)
