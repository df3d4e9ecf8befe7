"""The collections of `sensorium demo`: made once, made again for a newer model, and never taken from anybody else."""

from collections.abc import Sequence

from sensorium.cli.output import Output
from sensorium.client import AsyncClient, AttributeField
from sensorium.errors import FailedPrecondition, NotFound
from sensorium.model.embedding import ModelInfo

DESCRIPTION = "The sample set of `sensorium demo`."


async def ensure_collection(
    client: AsyncClient, output: Output, name: str, model: ModelInfo, attributes: Sequence[AttributeField] = ()
) -> None:
    """Make the collection, and make it again when it holds vectors of another model.

    Raises:
        FailedPrecondition: There is a collection of that name that is not the demo's.
    """
    try:
        found = await client.get_collection(name)
    except NotFound:
        found = None
    if found and (found.model, found.model_revision) == (model.name, model.revision):
        return
    if found and found.description != DESCRIPTION:
        raise FailedPrecondition(f"the collection {name} is not the demo's: use another --data-dir")
    if found:
        output.say(f"the collection {name} holds vectors of {found.model_revision}: indexing it again")
        await client.delete_collection(name, force=True)
    await client.create_collection(name, model=model.name, description=DESCRIPTION, attributes=attributes)
