"""Every setting with its default, so that nothing is configured in two places.

Set one by an environment variable (`SENSORIUM_GRPC__PORT=50052`) or in a TOML file named by `SENSORIUM_CONFIG`.
The defaults boot the whole mesh on loopback.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

KIBIBYTE = 1 << 10
MEBIBYTE = 1 << 20
ConfigName = Literal["cpu", "gpu", "trt"]
Port = Annotated[int, Field(ge=0, le=65535)]


class Role(StrEnum):
    """Which services a process runs."""

    ALL = "all"
    GATEWAY = "gateway"
    EMBED = "embed"
    SEARCH = "search"
    TAG = "tag"
    TRITON = "triton"
    DATASET = "dataset"


class Section(BaseModel):
    """One frozen group of settings; an unknown name is an error, so that a typo cannot pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TlsSettings(Section):
    """The files of TLS, in PEM; a server reads them again when they change."""

    certificate: Path | None = Field(None, description="Our certificate and those between it and its root.")
    key: Path | None = Field(None, description="The key of our certificate.")
    ca: Path | None = Field(None, description="The roots of the certificate that the other side must show.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self


class GrpcSettings(Section):
    """The gRPC address, and what every server on it allows."""

    host: str = "127.0.0.1"
    port: Port = 50051
    max_message_bytes: int = Field(32 * MEBIBYTE, description="The largest message, in and out.")
    max_concurrent_calls: int = Field(1024, ge=1, description="Calls at work; beyond it RESOURCE_EXHAUSTED.")
    max_bulk_calls: int = Field(
        512, ge=1, description="Streams and bulk calls among them, so that others find room; beyond it the same."
    )
    max_deadline_seconds: float = Field(120, description="A call without a deadline, or with a longer one, gets this.")
    max_stream_seconds: float = Field(3600, description="The same for a stream, in either direction.")
    notice_seconds: float = Field(
        0.5, ge=0, description="After SIGTERM, how long calls are still taken from those who watch our health."
    )
    drain_seconds: float = Field(15, description="How long running calls may finish after that.")
    min_ping_seconds: float = Field(
        5, gt=0, description="Between a client's pings; one that pings more often is disconnected."
    )
    tls: TlsSettings = Field(TlsSettings(), description="What a gateway shows its callers; for roles see `mesh.tls`.")


class EasSettings(Section):
    """What clients of PAI-EAS find."""

    paths: tuple[str, ...] = Field(
        ("/api/predict/{service}", "/api/{service}", "/"), description="Where they post; {name} stands for any segment."
    )
    model: str = Field("", description="What `pai-multimodal-embedding-v1`, or no model, means; empty is the default.")
    partial_status: Literal[200, 204] = Field(
        204, description="`status_code` in the body when some items failed; the vendor's sample reads on at 200 alone."
    )


class UploadSettings(Section):
    """Files that clients of DashScope upload before they name them."""

    policy_seconds: int = Field(300, gt=0, description="How long an upload may begin after it was allowed.")
    keep_seconds: int = Field(48 * 3600, gt=0, description="How long a file can be named.")
    max_file_bytes: int = Field(100 * MEBIBYTE, gt=0, description="One file.")
    max_key_bytes: int = Field(1024 * MEBIBYTE, gt=0, description="All files of one key.")


class HttpSettings(Section):
    """The HTTP address: health and metrics of every process, and a gateway's face for clients of other services."""

    host: str = "127.0.0.1"
    port: Port = 8080
    allow_public: bool = Field(False, description="Shows health and metrics to whoever reaches it, keys or not.")
    public_url: str = Field("", description="How callers reach it; empty: as they say. For the addresses of uploads.")
    max_body_bytes: int = Field(32 * MEBIBYTE, description="The largest body; beyond it 413.")
    max_buffered_bytes: int = Field(512 * MEBIBYTE, description="All bodies that are being read; beyond it 429.")
    max_deadline_seconds: float = Field(120, description="A call may take this long.")
    head_seconds: float = Field(10, gt=0, description="The head of a request must have come by then.")
    read_seconds: float = Field(30, gt=0, description="So must its body, counted from its head.")
    keep_alive_seconds: int = Field(75, gt=0, description="A connection may idle this long between requests.")
    aliases: dict[str, str] = Field({}, description="Names that clients use for models, and the models meant.")
    signature_skew_seconds: int = Field(300, gt=0, description="How far the clock of a signed request may be off.")
    eas: EasSettings = EasSettings()
    uploads: UploadSettings = UploadSettings()


class KeySettings(Section):
    """The keys of a gateway."""

    loopback_open: bool = Field(False, description="Calls need no key on loopback, though there are keys.")
    poll_seconds: float = Field(
        0.25, gt=0, le=1, description="How often the gateway looks for changed keys, and tells others of rates."
    )


class UsageSettings(Section):
    """What keys consume, as a gateway counts it."""

    flush_seconds: float = Field(1, gt=0, le=60, description="How often counts are written; a crash loses so much.")


class MeshSettings(Section):
    """How a gateway and the roles behind it know each other, and notice when the other is gone."""

    token: SecretStr = Field(SecretStr(""), description="The secret that they share.")
    token_file: Path | None = Field(None, description="The file that holds it instead.")
    tls: TlsSettings = Field(TlsSettings(), description="What they show each other.")
    ping_seconds: float = Field(10, gt=0, description="Between pings to a role; its `grpc.min_ping_seconds` is less.")
    ping_timeout_seconds: float = Field(5, gt=0, description="A role that leaves a ping unanswered so long is gone.")


class ObjectStoreSettings(Section):
    """One bucket that speaks S3; OSS does in its S3-compatible mode."""

    endpoint: str = Field("", description="Its URL; empty means AWS in `region`.")
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_access_key: SecretStr = SecretStr("")
    virtual_hosted_style: bool = Field(False, description="The bucket is part of the host's name, as OSS wants it.")


class InputSettings(Section):
    """Where images and sounds may come from, and how many at once."""

    file_roots: tuple[Path, ...] = Field((), description="Folders that `file:` URIs may name; none refuses them all.")
    http_hosts: tuple[str, ...] = Field(
        ("*",), description="Hosts that `http:` and `https:` URIs may name, as `*.example.com`; none refuses them all."
    )
    http_ports: tuple[int, ...] = (80, 443)
    private_hosts: tuple[str, ...] = Field(
        (), description="`host:port`s of our own network, which may have private addresses and any port."
    )
    stores: dict[str, ObjectStoreSettings] = Field({}, description="Object stores by `s3://bucket` or `oss://bucket`.")
    max_redirects: int = 5
    fetch_seconds: float = Field(10, gt=0, description="For one URI, redirects and all.")
    fetches: int = Field(16, gt=0, description="URIs that are fetched at once.")
    decode_threads: int = Field(2, gt=0, description="Images and sounds that are decoded at once.")
    queue_media: int = Field(1024, gt=0, description="Images and sounds at work; beyond it RESOURCE_EXHAUSTED.")


class EmbedSettings(Section):
    """The embed service."""

    target: str = Field("", description="Address of a remote embed service; empty runs it in this process.")
    models: tuple[str, ...] = Field(
        ("all-minilm-l6-v2",), min_length=1, description="The models to serve; the first is the default."
    )
    max_items: int = Field(2048, description="Contents in one call.")
    max_text_bytes: int = Field(MEBIBYTE, description="One text, before it is tokenised.")
    tokenizer_threads: int = 2
    batch_tokens: int = Field(
        512,
        description="The most tokens, padding included, of one inference request; more pays on a GPU alone.",
    )
    batch_items: int = Field(64, description="The most texts of one inference request.")
    batch_media: int = Field(16, gt=0, description="The most images or clips of one inference request.")
    inflight_batches: int = Field(3, description="Inference requests under way for one model.")
    queue_tokens: int = Field(
        262_144, description="The most tokens that wait in one lane; beyond it RESOURCE_EXHAUSTED."
    )


class SearchSettings(Section):
    """The search service."""

    target: str = Field("", description="Address of a remote search service; empty runs it in this process.")
    max_items: int = Field(2048, description="Documents in one write.")
    max_deletes: int = Field(10_000, description="Names in one deletion.")
    max_gets: int = Field(1000, description="Names in one read.")
    max_top_k: int = Field(10_000, description="Hits that one search ranks.")
    max_page_size: int = Field(1000, description="Items of one page; more is taken as this.")
    max_searches: int = Field(100, description="Searches of one batch.")
    max_query_parts: int = Field(16, description="Parts of one query.")
    max_dimension: int = Field(4096, description="Components of a vector.")
    max_description_chars: int = Field(2048, description="Characters of a collection's description.")
    max_declared_attributes: int = Field(64, description="Attributes that a collection declares.")
    max_tags: int = Field(256, description="Tags of one document.")
    max_tag_chars: int = Field(128, description="Characters of one tag.")
    max_attributes: int = Field(128, description="Attributes of one document.")
    max_attributes_bytes: int = Field(64 * KIBIBYTE, description="All attributes of one document, as JSON.")
    max_string_bytes: int = Field(32 * KIBIBYTE, description="One text in an attribute.")
    max_list_items: int = Field(256, description="Texts in one attribute.")
    queue_documents: int = Field(
        65_536, description="Documents that wait to be written in one lane; beyond it RESOURCE_EXHAUSTED."
    )
    min_free_bytes: int = Field(
        256 * MEBIBYTE, ge=0, description="Kept free on the disk; with less, writes are RESOURCE_EXHAUSTED."
    )
    queue_searches: int = Field(1024, description="Reads at work or waiting; beyond it RESOURCE_EXHAUSTED.")
    search_threads: int = Field(4, description="Reads at work at once.")
    flush_after: int = Field(20_000, description="Changes after which an index is flushed to disk.")
    optimize_after: int = Field(
        2048, description="Changes after which an index is optimised in the background, as soon as writes rest."
    )
    optimize_at: int = Field(16_384, description="Changes after which it is optimised though writes do not rest.")
    optimize_threads: int = 1
    job_slots: int = Field(1, ge=1, description="Jobs (re-index, snapshot, restore) at work at once; others wait.")


class TagSettings(Section):
    """The tag service."""

    target: str = Field("", description="Address of a remote tag service; empty runs it in this process.")
    max_contents: int = Field(256, description="Contents in one call.")
    max_tags: int = Field(1000, description="Tags of one definition.")
    max_tag_chars: int = Field(128, description="Characters of a tag, and of its group.")
    max_description_chars: int = Field(2048, description="Characters of a tag's description.")
    max_guide_prompt_chars: int = Field(4096, description="Characters of a guide prompt.")
    max_display_name_chars: int = Field(256, description="Characters of a definition's display name.")
    max_page_size: int = Field(1000, description="Items of one page; more is taken as this.")
    queue_writes: int = Field(1024, description="Writes that wait; beyond it RESOURCE_EXHAUSTED.")
    min_free_bytes: int = Field(
        16 * MEBIBYTE, ge=0, description="Kept free on the disk; with less, writes are RESOURCE_EXHAUSTED."
    )
    queue_reads: int = Field(1024, description="Reads at work or waiting; beyond it RESOURCE_EXHAUSTED.")
    read_threads: int = Field(2, description="Reads at work at once.")
    cache_bytes: int = Field(
        64 * MEBIBYTE, description="Vectors of tags that are kept, so that they are embedded once."
    )


class DatasetSettings(Section):
    """The dataset service."""

    target: str = Field("", description="Address of a remote dataset service; empty runs it in this process.")
    database_url: SecretStr = Field(
        SecretStr(""),
        description="`postgresql+psycopg://user:password@host/database` keeps the catalog there, for several dataset "
        "roles to share; empty keeps it in SQLite.",
    )
    worker: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,63}$",
        description="Name of this role among those that share a catalog; empty takes the name of the host.",
    )
    key_file: Path | None = Field(
        None, description="The key of secrets, the same for all that share a catalog; unset: of the data directory."
    )
    roots: tuple[Path, ...] = Field((), description="Folders that local connections and `file:` URIs may be in.")
    export_roots: tuple[Path, ...] = Field((), description="Folders that exports may write in; apart from the above.")
    max_logical_files: int = Field(3_000_000, description="Files of one export to a logical version.")
    max_page_size: int = Field(1000, description="Items of one page; more is taken as this.")
    max_display_name_chars: int = Field(256, description="Characters of a display name, and of a model's name.")
    max_description_chars: int = Field(2048, description="Characters of a description or a comment.")
    max_uri_chars: int = Field(2048, description="Characters of a URI.")
    max_labels: int = Field(64, description="Labels of a dataset or a version.")
    max_label_chars: int = Field(128, description="Characters of a label's key, and of its value.")
    max_annotations_bytes: int = Field(64 * KIBIBYTE, description="All annotations, configs or secrets, as JSON.")
    max_models: int = Field(256, description="Models of one connection.")
    max_tags: int = Field(256, description="Tags in one edit.")
    max_tag_chars: int = Field(128, description="Characters of one tag.")
    max_duplicate_files: int = Field(
        20_000, ge=1, le=100_000, description="Files among which near duplicates are sought at once."
    )
    model_hosts: tuple[str, ...] = Field(
        ("*",), description="Hosts that model connections may name, as `*.example.com`; none refuses them all."
    )
    model_calls: int = Field(4, ge=1, le=256, description="Calls at once to the service of one model connection.")
    model_seconds: float = Field(60, gt=0, description="How long one call to the service of a model connection takes.")
    thumbnail_cache_bytes: int = Field(
        256 * MEBIBYTE, ge=0, description="Thumbnails kept on the disk; the longest unused leave. 0 keeps none."
    )
    max_thumbnail_pixels: int = Field(40_000_000, ge=1, description="Pixels of a picture that gets a thumbnail.")
    queue_thumbnails: int = Field(256, ge=1, description="Thumbnails at work or waiting; beyond it RESOURCE_EXHAUSTED.")
    max_bitmap_files: int = Field(
        3_000_000,
        ge=0,
        description="Files that bitmaps in memory know, about 150 bytes each; others are read for each.",
    )
    level_seconds: float = Field(
        2, ge=0, description="How long a search waits for the search documents to follow the catalog."
    )
    job_concurrency: int = Field(
        2, ge=1, le=64, description="Batches of a job at work at once in each role, unless it says else."
    )
    retry_seconds: tuple[float, ...] = Field(
        (0.5, 2.0, 8.0), description="Waits before a job repeats what failed because a service was away."
    )
    job_batch: int = Field(256, ge=1, le=256, description="Files of one batch.")
    lease_seconds: float = Field(60, gt=0, description="How long a worker of a job may be silent before it is dead.")
    queue_writes: int = Field(65_536, description="Rows that wait to be written; beyond it RESOURCE_EXHAUSTED.")
    min_free_bytes: int = Field(
        64 * MEBIBYTE, ge=0, description="Kept free on the disk; with less, writes are RESOURCE_EXHAUSTED."
    )
    queue_reads: int = Field(1024, description="Reads at work or waiting; beyond it RESOURCE_EXHAUSTED.")
    read_threads: int = Field(4, description="Reads at work at once.")


class TritonSettings(Section):
    """Where Triton is, or how to start one.

    With `target` set, an external Triton is used: it keeps its own models, is never started or stopped, and only
    `models`, `probe_*`, `canary_interval_seconds` and `start_timeout_seconds` apply.
    """

    target: str = Field(default="", description="host:port of an external Triton's gRPC; empty starts our own")
    host: str = Field(default="127.0.0.1", description="where our own listens for gRPC")
    port: Port = Field(default=0, description="the port there; 0 takes a free one for each run")
    allow_public: bool = Field(default=False, description="lets whoever reaches our own call it: it knows no keys")
    models: tuple[str, ...] = Field(
        default=(), description="Triton models to load besides those that the embedding models need"
    )
    environment: Path = Field(default=Path(".venv-triton"), description="the environment Triton is installed in")
    model_repository: Path = Field(default=Path("model_repository"), description="Triton models and model cards")
    hub: str = Field(default="", description="the model hub or mirror that `sensorium model pull` asks")
    hub_timeout_seconds: float = Field(default=30.0, gt=0, description="a hub that is silent for longer is given up")
    config_name: ConfigName | None = Field(
        default=None, description="which configs/<name>.pbtxt to use where a model has it; unset: gpu if usable, or cpu"
    )
    otlp_http_endpoint: str = Field(
        default="", description="OTLP over HTTP for its spans (http://host:4318/v1/traces); empty sends none"
    )
    log_verbosity: int = Field(default=0, ge=0, le=9, description="Triton's --log-verbose")
    start_timeout_seconds: float = Field(default=120.0, gt=0, description="until it must be live, and per model load")
    stop_timeout_seconds: float = Field(default=10.0, gt=0, description="grace for calls in flight at a stop")
    probe_interval_seconds: float = Field(default=2.0, gt=0, description="between two liveness probes")
    probe_timeout_seconds: float = Field(default=5.0, gt=0, description="a probe or canary without answer has failed")
    canary_interval_seconds: float = Field(default=30.0, gt=0, description="between two canaries of a model")
    shared_memory_bytes: int = Field(
        default=1 << 20, ge=1 << 20, description="first size of, and step by which grows, an instance's shared memory"
    )


class TelemetrySettings(Section):
    """Logs, traces and metrics."""

    log_level: str = "INFO"
    log_format: str = Field("auto", description="`console`, `json`, or `auto`: console on a terminal.")
    otlp_endpoint: str = Field("", description="OTLP over gRPC (http://host:4317); empty exports nothing.")
    sample_ratio: float = Field(1.0, ge=0, le=1, description="Share of traces kept when a caller has not decided.")


class TrainingSettings(Section):
    """What `sensorium train` reads and keeps; serving does not look at it."""

    data: Path | None = Field(None, description="The folder below which training data lies; `--data` wins.")
    folder: Path = Field(Path(".data/training"), description="Where runs keep their checkpoints and plots.")


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(
        env_prefix="SENSORIUM_", env_nested_delimiter="__", frozen=True, extra="forbid", protected_namespaces=()
    )

    role: Role = Role.ALL
    data_dir: Path = Field(Path(".data"), description="Everything that must survive a restart.")
    samples: Path = Field(Path("samples"), description="The sample set that `sensorium demo` indexes.")
    grpc: GrpcSettings = GrpcSettings()
    http: HttpSettings = HttpSettings()
    keys: KeySettings = KeySettings()
    usage: UsageSettings = UsageSettings()
    mesh: MeshSettings = MeshSettings()
    embed: EmbedSettings = EmbedSettings()
    inputs: InputSettings = InputSettings()
    search: SearchSettings = SearchSettings()
    tag: TagSettings = TagSettings()
    dataset: DatasetSettings = DatasetSettings()
    triton: TritonSettings = TritonSettings()
    training: TrainingSettings = TrainingSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    def serving(self, model: str) -> Self:
        """Return the same settings with one more model to serve, unless it is served already."""
        if model in self.embed.models:
            return self
        embed = self.embed.model_copy(update={"models": (*self.embed.models, model)})
        return self.model_copy(update={"embed": embed})

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
