"""Settings come from arguments, the environment and one file, in this order, and a typo is an error."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from sensorium.settings import Settings


def test_defaults_listen_on_loopback() -> None:
    settings = Settings()
    assert (settings.grpc.host, settings.grpc.port) == ("127.0.0.1", 50051)
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8080)


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "sensorium.toml"
    file.write_text("[grpc]\nport = 1\nhost = '127.0.0.2'\n")
    monkeypatch.setenv("SENSORIUM_CONFIG", str(file))
    monkeypatch.setenv("SENSORIUM_GRPC__PORT", "2")
    assert (Settings().grpc.host, Settings().grpc.port) == ("127.0.0.2", 2)


def test_a_misspelt_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSORIUM_GRPC__PROT", "2")
    with pytest.raises(ValidationError, match="prot"):
        Settings()
