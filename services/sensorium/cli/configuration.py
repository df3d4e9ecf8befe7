"""Settings for the commands that start something here; a wrong one is an expected error."""

from typing import Any

from pydantic import ValidationError

from sensorium.errors import InvalidArgument
from sensorium.settings import Settings


def settings(**changes: Any) -> Settings:
    """Return the settings from the environment and the configuration file; `changes` that are not None win.

    Raises:
        InvalidArgument: A setting is unknown or has a wrong value; names all of them.
    """
    try:
        return Settings(**{name: value for name, value in changes.items() if value is not None})
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise InvalidArgument(f"the settings are wrong: {'; '.join(wrong)}") from None
