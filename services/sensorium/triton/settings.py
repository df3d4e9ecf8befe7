"""Settings of the inference server: which models it serves, and whether it is ours or somebody else's."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ConfigName = Literal["cpu", "gpu", "trt"]


class TritonSettings(BaseModel):
    """Where Triton is, or how to start one.

    With `target` set, an external Triton is used: it keeps its own models, is never started or stopped, and only
    `models`, `probe_*`, `canary_interval_seconds` and `start_timeout_seconds` apply.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str = Field(default="", description="host:port of an external Triton's gRPC; empty starts our own")
    models: tuple[str, ...] = Field(default=(), description="Triton models to load and to answer for")
    environment: Path = Field(default=Path(".venv-triton"), description="the environment Triton is installed in")
    model_repository: Path = Field(default=Path("model_repository"), description="the model repository")
    config_name: ConfigName | None = Field(
        default=None, description="which configs/<name>.pbtxt to use where a model has it; unset: gpu if usable, or cpu"
    )
    otlp_http_endpoint: str = Field(default="", description="OTLP/HTTP traces URL; empty turns Triton's tracing off")
    log_verbosity: int = Field(default=0, ge=0, le=9, description="Triton's --log-verbose")
    start_timeout_seconds: float = Field(default=120.0, gt=0, description="until it must be live, and per model load")
    stop_timeout_seconds: float = Field(default=10.0, gt=0, description="grace for calls in flight at a stop")
    probe_interval_seconds: float = Field(default=2.0, gt=0, description="between two liveness probes")
    probe_timeout_seconds: float = Field(default=5.0, gt=0, description="a probe or canary without answer has failed")
    canary_interval_seconds: float = Field(default=30.0, gt=0, description="between two canaries of a model")
    shared_memory_bytes: int = Field(
        default=1 << 20, ge=1 << 20, description="first size of, and step by which grows, an instance's shared memory"
    )
