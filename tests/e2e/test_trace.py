"""One trace goes from the caller through the gateway and the embed role to Triton."""

import signal
from pathlib import Path
from queue import SimpleQueue

from mesh_process import MeshProcess
from otlp_sinks import SentSpan, grpc_sink, http_sink

from sensorium import Client


def drained(spans: SimpleQueue[SentSpan], until: int) -> list[SentSpan]:
    return [spans.get(timeout=20) for _ in range(until)]


def test_a_trace_goes_from_the_gateway_to_triton(tmp_path: Path) -> None:
    with grpc_sink() as mesh_sink, http_sink() as triton_sink:
        running = MeshProcess.start(
            tmp_path,
            SENSORIUM_TELEMETRY__OTLP_ENDPOINT=mesh_sink.endpoint,
            SENSORIUM_TRITON__OTLP_HTTP_ENDPOINT=triton_sink.endpoint,
        )
        try:
            running.wait_serving()
            with Client(running.grpc_address) as client:
                for number in range(20):
                    client.embed(f"text number {number}")
            assert running.stop() == 0
        finally:
            running.stop(signal.SIGKILL)
        calls = [span for span in drained(mesh_sink.spans, 20) if span.name == "sensorium.v1.EmbedService/Embed"]
        inferences = drained(triton_sink.spans, 60)
    assert {span.service for span in calls} == {"sensorium-all"}
    joined = {span.trace_id for span in calls} & {span.trace_id for span in inferences}
    assert len(joined) > len(calls) / 2  # not all: docs/triton.md says why
