"""Embeds what a client of any family sent, and names errors by the fields that the client knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sensorium.errors import SensoriumError
from sensorium.gateway.contents import relocate
from sensorium.gateway.http.call import HttpCall
from sensorium.gateway.http.models import Models, NamedModel
from sensorium.model.content import Content
from sensorium.model.embedding import Embedding, EmbedOptions, EmbedRequest, Priority, Usage
from sensorium.ports import Embedder


@dataclass(frozen=True, slots=True)
class Placed:
    """A content, and where the client has put it (`input[3]`)."""

    content: Content
    place: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of a request.

    Attributes:
        model: By the client's name.
        results: An embedding or an error for each content, in order.
        usage: What all of it consumed.
    """

    model: NamedModel
    results: Sequence[Embedding | SensoriumError]
    usage: Usage

    def all_good(self) -> Sequence[Embedding]:
        """Return the embeddings; raise the first error if there is one, for families that know no partial success."""
        errors = [result for result in self.results if isinstance(result, SensoriumError)]
        if errors:
            raise errors[0]
        return [result for result in self.results if isinstance(result, Embedding)]


class Embeddings:
    """Embeds by the names that clients use.

    Args:
        embedder: Embeds.
        models: Knows the names.
    """

    def __init__(self, embedder: Embedder, models: Models) -> None:
        self._embedder = embedder
        self.models = models

    async def of(
        self,
        call: HttpCall,
        contents: Sequence[Placed],
        model: str,
        options: EmbedOptions,
        names: Mapping[str, str],
    ) -> Embedded:
        """Embed `contents`.

        Args:
            call: Whose they are.
            contents: With their places.
            model: The client's name for it; empty means the default.
            options: How.
            names: The client's names for fields of `EmbedRequest` (`options.dimension`), longest first.

        Raises:
            NotFound: There is no such model.
            SensoriumError: The whole request failed; the error names the client's field.
        """
        named = await self.models.find(model)
        asked = replace(options, dimension=options.dimension or named.dimension)
        request = EmbedRequest(
            tuple(each.content for each in contents), named.info.name, asked, Priority.INTERACTIVE, call.workspace
        )
        try:
            response = await self._embedder.embed(request)
        except SensoriumError as error:
            raise _renamed(error, contents, names) from error
        results = [
            _moved(result, index, contents[index]) if isinstance(result, SensoriumError) else result
            for index, result in enumerate(response.results)
        ]
        return Embedded(named, results, response.usage)


def _moved(error: SensoriumError, index: int, placed: Placed) -> SensoriumError:
    return relocate(error, f"contents[{index}]", placed.place)


def _renamed(error: SensoriumError, contents: Sequence[Placed], names: Mapping[str, str]) -> SensoriumError:
    for index, placed in enumerate(contents):
        if error.field.startswith(f"contents[{index}]"):
            return _moved(error, index, placed)
    for ours, theirs in names.items():
        if error.field.startswith(ours):
            return relocate(error, ours, theirs)
    return error
