"""An inference server of fixed rate that speaks Triton's gRPC protocol, so that a load finds its limit there.

    python tests/support/stand_in_triton.py --tokens-per-second 4000

It runs in a process of its own, prints its address, and takes one request after another, each for as long as its
tokens last: waiting costs no processor. A vector depends on the token ids alone, so the same text has the same one.
"""

import argparse
import asyncio
import hashlib
import signal
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc

DIMENSION = 384


class StandIn(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Answers for every model there may be.

    Args:
        tokens_per_second: How fast it is, padding aside.
    """

    def __init__(self, tokens_per_second: float) -> None:
        self._seconds_per_token = 1 / tokens_per_second
        self._turn = asyncio.Lock()

    async def ServerLive(self, request: Any, rpc: Any) -> Any:  # noqa: N802
        return service_pb2.ServerLiveResponse(live=True)

    async def ModelReady(self, request: Any, rpc: Any) -> Any:  # noqa: N802
        return service_pb2.ModelReadyResponse(ready=True)

    async def ModelInfer(self, request: Any, rpc: Any) -> Any:  # noqa: N802
        tensors = {
            tensor.name: np.frombuffer(raw, np.int64).reshape(tuple(tensor.shape))
            for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        }
        ids, mask = tensors["input_ids"], tensors["attention_mask"]
        async with self._turn:
            await asyncio.sleep(self._seconds_per_token * float(mask.sum()))
        vectors = np.stack([vector(row[kept > 0]) for row, kept in zip(ids, mask, strict=True)])
        answer = service_pb2.ModelInferResponse(model_name=request.model_name, raw_output_contents=[vectors.tobytes()])
        answer.outputs.add(name=request.outputs[0].name, datatype="FP32", shape=vectors.shape)
        return answer


def vector(ids: np.ndarray) -> np.ndarray:
    """Return a unit vector, float32 [DIMENSION], that stands for `ids`."""
    seed = int.from_bytes(hashlib.blake2b(ids.tobytes(), digest_size=8).digest(), "little")
    row = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return row / np.linalg.norm(row)


async def serve(tokens_per_second: float, port: int) -> None:
    """Serve until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(StandIn(tokens_per_second), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print(f"127.0.0.1:{bound}", flush=True)
    await stopped.wait()
    await server.stop(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens-per-second", type=float, default=4000)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    asyncio.run(serve(asked.tokens_per_second, asked.port))
