"""Every setting with its default, so that nothing is configured in two places.

Set one by an environment variable (`SENSORIUM_GRPC__PORT=50052`) or in a TOML file named by `SENSORIUM_CONFIG`.
The defaults boot the whole mesh on loopback.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

MEBIBYTE = 1 << 20
Port = Annotated[int, Field(ge=0, le=65535)]


class Role(StrEnum):
    """Which services a process runs."""

    ALL = "all"
    GATEWAY = "gateway"
    EMBED = "embed"
    SEARCH = "search"


class Section(BaseModel):
    """One frozen group of settings; an unknown name is an error, so that a typo cannot pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GrpcSettings(Section):
    """The gRPC address, and what every server on it allows."""

    host: str = "127.0.0.1"
    port: Port = 50051
    max_message_bytes: int = Field(32 * MEBIBYTE, description="The largest message, in and out.")
    max_concurrent_calls: int = Field(1024, description="Calls at work; beyond it RESOURCE_EXHAUSTED.")
    max_deadline_seconds: float = Field(120, description="A call without a deadline, or with a longer one, gets this.")
    drain_seconds: float = Field(15, description="How long running calls may finish after SIGTERM.")


class HttpSettings(Section):
    """The HTTP address of /healthz, /readyz and /metrics."""

    host: str = "127.0.0.1"
    port: Port = 8080


class EmbedSettings(Section):
    """The embed service."""

    target: str = Field("", description="Address of a remote embed service; empty runs it in this process.")
    models: tuple[str, ...] = Field(("all-minilm-l6-v2",), description="The models to serve; the first is the default.")
    max_items: int = Field(2048, description="Contents in one call.")
    max_text_bytes: int = Field(MEBIBYTE, description="One text, before it is tokenised.")
    tokenizer_threads: int = 2
    batch_tokens: int = Field(2048, description="The most tokens, padding included, of one inference request.")
    batch_items: int = Field(64, description="The most texts of one inference request.")
    inflight_batches: int = Field(3, description="Inference requests under way for one model.")
    queue_tokens: int = Field(
        262_144, description="The most tokens that wait in one lane; beyond it RESOURCE_EXHAUSTED."
    )


class SearchSettings(Section):
    """The search service."""

    target: str = Field("", description="Address of a remote search service; empty runs it in this process.")
    max_items: int = Field(2048, description="Documents in one write.")
    max_top_k: int = 10_000
    max_page_size: int = 1000
    optimize_threads: int = 1


class TelemetrySettings(Section):
    """Logs, traces and metrics."""

    log_level: str = "INFO"
    log_format: str = Field("auto", description="`console`, `json`, or `auto`: console on a terminal.")
    otlp_endpoint: str = Field("", description="OTLP over gRPC (http://host:4317); empty exports nothing.")
    otlp_http_endpoint: str = Field("", description="OTLP over HTTP for Triton's spans (http://host:4318/v1/traces).")
    sample_ratio: float = Field(1.0, ge=0, le=1, description="Share of traces kept when a caller has not decided.")


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(
        env_prefix="SENSORIUM_", env_nested_delimiter="__", frozen=True, extra="forbid", protected_namespaces=()
    )

    role: Role = Role.ALL
    data_dir: Path = Field(Path(".data"), description="Everything that must survive a restart.")
    model_repository: Path = Field(Path("model_repository"), description="Triton models and model cards.")
    grpc: GrpcSettings = GrpcSettings()
    http: HttpSettings = HttpSettings()
    embed: EmbedSettings = EmbedSettings()
    search: SearchSettings = SearchSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then the file that `SENSORIUM_CONFIG` names."""
        file = os.environ.get("SENSORIUM_CONFIG")
        toml = (TomlConfigSettingsSource(settings_cls, Path(file)),) if file else ()
        return (init_settings, env_settings, *toml)
