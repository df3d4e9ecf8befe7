"""A model of a connection as an embedder, so that jobs and searches use it as they use those of this mesh."""

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sensorium.dataset.model_services.embedding_api import EmbeddingApi, Rows
from sensorium.dataset.model_services.http_service import HttpService
from sensorium.dataset.model_services.profile import Profile
from sensorium.dataset.patience import patiently
from sensorium.errors import FailedPrecondition, InvalidArgument, NotFound, Reason, SensoriumError
from sensorium.model.content import Content, Modality
from sensorium.model.dataset_names import ConnectedModel
from sensorium.model.embedding import (
    Embedding,
    EmbedOptions,
    EmbedRequest,
    EmbedResponse,
    ModelInfo,
    ModelState,
    OutputKind,
    Priority,
    Timings,
)
from sensorium.model.vector import Metric, Vector

PROBE = Content.of_text("dimension")


@dataclass(frozen=True, slots=True)
class Group:
    """Contents of one modality that go in one call; `places` are theirs in the request."""

    modality: Modality
    places: tuple[int, ...]

    def halves(self) -> tuple["Group", "Group"]:
        """Return both halves of a group of at least two."""
        middle = len(self.places) // 2
        return Group(self.modality, self.places[:middle]), Group(self.modality, self.places[middle:])


class ConnectedEmbedder:
    """Embeds by the service of a connection; implements `ports.Embedder`.

    Vectors have length 1, whatever the service gives. A call that the service refuses is asked again in halves until
    the contents at fault are alone, so that they fail alone.

    Args:
        model: What it embeds with.
        profile: What the connection says of its models.
        api: The service's wire format.
        service: Where it is.
        calls: How many calls may be under way at once.
        retry_seconds: How long a call of a job waits before each repeat of what goes by.
    """

    def __init__(
        self,
        model: ConnectedModel,
        profile: Profile,
        api: EmbeddingApi,
        service: HttpService,
        *,
        calls: int,
        retry_seconds: Sequence[float],
    ) -> None:
        self._model = model
        self._profile = profile
        self._api = api
        self._service = service
        self._gate = asyncio.Semaphore(calls)
        self._retry_seconds = tuple(retry_seconds)
        self._revision = profile.revision or _mark(profile, model.model)
        self._dimension = profile.dimension

    async def models(self) -> Sequence[ModelInfo]:
        """Return the one model."""
        return (await self.model(""),)

    async def model(self, name: str) -> ModelInfo:
        """Return the model; what the connection does not say of its dimension is asked of the service once.

        Raises:
            NotFound: `name` is another.
            SensoriumError: The service does not tell.
        """
        if name not in {"", str(self._model), self._model.model}:
            raise NotFound(f"there is no model {name!r}", reason=Reason.MODEL_NOT_FOUND, field="model")
        if not self._dimension:
            self._dimension = await self._probed()
        return ModelInfo(
            str(self._model),
            self._revision,
            f"{self._model.model} of {self._model.connection}",
            self._dimension,
            max_token_count=0,
            license="",
            modalities=self._profile.modalities,
            languages=(),
            metric=Metric.COSINE,
            state=ModelState.READY,
            calibrations=self._profile.calibrations,
        )

    async def try_once(self) -> None:
        """Embed one word, whatever is known already. Raises as `embed`."""
        self._dimension = await self._probed()

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        """Return one embedding or error for each content, in order.

        Raises:
            InvalidArgument: The options ask for what such services do not do.
            FailedPrecondition: CONNECTION_UNUSABLE.
            Unavailable: The service is away; nothing is known of any content.
            ResourceExhausted: The service is asked too often.
        """
        started = time.monotonic()
        _check(request.options)
        faults = {place: fault for place, each in enumerate(request.contents) if (fault := self._fault(each, place))}
        groups = self._groups(request.contents, faults)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._outcomes(request, group)) for group in groups]
        results: dict[int, Embedding | SensoriumError] = {**faults}
        for each in running:
            match each.result():
                case SensoriumError() as error:
                    raise error
                case outcomes:
                    results |= outcomes
        timings = Timings(total_ms=(time.monotonic() - started) * 1000)
        ordered = tuple(results[place] for place in range(len(request.contents)))
        return EmbedResponse(str(self._model), self._revision, ordered, timings=timings)

    async def _outcomes(
        self, request: EmbedRequest, group: Group
    ) -> Mapping[int, Embedding | SensoriumError] | SensoriumError:
        """Return what became of a group, or why nothing can become of any."""
        contents = [request.contents[place] for place in group.places]
        waits = self._retry_seconds if request.priority is Priority.BULK else ()
        try:
            async with self._gate:
                rows = await patiently(lambda: self._ask(group.modality, contents), waits)
        except InvalidArgument as error:
            return await self._apart(request, group, error)
        except SensoriumError as error:
            return error
        expected = request.options.dimension or self._dimension
        return {place: self._embedding(row, place, expected) for place, row in zip(group.places, rows, strict=True)}

    async def _apart(
        self, request: EmbedRequest, group: Group, error: InvalidArgument
    ) -> Mapping[int, Embedding | SensoriumError] | SensoriumError:
        """Ask again for the halves of a group that was refused; one content that is refused alone has the error."""
        if len(group.places) == 1:
            return {group.places[0]: error}
        outcomes: dict[int, Embedding | SensoriumError] = {}
        for half in group.halves():
            match await self._outcomes(request, half):
                case SensoriumError() as fault:
                    return fault
                case found:
                    outcomes |= found
        return outcomes

    async def _ask(self, modality: Modality, contents: Sequence[Content]) -> Rows:
        body = self._api.body(self._model.model, modality, contents, self._profile.dimension)
        return self._api.rows(await self._service.post(self._api.path, body), len(contents))

    async def _probed(self) -> int:
        rows = await self._ask(Modality.TEXT, [PROBE])
        if not rows[0]:
            raise FailedPrecondition(
                f"{self._model} gives no vector of a text",
                reason=Reason.CONNECTION_UNUSABLE,
                metadata={"connection": str(self._model.connection)},
            )
        return len(rows[0])

    def _groups(self, contents: Sequence[Content], faults: Mapping[int, SensoriumError]) -> list[Group]:
        """Return the contents without a fault in groups of one modality, none larger than a call may be."""
        size = self._profile.batch_size
        groups = []
        for modality in self._profile.modalities:
            places = [
                place
                for place, each in enumerate(contents)
                if place not in faults and each.parts[0].modality is modality
            ]
            groups += [Group(modality, tuple(places[at : at + size])) for at in range(0, len(places), size)]
        return groups

    def _fault(self, content: Content, place: int) -> InvalidArgument | None:
        """Return why a content cannot be sent."""
        field = f"contents[{place}]"
        if len(content.parts) != 1:
            return InvalidArgument(
                f"{field}: a model of a connection takes contents of one part, not of {len(content.parts)}",
                reason=Reason.OPTION_UNSUPPORTED,
                field=field,
                metadata={"option": "fusion", "supported": ""},
            )
        modality, supported = content.parts[0].modality, ", ".join(self._profile.modalities)
        if modality not in self._profile.modalities:
            return InvalidArgument(
                f"{field}: {self._model} takes {supported}, not {modality}",
                reason=Reason.MODALITY_UNSUPPORTED,
                field=field,
                metadata={"modality": modality.value, "supported": supported},
            )
        if content.parts[0].body == "":
            return InvalidArgument(f"{field}: the text is empty", reason=Reason.CONTENT_EMPTY, field=field)
        return None

    def _embedding(self, row: Sequence[float] | None, place: int, expected: int) -> Embedding | InvalidArgument:
        """Return a vector with length 1, or why it is none."""
        field = f"contents[{place}]"
        if row is None:
            return self._refused(field, "gave no vector for it")
        if expected and len(row) != expected:
            return InvalidArgument(
                f"{field}: {self._model} gave {len(row)} components where {expected} are expected",
                reason=Reason.DIMENSION_MISMATCH,
                field=field,
                metadata={"expected": str(expected), "actual": str(len(row))},
            )
        components = np.array(row, np.float64)
        with np.errstate(over="ignore"):
            length = float(np.linalg.norm(components))
        if not np.isfinite(length) or length == 0:
            return self._refused(field, "gave a vector without a direction")
        return Embedding(Vector.from_numpy((components / length).astype(np.float32)))

    def _refused(self, field: str, why: str) -> InvalidArgument:
        return InvalidArgument(
            f"{field}: {self._model} {why}",
            reason=Reason.CONTENT_REFUSED,
            field=field,
            metadata={"connection": str(self._model.connection)},
        )


def _check(options: EmbedOptions) -> None:
    if options.outputs != (OutputKind.DENSE,) or options.instruction:
        field = "options.instruction" if options.instruction else "options.outputs"
        raise InvalidArgument(
            f"{field}: models of connections give dense vectors without an instruction",
            reason=Reason.OPTION_UNSUPPORTED,
            field=field,
            metadata={"option": field.removeprefix("options."), "supported": ""},
        )


def _mark(profile: Profile, model: str) -> str:
    """Return what tells this model from one of the same name elsewhere, or of another dimension."""
    told = f"{profile.base_url} {model} {profile.dimension}"
    return hashlib.blake2b(told.encode(), digest_size=6).hexdigest()
