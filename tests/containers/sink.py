"""Stands in for the OpenTelemetry collector in the test's containers: prints every span that arrives, one a line."""

import json
from dataclasses import asdict
from threading import Thread

from otlp_sinks import SpanSink, grpc_sink, http_sink


def tell(sink: SpanSink) -> None:
    while True:
        print(json.dumps(asdict(sink.spans.get())), flush=True)


if __name__ == "__main__":
    with grpc_sink("0.0.0.0:4317") as calls, http_sink("0.0.0.0", 4318) as posts:
        Thread(target=tell, args=(posts,), daemon=True).start()
        tell(calls)
