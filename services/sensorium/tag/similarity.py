"""Tags contents by how similar they are to the tags of a definition, with the vectors of one embedder."""

import time

from sensorium.errors import SensoriumError
from sensorium.model.embedding import Timings
from sensorium.model.tagging import ContentTags, TagDefinitionSpec, TagRequest, TagResponse
from sensorium.ports import Embedder
from sensorium.settings import TagSettings
from sensorium.storage.workers import Workers
from sensorium.tag.assignment import Assignment
from sensorium.tag.content_calibration import ContentCalibration, calibration_of, check_can_tag
from sensorium.tag.content_vectors import ContentVectors, EmbeddedContents, embed_contents
from sensorium.tag.tag_odds import odds_by_modality
from sensorium.tag.tag_vectors import TagVectors


class SimilarityTagging:
    """Implements `ports.SimilarityTagger`; vectors of tags are kept.

    Args:
        embedder: Gives the vectors of contents and of tags.
        scorers: Compare them.
        limits: How many contents one call takes, and how many vectors are kept.
    """

    def __init__(self, embedder: Embedder, scorers: Workers, limits: TagSettings) -> None:
        self._embedder = embedder
        self._scorers = scorers
        self._most = limits.max_contents
        self._vectors = TagVectors(embedder, batch_size=limits.max_contents, max_bytes=limits.cache_bytes)

    async def tag_by(self, spec: TagDefinitionSpec, request: TagRequest) -> TagResponse:
        """Return tags or an error for each content, in order; the version of the response is 0.

        Raises:
            InvalidArgument: The model was not calibrated to tag.
            NotFound: There is no such model.
            SensoriumError: The contents cannot be embedded at all.
        """
        started = time.monotonic()
        model = await self._embedder.model(spec.model)
        check_can_tag(model)
        tags = await self._vectors.of(spec, model, request.priority)
        contents = await embed_contents(self._embedder, request, model, self._most)
        assignment = Assignment(spec, tags, request.candidate_count)
        odds = odds_by_modality(model, spec)
        calibrations = [calibration_of(content, index, model, odds) for index, content in enumerate(request.contents)]
        pairs = list(zip(contents.vectors, calibrations, strict=True))
        results = await self._scorers.run(lambda: tuple(_result(*pair, assignment) for pair in pairs))
        return TagResponse(results, model.name, model.revision, 0, contents.usage, _timings(contents, started))


def _result(
    content: ContentVectors | SensoriumError, calibration: ContentCalibration | SensoriumError, assignment: Assignment
) -> ContentTags | SensoriumError:
    match content, calibration:
        case (SensoriumError() as error, _) | (_, SensoriumError() as error):
            return error
        case ContentVectors() as vectors, ContentCalibration() as fitted:
            return assignment.tags_of(vectors, fitted)
    raise AssertionError("a content has vectors and a calibration, or an error")


def _timings(contents: EmbeddedContents, started: float) -> Timings:
    times = contents.timings
    return Timings(
        queue_ms=times.queue_ms,
        preprocess_ms=times.preprocess_ms,
        inference_ms=times.inference_ms,
        total_ms=(time.monotonic() - started) * 1e3,
    )
