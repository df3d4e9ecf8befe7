"""Rates: how much is there, how long to wait, and what a debt does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from key_ring import Clock

from sensorium.errors import Reason, ResourceExhausted
from sensorium.gateway.keys.rates import Bucket, Meter
from sensorium.model.access import KeyRole
from sensorium.model.key import KeySpec


def meter(clock: Clock, requests: int = 0, tokens: int = 0) -> Meter:
    return Meter(KeySpec("x", KeyRole.READ, requests_per_minute=requests, tokens_per_minute=tokens), clock)


def limited(one: Meter, count: int = 1) -> ResourceExhausted:
    with pytest.raises(ResourceExhausted) as raised:
        one.request(count)
    assert raised.value.reason is Reason.RATE_LIMITED
    return raised.value


def test_a_minutes_worth_may_be_had_at_once_and_then_comes_evenly() -> None:
    clock = Clock()
    one = meter(clock, requests=60)
    for _ in range(60):
        one.request(1)
    error = limited(one)
    assert error.retry_after == pytest.approx(1.0)
    assert error.metadata == {"limit": "60", "unit": "requests per minute"}
    clock.seconds += error.retry_after or 0
    one.request(1)
    limited(one)


def test_after_the_delay_that_was_named_a_request_passes() -> None:
    clock = Clock()
    one = meter(clock, requests=7, tokens=11)
    one.used(1000)
    error = limited(one)
    clock.seconds += (error.retry_after or 0) + 1e-9
    one.request(1)


def test_tokens_are_owed_and_delay_the_next_call() -> None:
    clock = Clock()
    one = meter(clock, tokens=60)
    one.request(1)
    one.used(180)
    error = limited(one)
    assert error.retry_after == pytest.approx(121.0)
    assert error.metadata["unit"] == "tokens per minute"
    clock.seconds += 122
    one.request(1)


def test_a_refused_call_uses_up_nothing() -> None:
    clock = Clock()
    one = meter(clock, requests=1, tokens=60)
    one.used(60)
    limited(one)
    clock.seconds += 1
    one.request(1)


def test_a_batch_that_no_minute_holds_passes_when_all_is_there() -> None:
    clock = Clock()
    one = meter(clock, requests=10)
    one.request(100)
    assert limited(one).retry_after == pytest.approx(60 * 91 / 10)


def test_a_key_without_rates_is_not_limited() -> None:
    one = meter(Clock())
    for _ in range(1000):
        one.request(100)
        one.used(1_000_000)


@given(st.integers(1, 1000), st.lists(st.tuples(st.integers(1, 500), st.floats(0, 30)), max_size=30))
def test_over_any_time_no_more_passes_than_a_minutes_worth_and_what_came(
    rate: int, steps: list[tuple[int, float]]
) -> None:
    clock = Clock()
    bucket, passed = Bucket(rate, clock), 0
    for amount, pause in steps:
        if not bucket.wait(amount):
            bucket.take(amount)
            passed += amount if amount <= rate else rate
        clock.seconds += pause
    assert passed <= rate + (clock.seconds - 1000) * rate / 60 + 1e-6
