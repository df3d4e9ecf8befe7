"""Reads a hand-written TOML file into a frozen dataclass, with errors that name the file and the field."""

import json
import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from sensorium.errors import FailedPrecondition, NotFound

T = TypeVar("T")

STRICT = ConfigDict(extra="forbid", strict=True)


def read_toml(path: Path, kind: type[T]) -> T:
    """Return the file as a `kind`, a pydantic dataclass with config STRICT.

    Raises:
        NotFound: There is no such file.
        FailedPrecondition: It is not TOML, or a field is missing, unknown or not what it should be.
    """
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        # By way of JSON, whose strict mode takes an array for a tuple and a string for an enum, as TOML means them.
        return TypeAdapter(kind).validate_json(json.dumps(fields))
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FailedPrecondition(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise FailedPrecondition(f"{path}: {field or 'file'}: {first['msg']}", field=field) from error
