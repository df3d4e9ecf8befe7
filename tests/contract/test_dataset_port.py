"""Datasets, versions and connections give the same results and the same errors in this process and over gRPC."""

import uuid
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path

import pytest
from dataset_samples import (
    LOCAL,
    NAME,
    SECRET,
    V1,
    TaskRunner,
    in_folder,
    local_connection,
    neighbours,
)
from memory_mesh import MemoryMesh
from served_mesh import served

from sensorium.dataset.client import REPEATABLE, dataset_clients
from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset_ports import DatasetPorts
from sensorium.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Reason,
    SensoriumError,
    Unimplemented,
)
from sensorium.model.connection import (
    ConnectionField,
    ConnectionKind,
    ConnectionModel,
    ConnectionSpec,
    ConnectionUpdate,
    ModelKind,
    Validation,
)
from sensorium.model.dataset import (
    Accessibility,
    DatasetField,
    DatasetSpec,
    DatasetUpdate,
    DataType,
    Edition,
    Property,
    VersionField,
    VersionSpec,
    VersionState,
    VersionUpdate,
)
from sensorium.model.dataset_names import ConnectionName, DatasetName, VersionName
from sensorium.rpc.channel import open_channel
from sensorium.settings import DatasetSettings


@pytest.fixture
def limits(tmp_path: Path) -> DatasetSettings:
    return DatasetSettings(
        roots=(tmp_path,),
        max_page_size=2,
        max_display_name_chars=10,
        max_description_chars=10,
        max_uri_chars=200,
        max_labels=2,
        max_label_chars=5,
        max_annotations_bytes=400,
        max_models=2,
    )


@pytest.fixture
async def service(tmp_path: Path, limits: DatasetSettings) -> AsyncIterator[DatasetPorts]:
    async with embedded_datasets(tmp_path / "state", limits, neighbours(MemoryMesh()), TaskRunner) as ports:
        yield ports


@pytest.fixture(params=["local", "remote"])
async def ports(request: pytest.FixtureRequest, service: DatasetPorts) -> AsyncIterator[DatasetPorts]:
    if request.param == "local":
        yield service
        return
    memory = MemoryMesh()
    async with (
        served(memory.embedder, memory.searcher, datasets=service) as address,
        open_channel(address, repeatable=REPEATABLE) as channel,
    ):
        yield dataset_clients(channel)


async def refused(call: Awaitable[object], kind: type[SensoriumError], reason: Reason, field: str = "") -> None:
    with pytest.raises(SensoriumError) as caught:
        await call
    assert (type(caught.value), caught.value.reason, caught.value.field) == (kind, reason, field)


# --- Datasets -------------------------------------------------------------------------------------------------------


async def test_a_dataset_comes_back_as_it_was_given(ports: DatasetPorts, tmp_path: Path) -> None:
    await ports.connections.create_connection(LOCAL, local_connection(tmp_path))
    spec = DatasetSpec(
        "Straße", "of a road", Edition.BASIC, DataType.PIC, Property.FILE, Accessibility.PUBLIC, "sub/a.jpg",
        LOCAL, {"k": "v"}, {"ImportInfo": "{}"},
    )  # fmt: skip
    created = await ports.datasets.create_dataset(NAME, spec)
    assert (created.name, created.spec) == (NAME, spec)
    assert created.etag
    assert created == await ports.datasets.get_dataset(NAME)
    assert created.latest == await ports.datasets.get_version(V1)
    assert created.latest.spec == VersionSpec(uri="sub/a.jpg", connection=LOCAL)
    assert created.latest.state is VersionState.DRAFT


async def test_a_repeat_with_its_request_id_makes_nothing_again(ports: DatasetPorts) -> None:
    repeat = str(uuid.uuid4())
    first = await ports.datasets.create_dataset(NAME, DatasetSpec(), request_id=repeat)
    assert await ports.datasets.create_dataset(NAME, DatasetSpec(), request_id=repeat.upper()) == first
    await refused(ports.datasets.create_dataset(NAME, DatasetSpec()), AlreadyExists, Reason.RESOURCE_EXISTS)
    other = ports.datasets.create_dataset(NAME, DatasetSpec("other"), request_id=repeat)
    await refused(other, InvalidArgument, Reason.FIELD_INVALID, "request_id")
    await refused(
        ports.datasets.create_dataset(NAME, DatasetSpec(), request_id="no"),
        InvalidArgument, Reason.FIELD_INVALID, "request_id",
    )  # fmt: skip


async def test_datasets_are_listed_by_page(ports: DatasetPorts) -> None:
    names = [DatasetName("default", f"d{place}") for place in range(3)]
    for name in names:
        await ports.datasets.create_dataset(name, DatasetSpec())
    await ports.datasets.create_dataset(DatasetName("acme", "d9"), DatasetSpec())
    first = await ports.datasets.list_datasets("default", 1000, "")
    rest = await ports.datasets.list_datasets("default", 1000, first.next_page_token)
    assert [each.name for each in first.items + rest.items] == names
    assert (len(first.items), rest.next_page_token) == (2, "")
    await refused(
        ports.datasets.list_datasets("acme", 0, first.next_page_token),
        InvalidArgument, Reason.PAGE_TOKEN_INVALID, "page_token",
    )  # fmt: skip
    await refused(ports.datasets.list_datasets("acme", -1, ""), InvalidArgument, Reason.FIELD_INVALID, "page_size")


async def test_an_update_changes_what_it_names_and_minds_the_etag(ports: DatasetPorts) -> None:
    made = await ports.datasets.create_dataset(NAME, DatasetSpec("Old", "before", Edition.BASIC))
    change = DatasetUpdate(NAME, DatasetSpec("New"), (DatasetField.DISPLAY_NAME, DatasetField.EDITION), made.etag)
    changed = await ports.datasets.update_dataset(change)
    assert changed.spec == DatasetSpec("New", "before", Edition.ADVANCED)
    await refused(ports.datasets.update_dataset(change), Aborted, Reason.CONFLICT, "dataset.etag")
    back = replace(change, spec=DatasetSpec(edition=Edition.LOGICAL), etag="", fields=(DatasetField.EDITION,))
    await refused(ports.datasets.update_dataset(back), InvalidArgument, Reason.FIELD_INVALID, "dataset.edition")
    await refused(
        ports.datasets.update_dataset(replace(change, fields=())),
        InvalidArgument, Reason.FIELD_INVALID, "update_mask",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (DatasetSpec("x" * 11), "dataset.display_name"),
        (DatasetSpec(description="x" * 11), "dataset.description"),
        (DatasetSpec(uri="x" * 201), "dataset.uri"),
        (DatasetSpec(uri="a\0"), "dataset.uri"),
        (DatasetSpec(edition=Edition.LOGICAL, uri="a"), "dataset.uri"),
        (DatasetSpec(labels={"toolong": "v"}), "dataset.labels"),
        (DatasetSpec(labels={"k": "toolong"}), "dataset.labels['k']"),
        (DatasetSpec(labels={"": "v"}), "dataset.labels"),
        (DatasetSpec(annotations={"k": "v" * 400}), "dataset.annotations"),
        (DatasetSpec(connection=ConnectionName("acme", "disk")), "dataset.connection"),
    ],
)
async def test_what_no_dataset_can_be_is_refused(ports: DatasetPorts, spec: DatasetSpec, field: str) -> None:
    await refused(ports.datasets.create_dataset(NAME, spec), InvalidArgument, Reason.FIELD_INVALID, field)


async def test_a_dataset_names_a_storage_that_is_there(ports: DatasetPorts) -> None:
    wanted = DatasetSpec(connection=LOCAL)
    await refused(ports.datasets.create_dataset(NAME, wanted), NotFound, Reason.RESOURCE_NOT_FOUND)
    await ports.connections.create_connection(LOCAL, ConnectionSpec(ConnectionKind.EMBEDDED))
    await refused(
        ports.datasets.create_dataset(NAME, wanted), InvalidArgument, Reason.FIELD_INVALID, "dataset.connection"
    )


async def test_too_many_labels_are_counted(ports: DatasetPorts) -> None:
    spec = DatasetSpec(labels={"a": "", "b": "", "c": ""})
    await refused(ports.datasets.create_dataset(NAME, spec), InvalidArgument, Reason.TOO_MANY_ITEMS, "dataset.labels")


async def test_a_deleted_dataset_is_gone_with_its_versions(ports: DatasetPorts) -> None:
    await ports.datasets.create_dataset(NAME, DatasetSpec())
    await ports.datasets.delete_dataset(NAME, force=False)
    for call in (ports.datasets.get_dataset(NAME), ports.datasets.get_version(V1)):
        await refused(call, NotFound, Reason.RESOURCE_NOT_FOUND)
    await refused(ports.datasets.delete_dataset(NAME, force=True), NotFound, Reason.RESOURCE_NOT_FOUND)


# --- Versions -------------------------------------------------------------------------------------------------------


async def test_versions_count_up_and_are_listed_latest_first(ports: DatasetPorts) -> None:
    await ports.datasets.create_dataset(NAME, DatasetSpec(uri="a"))
    for place in range(2):
        await ports.datasets.create_version(NAME, VersionSpec(f"no {place}", uri="b" if place else ""))
    first = await ports.datasets.list_versions(NAME, 0, "")
    rest = await ports.datasets.list_versions(NAME, 0, first.next_page_token)
    found = [(each.name.number, each.spec.uri) for each in first.items + rest.items]
    assert found == [(3, "b"), (2, "a"), (1, "a")]
    assert (await ports.datasets.get_dataset(NAME)).latest == first.items[0]
    await refused(
        ports.datasets.list_versions(DatasetName("default", "none"), 0, ""), NotFound, Reason.RESOURCE_NOT_FOUND
    )


async def test_a_version_changes_what_describes_it(ports: DatasetPorts) -> None:
    before = (await ports.datasets.create_dataset(NAME, DatasetSpec())).latest
    change = VersionUpdate(V1, VersionSpec("new", labels={"k": "v"}), (VersionField.LABELS,), before.etag)
    changed = await ports.datasets.update_version(change)
    assert changed.spec == replace(before.spec, labels={"k": "v"})
    await refused(ports.datasets.update_version(change), Aborted, Reason.CONFLICT, "dataset_version.etag")


async def test_a_published_version_says_so_for_ever(ports: DatasetPorts) -> None:
    await ports.datasets.create_dataset(NAME, DatasetSpec())
    published = await ports.datasets.publish_version(V1)
    assert published.state is VersionState.PUBLISHED
    assert published.publish_time
    assert await ports.datasets.publish_version(V1) == published


async def test_the_only_version_stays(ports: DatasetPorts) -> None:
    await ports.datasets.create_dataset(NAME, DatasetSpec())
    await refused(ports.datasets.delete_version(V1), FailedPrecondition, Reason.RESOURCE_IN_USE)
    await ports.datasets.create_version(NAME, VersionSpec())
    await ports.datasets.delete_version(VersionName(NAME, 2))
    assert (await ports.datasets.get_dataset(NAME)).latest.name == V1


# --- Connections ----------------------------------------------------------------------------------------------------


async def test_a_connection_comes_back_without_its_secrets(ports: DatasetPorts) -> None:
    spec = ConnectionSpec(
        ConnectionKind.OPEN_AI,
        "LLM",
        {"base_url": "http://127.0.0.1:8000/v1"},
        {"api_key": SECRET},
        (ConnectionModel("qwen", ModelKind.LLM, "Qwen"),),
        {"Accessibility": "PRIVATE"},
    )
    created = await ports.connections.create_connection(LOCAL, spec)
    assert created.spec == replace(spec, secrets={})
    assert created.secret_names == ("api_key",)
    assert await ports.connections.get_connection(LOCAL) == created
    listed = await ports.connections.list_connections("default", 0, "")
    assert listed.items == (created,)
    assert SECRET not in repr((created, spec))


async def test_secrets_do_not_lie_on_disk(ports: DatasetPorts, tmp_path: Path) -> None:
    spec = ConnectionSpec(ConnectionKind.S3, configs={"bucket": "b"}, secrets={"secret_access_key": SECRET})
    await ports.connections.create_connection(LOCAL, spec)
    for file in (tmp_path / "state").iterdir():
        assert SECRET.encode() not in file.read_bytes()


async def test_an_update_leaves_the_secrets_that_it_does_not_name(ports: DatasetPorts) -> None:
    made = await ports.connections.create_connection(
        LOCAL, ConnectionSpec(ConnectionKind.S3, configs={"bucket": "b"}, secrets={"access_key_id": "a"})
    )
    change = ConnectionUpdate(
        LOCAL, ConnectionSpec(ConnectionKind.S3, "new"), (ConnectionField.DESCRIPTION,), made.etag
    )
    changed = await ports.connections.update_connection(change)
    assert (changed.spec.description, changed.secret_names) == ("new", ("access_key_id",))
    await refused(ports.connections.update_connection(change), Aborted, Reason.CONFLICT, "connection.etag")
    emptied = replace(change, spec=ConnectionSpec(ConnectionKind.S3), fields=(ConnectionField.SECRETS,), etag="")
    assert (await ports.connections.update_connection(emptied)).secret_names == ()


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (ConnectionSpec(ConnectionKind.S3), "connection.configs"),
        (ConnectionSpec(ConnectionKind.DASH_SCOPE, configs={"base_url": "http://a"}), "connection.secrets"),
        (
            ConnectionSpec(ConnectionKind.S3, configs={"bucket": "b", "endpoint": "file:///etc"}),
            "connection.configs['endpoint']",
        ),
        (
            ConnectionSpec(ConnectionKind.OPEN_AI, configs={"base_url": "http://me:secret@host"}),
            "connection.configs['base_url']",
        ),
        *[
            (ConnectionSpec(ConnectionKind.S3, configs={"bucket": bucket}), "connection.configs['bucket']")
            for bucket in ("a b", "a/b", "a..b", "-a", "a\n", "ü", "a" * 64)
        ],
        (ConnectionSpec(ConnectionKind.S3, configs={"bucket": "b", "region": "\n"}), "connection.configs['region']"),
        *[
            (
                ConnectionSpec(ConnectionKind.S3, configs={"bucket": "b", "endpoint": endpoint}),
                "connection.configs['endpoint']",
            )
            for endpoint in ("http://a?b", "http://a b", "http://ü", "http://a:99999")
        ],
        (
            ConnectionSpec(
                ConnectionKind.S3, configs={"bucket": "b", "endpoint": "http://127.0.0.1:9", "addressing": "virtual"}
            ),
            "connection.configs['addressing']",
        ),
        (
            ConnectionSpec(ConnectionKind.S3, configs={"bucket": "b"}, secrets={"access_key_id": "a\n"}),
            "connection.secrets['access_key_id']",
        ),
    ],
)
async def test_what_no_connection_can_be_is_refused(ports: DatasetPorts, spec: ConnectionSpec, field: str) -> None:
    await refused(ports.connections.create_connection(LOCAL, spec), InvalidArgument, Reason.FIELD_INVALID, field)


async def test_a_trial_says_what_is_wrong(ports: DatasetPorts, tmp_path: Path) -> None:
    await ports.connections.create_connection(LOCAL, local_connection(tmp_path))
    assert await ports.connections.validate_connection(Validation("default", LOCAL)) is None
    gone = await ports.connections.validate_connection(
        Validation("default", LOCAL, local_connection(tmp_path / "gone"))
    )
    assert isinstance(gone, NotFound)
    outside = await ports.connections.validate_connection(Validation("default", None, local_connection(Path("/etc"))))
    assert outside is not None
    assert outside.reason is Reason.URI_REFUSED
    unknown = ConnectionSpec(ConnectionKind.MILVUS, configs={"uri": "http://a"})
    assert isinstance(await ports.connections.validate_connection(Validation("default", None, unknown)), Unimplemented)


async def test_a_connection_in_use_stays(ports: DatasetPorts, tmp_path: Path) -> None:
    await ports.connections.create_connection(LOCAL, local_connection(tmp_path))
    await ports.datasets.create_dataset(NAME, replace(in_folder(tmp_path), connection=LOCAL))
    await refused(ports.connections.delete_connection(LOCAL), FailedPrecondition, Reason.RESOURCE_IN_USE)
    await ports.datasets.delete_dataset(NAME, force=False)
    await ports.connections.delete_connection(LOCAL)
    await refused(ports.connections.get_connection(LOCAL), NotFound, Reason.RESOURCE_NOT_FOUND)
