"""Which model a client means: names of other services stand for models here only where the settings say so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sensorium.errors import NotFound, Reason
from sensorium.model.embedding import ModelInfo
from sensorium.ports import Embedder

# What the vendors document. Who asks for one of these has an index of that dimension, so nothing else will do.
DOCUMENTED_DIMENSIONS: Mapping[str, int] = {
    "multimodal-embedding-one-peace-v1": 1536,
    "multimodal-embedding-v1": 1024,
    "tongyi-embedding-vision-plus": 1152,
    "tongyi-embedding-vision-flash": 768,
    "qwen2.5-vl-embedding": 2048,
    "qwen3-vl-embedding": 2560,
    "bge-large-zh": 1024,
    "bge-m3": 1024,
    "bge-large-zh-and-m3": 1024,
    "bge-visualized-m3": 1024,
}


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model by the name that a client uses.

    Attributes:
        name: The client's.
        info: Of the model that it stands for.
        dimension: What its vectors have unless the client says otherwise; 0 is the model's own.
    """

    name: str
    info: ModelInfo
    dimension: int = 0


class Models:
    """Knows models by the names that clients use.

    Args:
        embedder: Has them.
        aliases: What names stand for.
    """

    def __init__(self, embedder: Embedder, aliases: Mapping[str, str]) -> None:
        self._embedder = embedder
        self._aliases = aliases

    async def find(self, name: str) -> NamedModel:
        """Return the model that `name` stands for; empty means the default.

        Raises:
            NotFound: MODEL_NOT_FOUND: there is none, or none of the dimension that the vendor documents.
        """
        info = await self._embedder.model(self._aliases.get(name, name))
        documented = DOCUMENTED_DIMENSIONS.get(name, 0)
        if documented and documented not in {info.dimension, *info.dimensions}:
            raise NotFound(
                f"there is no model {name!r} here: it stands for {info.name}, which does not give its {documented} "
                "dimensions",
                reason=Reason.MODEL_NOT_FOUND,
                field="model",
                metadata={"model": name},
            )
        return NamedModel(name or info.name, info, 0 if documented == info.dimension else documented)

    async def all(self) -> Sequence[ModelInfo]:
        """Return the models, and those that aliases stand for under their aliases."""
        served = list(await self._embedder.models())
        by_name = {info.name: info for info in served}
        named = [await self._alias(alias, by_name) for alias in sorted(self._aliases) if alias not in by_name]
        return [*served, *(info for info in named if info)]

    async def _alias(self, alias: str, served: Mapping[str, ModelInfo]) -> ModelInfo | None:
        info = served.get(self._aliases[alias])
        documented = DOCUMENTED_DIMENSIONS.get(alias, 0)
        if info is None or (documented and documented not in {info.dimension, *info.dimensions}):
            return None
        return replace(info, name=alias)
