"""Finds the secret that a gateway and its roles share."""

from sensorium.errors import FailedPrecondition
from sensorium.settings import MeshSettings


def mesh_token(settings: MeshSettings) -> str:
    """Return the token of the setting, or that in the file which it names; empty when there is neither.

    Raises:
        FailedPrecondition: FILE_UNUSABLE: the file cannot be read, or holds no text.
    """
    file = settings.token_file
    if settings.token.get_secret_value() or not file:
        return settings.token.get_secret_value()
    try:
        token = file.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise FailedPrecondition(f"{file} cannot be read as a token", metadata={"file": str(file)}) from error
    if not token:
        raise FailedPrecondition(f"{file} holds no token", metadata={"file": str(file)})
    return token
