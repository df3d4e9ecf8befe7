"""What `sensorium demo` shows of a mesh: that it becomes ready, what it indexes, what it finds, what to try next."""

import asyncio
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from sensorium.cli.demo_collection import ensure_collection
from sensorium.cli.output import Output
from sensorium.cli.progress import progress
from sensorium.cli.samples import Question, SampleSet
from sensorium.cli.session import DEFAULT_ADDRESS
from sensorium.client import AsyncClient, Hits
from sensorium.errors import Reason, Unavailable
from sensorium.model.embedding import ModelInfo
from sensorium.rpc.readiness import Readiness

COLLECTION = "samples"
READY_SECONDS = 120.0
BATCH_ITEMS = 16
HITS = 2
TRY_NEXT = """
gRPC  {grpc}
HTTP  http://{http}/readyz, /healthz, /metrics

Try next, in another shell:

.venv/bin/sensorium search samples "How do plants make food?" --top-k 3{named}
.venv/bin/sensorium search gallery "skiers on a mountain" --filter 'kind = "photo"' --top-k 3{named}

.venv/bin/python -c '
from sensorium import Client
with Client({argument}) as mesh:
    print(mesh.embed("a red bicycle").vectors.shape)'

.venv/bin/buf curl --protocol grpc --http2-prior-knowledge \\
  --data '{{"contents": [{{"parts": [{{"text": "a red bicycle"}}]}}]}}' \\
  http://{grpc}/sensorium.v1.EmbedService/Embed

docs/workflow.md goes on: datasets that are imported, tagged, indexed, searched, corrected and exported.
"""


class Show:
    """One show.

    Args:
        output: Where to print.
        client: Calls the mesh.
        samples: What to index and to ask.
    """

    def __init__(self, output: Output, client: AsyncClient, samples: SampleSet) -> None:
        self._output = output
        self._client = client
        self._samples = samples

    async def ready(self, readiness: Readiness, seconds: float = READY_SECONDS) -> ModelInfo:
        """Return the default model as soon as the mesh is ready, and tell meanwhile what it waits for.

        Raises:
            Unavailable: It is not ready within `seconds`.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._wait(readiness)
        except TimeoutError:
            reasons = "; ".join(readiness.failing().values())
            raise Unavailable(f"not ready after {seconds:g} s: {reasons}", reason=Reason.MODEL_NOT_READY) from None
        model = await self._client.model()
        self._output.say(f"{model.name} is ready: {model.dimension} dimensions, revision {model.revision}")
        return model

    async def index(self, model: ModelInfo) -> None:
        """Write the sample set, unless it is there already.

        Raises:
            FailedPrecondition: There is a collection of that name that is not the demo's.
        """
        await ensure_collection(self._client, self._output, COLLECTION, model)
        documents = self._samples.documents()
        present = await self._client.count(COLLECTION)
        if present < len(documents):
            with progress(self._output, "indexing", len(documents)) as advance:
                report = await self._client.upsert(
                    COLLECTION,
                    documents,
                    batch_size=BATCH_ITEMS,
                    on_batch=lambda batch: advance(batch.document_count),
                )
            report.raise_for_errors()
        there = "indexed" if present < len(documents) else "already there"
        self._output.say(f"{len(documents):,} passages are {there}, in the collection {COLLECTION}")

    async def search(self) -> None:
        """Ask the sample questions and print what was found."""
        asked = [
            (question, await self._client.search(COLLECTION, question.text, top_k=HITS))
            for question in self._samples.questions()
        ]
        self._output.show_each(({"question": each.text, "hits": hits.hits} for each, hits in asked), _found(asked))

    def tell(self, grpc_address: str, http_address: str) -> None:
        """Print the addresses, and three ways to go on."""
        own = grpc_address == DEFAULT_ADDRESS
        named = "" if own else f" --address {grpc_address}"
        argument = "" if own else f'"{grpc_address}"'
        told = TRY_NEXT.format(grpc=grpc_address, http=http_address, named=named, argument=argument)
        self._output.show({"grpc": grpc_address, "http": http_address}, told)

    async def _wait(self, readiness: Readiness) -> None:
        terminal, told = self._output.messages.is_terminal, ""
        with self._output.messages.status("starting") as status:
            async for _ in readiness.changes():
                reasons = readiness.failing().values()
                if not reasons:
                    return
                waiting = f"waiting: {'; '.join(reasons)}"
                status.update(waiting)
                if not terminal and waiting != told:
                    self._output.say(waiting)
                told = waiting


def _found(asked: Sequence[tuple[Question, Hits]]) -> Table:
    """Return each question with its hits, nearest first; a tick marks the passage that holds the answer."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("question", ratio=3)
    table.add_column("score", justify="right", width=5)
    table.add_column("article", ratio=2)
    table.add_column("passage", ratio=4, no_wrap=True, overflow="ellipsis")
    for question, hits in asked:
        for hit in hits:
            attributes = hit.document.attributes
            tick = "✓ " if hit.document.id == question.passage_id else "  "
            text = str(attributes.get("text", ""))
            asked_here = question.text if hit.rank == 1 else ""
            title = f"{tick}{attributes.get('title', '')}"
            table.add_row(*map(Text, (asked_here, f"{hit.score:.3f}", title, text[:80])))
        table.add_section()
    return table
