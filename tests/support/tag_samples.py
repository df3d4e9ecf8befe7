"""Tag definitions for tests, over an embedder that counts letters: a tag fits a text of the same letters."""

from dataclasses import dataclass, field, replace

from memory_mesh import LETTERS, count_letters

from sensorium.errors import InvalidArgument, NotFound, Reason, SensoriumError
from sensorium.model.content import Content, Modality, Part
from sensorium.model.embedding import Embedding, EmbedRequest, EmbedResponse, ModelInfo, Timings, Usage
from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import ContentTags, TagDefinitionSpec, TagRequest, TagSpec
from sensorium.model.vector import Vector
from sensorium.ports import Tagger

NAME = TagDefinitionName("default", "shapes")
SPEC = TagDefinitionSpec((TagSpec("aaa", group="vowels"), TagSpec("bbb"), TagSpec("ccc")), display_name="Letters")
UNCALIBRATED = replace(LETTERS, name="raw", calibrations=())


@dataclass
class PartsEmbedder:
    """Embeds contents of any number of parts as the letters of all; a blank one cannot be embedded.

    Attributes:
        requests: What was asked for.
        revision: That of the model from now on.
        errors: Raised by the next calls, one each.
    """

    requests: list[EmbedRequest] = field(default_factory=list)
    revision: str = LETTERS.revision
    errors: list[SensoriumError] = field(default_factory=list)

    async def models(self) -> list[ModelInfo]:
        return [await self.model("letters"), await self.model("raw")]

    async def model(self, name: str) -> ModelInfo:
        known = {"": LETTERS, "letters": LETTERS, "raw": UNCALIBRATED}
        if name not in known:
            raise NotFound(f"there is no model {name!r}", reason=Reason.MODEL_NOT_FOUND, field="model")
        return replace(known[name], revision=self.revision)

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        if self.errors:
            raise self.errors.pop(0)
        self.requests.append(request)
        results = tuple(self._result(index, content) for index, content in enumerate(request.contents))
        good = [result for result in results if isinstance(result, Embedding)]
        model = await self.model(request.model)
        return EmbedResponse(model.name, model.revision, results, Usage(len(good)), Timings(inference_ms=1.0))

    @staticmethod
    def _result(index: int, content: Content) -> Embedding | SensoriumError:
        text = "".join(str(part.body) for part in content.parts)
        if not text.strip():
            place = f"contents[{index}].parts[0].text"
            return InvalidArgument(f"{place} is blank", reason=Reason.CONTENT_EMPTY, field=place)
        return Embedding(Vector.from_numpy(count_letters(text)), token_count=1)


def texts(*given: str) -> tuple[Content, ...]:
    return tuple(map(Content.of_text, given))


def parts(*given: str) -> Content:
    return Content(tuple(Part(Modality.TEXT, each) for each in given))


async def tags_of(tagger: Tagger, spec: TagDefinitionSpec, text: str, candidate_count: int = 0) -> ContentTags:
    response = await tagger.tag(TagRequest(spec, texts(text), candidate_count=candidate_count))
    (result,) = response.results
    assert isinstance(result, ContentTags)
    return result
