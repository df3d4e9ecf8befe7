"""Measures how busy tagging and indexing jobs keep a model: their rate against that of the embed service alone.

    python tests/perf/bench_jobs.py [--model NAME] [--kind txt|jpg|png|wav] [--files 2000] [--rounds 2] [--json FILE]

One mesh (`sensorium up` with a real Triton) does both, in turns, with the same files: a raw gRPC client in a process of
its own keeps eight calls of 16 files under way, then a job takes the folder. CPU of a file is that of the mesh and of
Triton, which is steadier than rates on a machine that others use. The graph over the vectors is built when writes rest,
so the bench waits for it after a job and shows what it cost; of a longer job, it is built while that goes on.
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import load
from bench_embed import helper_process
from load import Answered, Load
from mesh import Mesh, running_mesh
from small_files import SmallFiles

from sensorium import Client
from sensorium.model.dataset_job import ImportWork, IndexWork, TagWork, Work
from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import TagSpec
from sensorium.v1 import embed_service_pb2 as pb
from sensorium.v1 import types_pb2

BATCH, CALLERS = 16, 8
GOAL = 0.90
DATASET = DEFINITION = "bench"
PIXELS, SECONDS = 256, 1.0
TAGS = ("street", "animal", "food", "sport", "music", "weather", "money", "medicine")


@dataclass(frozen=True)
class Round:
    """One measurement: files a second, and CPU milliseconds of a file, of the mesh and of Triton."""

    name: str
    per_second: float
    mesh_cpu_ms: float
    triton_cpu_ms: float


class Bench:
    """Puts the same files on a mesh by raw calls and by jobs.

    Args:
        mesh: A running mesh.
        model: The model of jobs and calls.
        generator: The other end of a process of `load.serve_requests`.
        requests: Serialised requests of all files, `BATCH` in each.
        count: How many files there are.
    """

    def __init__(self, mesh: Mesh, model: str, generator: Connection, requests: list[bytes], count: int) -> None:
        self._mesh = mesh
        self._model = model
        self._generator = generator
        self._requests = requests
        self._count = count

    def prepare(self, folder: Path) -> None:
        """Make a dataset of the files and a definition of tags."""
        with Client(self._mesh.address) as client:
            client.datasets.create(DATASET, uri=folder.as_uri())
            client.create_tag_definition(
                DEFINITION, [TagSpec(tag, f"about {tag}") for tag in TAGS], model=self._model, threshold=0.5
            )
        self._job("import", ImportWork())

    def raw(self) -> Round:
        """Send all files to the embed service alone."""
        before = self._mesh.cpu_seconds()
        self._generator.send((self._requests, Load(self._model, BATCH, CALLERS, self._count)))
        answered: Answered = self._generator.recv()
        sent = self._count + (CALLERS - 1) * BATCH
        return self._round("embed alone", answered.texts_per_second, before, sent)

    def index(self) -> Round:
        """Index all files, and let the graph over their vectors be built."""
        indexed = self._job("index job", IndexWork(self._model))
        self._wait_for_graph()
        return indexed

    def tag(self) -> Round:
        """Tag all files."""
        return self._job("tag job", TagWork(TagDefinitionName("default", DEFINITION)))

    def _wait_for_graph(self) -> None:
        before, begun = self._mesh.cpu_seconds(), time.monotonic()
        with Client(self._mesh.address) as client:
            while any(collection.pending_count for collection in client.collections()):
                time.sleep(0.2)
        self._round("graph afterwards", self._count / (time.monotonic() - begun), before, self._count)

    def _job(self, name: str, work: Work) -> Round:
        before = self._mesh.cpu_seconds()
        with Client(self._mesh.address) as client:
            started = client.datasets.start(DATASET, work)
            *_, job = client.datasets.watch(str(started.name))
        if job.succeeded_count != self._count or job.start_time is None or job.end_time is None:
            raise RuntimeError(f"the job ended as {job}")
        return self._round(name, self._count / (job.end_time - job.start_time).total_seconds(), before, self._count)

    def _round(self, name: str, per_second: float, before: tuple[float, float], count: int) -> Round:
        mesh, triton = (1000 * (now - then) / count for now, then in zip(self._mesh.cpu_seconds(), before, strict=True))
        return shown(Round(name, per_second, mesh, triton))


def shown(one: Round) -> Round:
    """Print a round."""
    print(
        f"{one.name}: {one.per_second:.1f} files/s; CPU {one.mesh_cpu_ms:.2f} + {one.triton_cpu_ms:.2f} ms a file",
        flush=True,
    )
    return one


def requests_of(model: str, kind: str, files: SmallFiles, count: int) -> list[bytes]:
    """Return serialised requests of all files."""
    return [
        pb.EmbedRequest(
            model=model, contents=[_content(kind, files.content(number)) for number in range(start, start + BATCH)]
        ).SerializeToString()
        for start in range(0, count, BATCH)
    ]


def _content(kind: str, content: bytes) -> types_pb2.Content:
    match kind:
        case "txt":
            part = types_pb2.Part(text=content.decode())
        case "wav":
            part = types_pb2.Part(audio=types_pb2.Media(data=content))
        case _:
            part = types_pb2.Part(image=types_pb2.Media(data=content))
    return types_pb2.Content(parts=[part])


def measure(folder: Path, model: str, kind: str, count: int, rounds: int) -> list[Round]:
    """Measure in turns, so that what else the machine does hits all alike."""
    data = folder / "files"
    files = SmallFiles(data, (kind,), PIXELS, SECONDS)
    files.write(range(count))
    found = []
    roots = json.dumps([str(folder)])
    with (
        running_mesh(folder, [model], SENSORIUM_DATASET__ROOTS=roots) as mesh,
        helper_process(load.serve_requests, mesh.address) as generator,
    ):
        bench = Bench(mesh, model, generator, requests_of(model, kind, files, count), count)
        bench.prepare(data)
        for _ in range(rounds):
            found += [bench.raw(), bench.index(), bench.raw(), bench.tag()]
        found.append(bench.raw())
    return found


def summarize(rounds: list[Round]) -> None:
    """Print what jobs reach of the embed service alone, by the rates beside them and by CPU."""
    alone = statistics.median(_cpu(one) for one in rounds if one.name == "embed alone")
    for name in ("index job", "tag job"):
        ratios = [
            2 * rounds[place].per_second / (rounds[place - 1].per_second + rounds[place + 1].per_second)
            for place in range(1, len(rounds), 2)
            if rounds[place].name == name
        ]
        cpu = statistics.median(_cpu(one) for one in rounds if one.name == name)
        each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{name}: {each} of the embed service alone (goal {GOAL:.2f}); by CPU {alone / cpu:.2f}")


def _cpu(one: Round) -> float:
    return one.mesh_cpu_ms + one.triton_cpu_ms


def main() -> None:
    """Print rates, CPU and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="all-minilm-l6-v2")
    parser.add_argument("--kind", choices=("txt", "jpg", "png", "wav"), default="txt")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    count = given.files - given.files % BATCH
    with tempfile.TemporaryDirectory() as folder:
        rounds = measure(Path(folder), given.model, given.kind, count, given.rounds)
    summarize(rounds)
    if given.json:
        given.json.write_text(json.dumps([asdict(each) for each in rounds], indent=1) + "\n")


if __name__ == "__main__":
    main()
