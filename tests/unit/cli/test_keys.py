"""`sensorium key` works on a data directory, shows a secret once, and hides it from then on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sensorium.cli.session import Connection
from sensorium.gateway.keys.secret import Secret


@pytest.fixture
def key(run: Any, tmp_path: Path) -> Any:
    return lambda *arguments: run("key", *arguments, "--data-dir", str(tmp_path))


def test_a_secret_is_printed_alone_and_once(key: Any) -> None:
    made = key("create", "shop")
    secret = Secret.read(made.out.strip())
    assert secret
    assert "not shown again" in made.err
    listed = key("list")
    assert secret.key_id in listed.out
    assert secret.text not in listed.out


def test_a_key_has_what_was_asked_for(key: Any) -> None:
    options = ["--role", "write", "--expires", "90d", "--collection", "garage", "--collection", "shed-*"]
    key("create", "shop", *options, "--requests-per-minute", "60", "--tokens-per-minute", "120000")
    (listed,) = key("list", "--json").documents()
    made = datetime.fromisoformat(listed["create_time"])
    assert abs(datetime.fromisoformat(listed["expire_time"]) - made - timedelta(days=90)) < timedelta(minutes=1)
    assert {name: listed[name] for name in ("name", "role", "state", "workspace", "collections")} == {
        "name": "shop",
        "role": "write",
        "state": "active",
        "workspace": "default",
        "collections": ["garage", "shed-*"],
    }
    assert (listed["requests_per_minute"], listed["tokens_per_minute"]) == (60, 120_000)


def test_a_key_reaches_every_workspace_unless_one_is_named(key: Any) -> None:
    key("create", "any")
    key("create", "one", "--only-workspace", "acme")
    key("create", "some", "--collection", "x", "--workspace", "acme")
    assert [each["workspace"] for each in key("list", "--json").documents()] == ["", "acme", "acme"]


def test_a_revoked_key_is_told_as_such(key: Any) -> None:
    (made,) = key("create", "shop", "--json").documents()
    assert key("revoke", made["id"]).out == f"revoked {made['id']} (shop)\n"
    assert [each["state"] for each in key("list", "--json").documents()] == ["revoked"]
    assert "revoked" in key("list").out


def test_an_expired_key_is_told_as_such(key: Any) -> None:
    key("create", "shop", "--expires", "2020-01-01T00:00:00Z")
    assert [each["state"] for each in key("list", "--json").documents()] == ["expired"]


def test_a_time_without_a_zone_is_utc(key: Any) -> None:
    key("create", "shop", "--expires", "2030-01-01")
    (listed,) = key("list", "--json").documents()
    assert datetime.fromisoformat(listed["expire_time"]) == datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("when", ["soon", "d", "-3d", "999999999999d", "2030-13-01", "90"])
def test_a_time_that_is_none_is_refused(key: Any, when: str) -> None:
    ran = key("create", "shop", f"--expires={when}", "--json")
    assert ran.status == 2
    assert ran.errors()[0]["reason"] == "FIELD_INVALID"


def test_a_key_that_is_not_there_is_not_found(key: Any) -> None:
    assert key("revoke", "0123456789ab").status == 3
    assert key("list").out == "no keys\n"


def test_the_key_to_show_is_an_option_or_in_the_environment_and_in_no_repr(
    run: Any, connections: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("--api-key", "a", "--tls-ca", "roots.pem", "status")
    run("status", "--api-key", "a", "--tls-ca", "roots.pem")
    monkeypatch.setenv("SENSORIUM_API_KEY", "b")
    monkeypatch.setenv("SENSORIUM_TLS_CA", "other.pem")
    run("status")
    shown = [(each.api_key, each.tls_ca) for each in connections]
    assert shown == [("a", "roots.pem"), ("a", "roots.pem"), ("b", "other.pem")]
    assert "'b'" not in repr(connections)


def test_what_clients_sign_with_belongs_to_the_key_and_stays(key: Any) -> None:
    made = key("create", "shop", "--json").documents()[0]
    (shown,) = key("access", made["id"], "--json").documents()
    assert shown["access_key"] == made["id"]
    assert len(shown["secret_key"]) == 64
    assert key("access", made["id"]).out.split() == [shown["access_key"], shown["secret_key"]]
    other = key("create", "other", "--json").documents()[0]
    assert key("access", other["id"], "--json").documents()[0]["secret_key"] != shown["secret_key"]
    assert key("access", "000000000000").status != 0


def test_rotating_prints_another_secret_of_the_same_key(key: Any) -> None:
    (made,) = key("create", "shop", "--json").documents()
    signs = key("access", made["id"]).out
    (rotated,) = key("rotate", made["id"], "--overlap", "7d", "--json").documents()
    assert (rotated["id"], rotated["secret"] == made["secret"]) == (made["id"], False)
    (listed,) = key("list", "--json").documents()
    assert (listed["generation"], listed["previous_until"]) == (1, rotated["previous_until"])
    assert key("access", made["id"]).out != signs
    assert Secret.read(key("rotate", made["id"]).out.strip())


@pytest.mark.parametrize("overlap", ["", "7", "-1d", "soon", "99999999999d", "9999d"])
def test_an_overlap_that_is_none_is_refused(key: Any, overlap: str) -> None:
    (made,) = key("create", "shop", "--json").documents()
    failed = key("rotate", made["id"], "--overlap", overlap)
    assert (failed.status, "--overlap" in failed.err) == (2, True)
