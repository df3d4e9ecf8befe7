"""The guard of a gateway: who may begin a call, and what its requests may name."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from key_ring import Keys

from sensorium.errors import PermissionDenied, Unauthenticated
from sensorium.gateway.keys.guard import KeyGuard
from sensorium.gateway.keys.permissions import RULES
from sensorium.model.access import KeyRole, Named, Rule
from sensorium.ports import Permit

READING = Rule(KeyRole.READ)


def admit(keys: Keys, headers: dict[str, str], rule: Rule = READING) -> Permit:
    return KeyGuard(keys.ring, local=False).admit(rule, headers)


def denied(permit: Permit, named: Named) -> str:
    with pytest.raises(PermissionDenied) as raised:
        permit.request(named, 1)
    return raised.value.metadata["required"]


def test_on_loopback_without_any_key_everybody_may_call(keys: Keys) -> None:
    guard = KeyGuard(keys.ring, local=True)
    assert not guard.closed
    assert guard.admit(READING, {}).key_id == ""
    assert guard.admit(READING, {"authorization": "Bearer nonsense"}).key_id == ""


def test_the_first_key_closes_the_door_and_the_last_revocation_leaves_it_closed(keys: Keys) -> None:
    guard = KeyGuard(keys.ring, local=True)
    key, _ = keys.make()
    keys.cli.revoke(key.id)
    keys.ring.read()
    assert guard.closed
    with pytest.raises(Unauthenticated):
        guard.admit(READING, {})


def test_beyond_loopback_nobody_calls_without_a_key_though_there_is_none(keys: Keys) -> None:
    guard = KeyGuard(keys.ring, local=False, local_open=True)
    assert not guard.closed
    with pytest.raises(Unauthenticated):
        guard.admit(READING, {})


def test_a_setting_leaves_loopback_open_but_a_key_that_is_shown_counts(keys: Keys) -> None:
    guard = KeyGuard(keys.ring, local=True, local_open=True)
    key, secret = keys.make()
    assert not guard.closed
    assert guard.admit(READING, {}).key_id == ""
    assert guard.admit(READING, {"authorization": f"Bearer {secret.text}"}).key_id == key.id
    with pytest.raises(Unauthenticated):
        guard.admit(READING, {"authorization": "Bearer wrong"})


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_the_scheme_is_read_as_http_reads_it(keys: Keys, scheme: str) -> None:
    key, secret = keys.make()
    assert admit(keys, {"authorization": f"{scheme}{secret.text} "}).key_id == key.id


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.builds("{} {}".format, st.sampled_from(["Bearer", "Basic", "bearer"]), st.text()))
def test_no_header_that_is_no_key_is_let_in_or_breaks_anything(keys: Keys, header: str) -> None:
    if not keys.ring:
        keys.make()
    with pytest.raises(Unauthenticated):
        admit(keys, {"authorization": header})


@pytest.mark.parametrize("role", KeyRole)
@pytest.mark.parametrize("needed", KeyRole)
def test_a_role_may_do_what_those_below_it_may(keys: Keys, role: KeyRole, needed: KeyRole) -> None:
    headers = keys.header(role)
    if list(KeyRole).index(role) >= list(KeyRole).index(needed):
        assert admit(keys, headers, Rule(needed))
        return
    with pytest.raises(PermissionDenied) as raised:
        admit(keys, headers, Rule(needed))
    assert raised.value.metadata == {"required": needed}


def test_a_method_that_nobody_declared_is_for_admins(keys: Keys) -> None:
    assert KeyGuard(keys.ring, local=True).rule("/sensorium.v1.NewService/New").role is KeyRole.ADMIN


def test_a_key_of_a_workspace_reaches_no_other(keys: Keys) -> None:
    permit = admit(keys, keys.header(workspace="acme"))
    permit.request(Named(shared=("workspaces/acme",), collections=("workspaces/acme/collections/x",)), 1)
    assert denied(permit, Named(shared=("workspaces/other",))) == "workspaces/other"
    assert denied(permit, Named(collections=("collections/x",))) == "workspaces/default"
    assert denied(permit, Named(shared=("",))) == "workspaces/default"


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("collections/garage", True),
        ("workspaces/default/collections/garage", True),
        ("workspaces/default/collections/garage/snapshots/s", True),
        ("collections/shed-1", True),
        ("aliases/shed-", True),
        ("collections/garage2", False),
        ("collections/shed", False),
        ("collections/-/jobs/x", False),
        ("collections/", False),
        ("", False),
        ("nonsense", False),
        ("documents/collections/garage", False),
        ("collections/other/collections/garage", False),
        ("collections/other\n/collections/garage", False),
    ],
)
def test_a_key_for_some_collections_reaches_these_alone(keys: Keys, name: str, reached: bool) -> None:
    permit = admit(keys, keys.header(workspace="default", collections=("garage", "shed-*")))
    if reached:
        permit.request(Named(collections=(name,)), 1)
    else:
        assert denied(permit, Named(collections=(name,))).startswith("workspaces/default/collections/")


def test_what_a_call_makes_must_be_in_reach_too(keys: Keys) -> None:
    permit = admit(keys, keys.header(workspace="default", collections=("garage",)))
    permit.request(Named(shared=("",), collection_ids=("garage", "")), 1)
    assert denied(permit, Named(shared=("",), collection_ids=("other",))) == "workspaces/default/collections/other"


def test_a_method_about_a_whole_workspace_is_not_for_a_key_of_some_collections(keys: Keys) -> None:
    rule = RULES["/sensorium.v1.SearchService/ListCollections"]
    assert admit(keys, keys.header(workspace="default"), rule)
    with pytest.raises(PermissionDenied):
        admit(keys, keys.header(workspace="default", collections=("garage",)), rule)
