"""Runs a child command to its end, for the steps of a build that are other programs' work."""

import asyncio
from collections.abc import Sequence

from sensorium.errors import Unavailable


async def run(command: Sequence[str]) -> None:
    """Run a command to its end. Raises Unavailable with the end of what it wrote when it fails."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = output.decode(errors="replace").strip()[-1000:]
        raise Unavailable(f"{' '.join(command)} failed with status {process.returncode}: {said}")
