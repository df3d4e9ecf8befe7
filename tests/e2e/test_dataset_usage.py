"""What a dataset role of its own embeds for its jobs is told by the gateway, beside what callers consumed."""

import json
from pathlib import Path

import pytest
from role_processes import role_processes, wait_serving
from stand_in_process import stand_in_triton

from sensorium import Client
from sensorium.model.dataset_job import ImportWork, IndexWork, JobState, Work

TEXTS = 3


@pytest.mark.slow
def test_the_work_of_jobs_stands_beside_that_of_callers(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for number in range(TEXTS):
        (files / f"{number}.txt").write_text(f"text number {number}")
    with stand_in_triton(1_000_000) as triton, role_processes(tmp_path, triton.address) as roles:
        wait_serving([roles.start(role, role) for role in ("embed", "search")])
        there = roles.targets("embed", "search")
        wait_serving([roles.start("tag", "tag", **there)])
        there |= roles.targets("tag") | {"SENSORIUM_DATASET__ROOTS": json.dumps([str(files)])}
        wait_serving([roles.start("dataset", "dataset", **there)])
        there |= roles.targets("dataset")
        wait_serving([roles.start("gateway", "gateway", **there)])
        with Client(roles.running["gateway"].grpc_address) as client:
            client.embed(["a red bicycle"])
            (before,) = client.usage()
            client.datasets.create("drive", uri=str(files))
            done(client, ImportWork())
            done(client, IndexWork())
            (after,) = client.usage()
    assert (before.call_count, after.key_id, after.model) == (1, "", before.model)
    assert after.call_count > before.call_count
    (counted,) = after.usage.modalities
    assert counted.measure == TEXTS + 1


def done(client: Client, work: Work) -> None:
    """Run a job to its end."""
    started = client.datasets.start("drive", work)
    states = [job.state for job in client.datasets.watch(str(started.name))]
    assert states[-1] is JobState.SUCCEEDED
