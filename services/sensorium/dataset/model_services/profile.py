"""Reads what a connection says of its models: what they take, and how their similarities become scores."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from sensorium.dataset.model_services.http_service import Key
from sensorium.errors import InvalidArgument, Reason
from sensorium.model.connection import ConnectionKind, ConnectionSpec, ModelKind
from sensorium.model.content import Modality
from sensorium.model.embedding import Calibration

# The kinds of connections whose models embed.
EMBEDDING_KINDS = frozenset({ConnectionKind.DASH_SCOPE, ConnectionKind.OPEN_AI, ConnectionKind.EAS})

LARGEST_BATCH = 2048
LARGEST_DIMENSION = 65_536
# OpenAI's own API takes texts alone; DashScope's multimodal one fuses, or refuses, several images of one call.
_MODALITIES = {
    ConnectionKind.OPEN_AI: (Modality.TEXT,),
    ConnectionKind.DASH_SCOPE: (Modality.TEXT, Modality.IMAGE),
    ConnectionKind.EAS: (Modality.TEXT, Modality.IMAGE),
}
_BATCHES = {ConnectionKind.OPEN_AI: 32, ConnectionKind.DASH_SCOPE: 1, ConnectionKind.EAS: 8}
# What the secret is called, and what goes before it in the header: PAI-EAS takes its tokens bare.
_KEYS = {
    ConnectionKind.OPEN_AI: ("api_key", "Bearer "),
    ConnectionKind.DASH_SCOPE: ("api_key", "Bearer "),
    ConnectionKind.EAS: ("token", ""),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """What a connection says of its embedding models.

    Attributes:
        base_url: Without a slash at its end.
        dimension: What the service is asked for; 0 leaves it to the model.
        modalities: What may be sent.
        batch_size: The most contents of one call.
        revision: What tells the vectors of one model from those of another of its name; empty when it is not said.
        calibrations: As they were fitted for the models of this connection.
    """

    base_url: str
    dimension: int
    modalities: tuple[Modality, ...]
    batch_size: int
    revision: str
    calibrations: tuple[Calibration, ...]


def profile_of(spec: ConnectionSpec) -> Profile:
    """Return what the configs of a connection say.

    Raises:
        InvalidArgument: A config has no meaning, or the connection is of a kind that does not embed; names the field.
    """
    if spec.kind not in EMBEDDING_KINDS:
        raise InvalidArgument(
            f"connection.kind: connections of the kind {spec.kind} do not embed", field="connection.kind"
        )
    configs = spec.configs
    _check_sendable(spec)
    return Profile(
        configs["base_url"].rstrip("/"),
        _whole(configs, "dimension", 0, LARGEST_DIMENSION),
        _modalities(configs, _MODALITIES[spec.kind]),
        _whole(configs, "batch_size", _BATCHES[spec.kind], LARGEST_BATCH),
        configs.get("revision", ""),
        tuple(each for modality in Modality if (each := _calibration(configs, modality))),
    )


def model_of(spec: ConnectionSpec, model: str) -> str:
    """Return the name of the model to embed with: `model`, or the connection's first one for embeddings.

    Raises:
        InvalidArgument: Neither is there, or the connection says that `model` does something else.
    """
    known = {each.model: each.kind for each in spec.models}
    if model:
        if known.get(model, ModelKind.EMBEDDING) is not ModelKind.EMBEDDING:
            raise InvalidArgument(f"model: {model!r} embeds nothing", field="model")
        return model
    first = next((name for name, kind in known.items() if kind is ModelKind.EMBEDDING), "")
    if not first:
        raise InvalidArgument("model: name one, for the connection lists no embedding model", field="model")
    return first


def key_of(spec: ConnectionSpec) -> Key:
    """Return what opens the service of a connection that embeds."""
    name, before = _KEYS[spec.kind]
    return Key(spec.secrets.get(name, ""), before)


def check_host(base_url: str, allowed: tuple[str, ...], field: str) -> None:
    """Refuse a host that the settings do not allow. Raises InvalidArgument, URI_REFUSED."""
    host = (urlsplit(base_url).hostname or "").lower()
    if not any(fnmatchcase(host, pattern.lower()) for pattern in allowed):
        raise InvalidArgument(
            f"{field}: SENSORIUM_DATASET__MODEL_HOSTS does not allow the host {host}",
            reason=Reason.URI_REFUSED,
            field=field,
        )


def _check_sendable(spec: ConnectionSpec) -> None:
    """Refuse an address and a key that no head of a request can hold."""
    address, key = spec.configs["base_url"], key_of(spec).secret
    if not (address.isascii() and address.isprintable()) or set(address) & set("?# "):
        raise _invalid("base_url", "it is not http(s)://host[:port][/path] in ASCII")
    if not (key.isascii() and key.isprintable()) or key != key.strip():
        field = f"connection.secrets[{_KEYS[spec.kind][0]!r}]"
        raise InvalidArgument(f"{field}: it has characters that no header can hold", field=field)


def _whole(configs: Mapping[str, str], name: str, default: int, largest: int) -> int:
    given = configs.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) <= 9 and 1 <= int(given) <= largest):
        raise _invalid(name, f"{given!r} is not a whole number from 1 to {largest}")
    return int(given)


def _modalities(configs: Mapping[str, str], default: tuple[Modality, ...]) -> tuple[Modality, ...]:
    given = configs.get("modalities", "")
    if not given:
        return default
    names = [each.strip() for each in given.split(",")]
    known = [each.value for each in Modality]
    if unknown := [name for name in names if name not in known]:
        raise _invalid("modalities", f"{unknown[0]!r} is none of {', '.join(known)}")
    return tuple(each for each in Modality if each.value in names)


def _calibration(configs: Mapping[str, str], modality: Modality) -> Calibration | None:
    name = f"calibration_{modality}"
    given = configs.get(name, "")
    if not given:
        return None
    try:
        slope, intercept = map(float, given.split(","))
    except ValueError:
        raise _invalid(name, f"{given!r} is not SLOPE,INTERCEPT") from None
    if not (math.isfinite(slope) and math.isfinite(intercept) and slope > 0):
        raise _invalid(name, f"{given!r} is not finite with a slope above 0")
    return Calibration(slope, intercept, modality)


def _invalid(name: str, why: str) -> InvalidArgument:
    field = f"connection.configs[{name!r}]"
    return InvalidArgument(f"{field}: {why}", field=field)
