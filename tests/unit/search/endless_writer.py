"""Writes documents for ever and prints what was acknowledged, until it is killed."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from search_samples import NAME, document, make, put, unit_vectors

from sensorium.search.embedded import embedded_search
from sensorium.settings import SearchSettings


async def main(directory: Path) -> None:
    async with embedded_search(directory, SearchSettings(flush_after=40, optimize_after=30, optimize_at=30)) as service:
        await make(service)
        for number in range(1_000_000):
            await put(service, document(f"d{number}", unit_vectors(1, seed=number)[0]))
            print("put", f"d{number}", flush=True)
            if number % 5 == 4:
                await service.delete_documents(NAME, [f"d{number - 2}"])
                print("delete", f"d{number - 2}", flush=True)


asyncio.run(main(Path(sys.argv[1])))
