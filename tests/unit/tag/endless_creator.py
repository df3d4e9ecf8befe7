"""Creates and updates tag definitions and says so, until it is killed."""

import asyncio
import sys
from itertools import count
from pathlib import Path

from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import DefinitionField, DefinitionUpdate, TagDefinitionSpec, TagSpec
from sensorium.settings import TagSettings
from sensorium.tag.embedded import embedded_tagging


async def write(directory: Path) -> None:
    async with embedded_tagging(directory, TagSettings(), None) as service:  # type: ignore[arg-type]  # It tags nothing.
        for number in count():
            name = TagDefinitionName("default", f"d{number}")
            await service.create_definition(name, TagDefinitionSpec((TagSpec("a"),)))
            print(name.id, 1, flush=True)
            spec = TagDefinitionSpec(display_name=str(number))
            await service.update_definition(DefinitionUpdate(name, spec, (DefinitionField.DISPLAY_NAME,)))
            print(name.id, 2, flush=True)


asyncio.run(write(Path(sys.argv[1])))
