"""`sensorium train` says what it lacks before it starts: the file, the data, torch."""

import importlib.util
from pathlib import Path

import pytest
from training_samples import CONFIGURATION
from typer.testing import CliRunner

from sensorium.cli.application import app
from sensorium.cli.failures import ExitStatus

TORCH = importlib.util.find_spec("torch") is not None


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(CONFIGURATION)
    return path


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", str(tmp_path / "gone.toml"), "--data", str(tmp_path)])
    assert result.exit_code == ExitStatus.NOT_FOUND
    assert "gone.toml does not exist" in result.stderr


def test_data_must_be_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SENSORIUM_TRAINING__DATA", raising=False)
    result = CliRunner().invoke(app, ["train", str(file)])
    assert result.exit_code == ExitStatus.REFUSED
    assert "--data, or SENSORIUM_TRAINING__DATA" in result.stderr


@pytest.mark.skipif(TORCH, reason="torch is installed here")
def test_without_torch_the_command_says_how_to_get_it(file: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", str(file), "--data", str(tmp_path)])
    assert result.exit_code == ExitStatus.REFUSED
    assert "training needs torch" in result.stderr.replace("\n", " ")
    assert "make train" in result.stderr
