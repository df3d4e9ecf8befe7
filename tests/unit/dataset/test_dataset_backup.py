"""A backup holds what the catalog knows, and not the key of its secrets."""

from pathlib import Path

import pytest
from dataset_samples import NAME, SECRET, TaskRunner, in_folder, neighbours
from memory_mesh import MemoryMesh

from sensorium.dataset.connection_service import ConnectionService
from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset.vault import KEY_FILE
from sensorium.errors import DataLoss
from sensorium.model.connection import ConnectionField, ConnectionKind, ConnectionSpec, ConnectionUpdate
from sensorium.model.dataset_names import ConnectionName
from sensorium.settings import DatasetSettings
from sensorium.storage.backup import back_up, bring_back

BUCKET = ConnectionName("default", "bucket")
SPEC = ConnectionSpec(ConnectionKind.S3, configs={"bucket": "b"}, secrets={"secret_access_key": SECRET})


def nobody(_name: str, _size: int) -> None:
    """Take no notice."""


@pytest.fixture
async def restored(tmp_path: Path) -> Path:
    """Return a data directory that was brought back, without the key."""
    async with embedded_datasets(
        tmp_path / "state", DatasetSettings(), neighbours(MemoryMesh()), TaskRunner
    ) as service:
        await service.datasets.create_dataset(NAME, in_folder(tmp_path))
        await service.connections.create_connection(BUCKET, SPEC)
        back_up(tmp_path / "state", tmp_path / "copy", nobody)
    assert not (tmp_path / "copy" / KEY_FILE).exists()
    assert SECRET.encode() not in (tmp_path / "copy" / "dataset.sqlite3").read_bytes()
    bring_back(tmp_path / "copy", tmp_path / "new", nobody)
    return tmp_path / "new"


async def secrets_in(data: Path, secrets: dict[str, str] | None = None) -> dict[str, str]:
    async with embedded_datasets(data, DatasetSettings(), neighbours(MemoryMesh()), TaskRunner) as service:
        assert (await service.datasets.get_dataset(NAME)).name == NAME
        connections = service.connections
        assert isinstance(connections, ConnectionService)
        if secrets:
            spec = ConnectionSpec(ConnectionKind.S3, secrets=secrets)
            await connections.update_connection(ConnectionUpdate(BUCKET, spec, (ConnectionField.SECRETS,)))
        return dict((await connections.spec_with_secrets(BUCKET)).secrets)


async def test_a_restore_with_the_key_has_its_secrets(restored: Path, tmp_path: Path) -> None:
    (restored / KEY_FILE).write_bytes((tmp_path / "state" / KEY_FILE).read_bytes())
    (restored / KEY_FILE).chmod(0o600)
    assert await secrets_in(restored) == {"secret_access_key": SECRET}


async def test_a_restore_without_the_key_takes_secrets_anew(restored: Path) -> None:
    with pytest.raises(DataLoss):
        await secrets_in(restored)
    assert await secrets_in(restored, {"secret_access_key": "another"}) == {"secret_access_key": "another"}
