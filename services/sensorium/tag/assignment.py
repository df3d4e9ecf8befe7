"""Decides which tags a content gets: similarity, calibrated score, threshold, the best ones (docs/tagging.md)."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from sensorium.model.tagging import AssignedTag, ContentTags, TagDefinitionSpec, TagEvidence
from sensorium.tag.content_calibration import ContentCalibration
from sensorium.tag.content_vectors import ContentVectors
from sensorium.tag.embedding import Matrix


@dataclass(frozen=True, slots=True)
class Assignment:
    """Assigns the tags of one definition.

    Attributes:
        spec: The definition.
        tags: The tags' vectors, shape [tags, dimension], float32, each of length 1.
        candidate_count: The most tags below their threshold to return too.
    """

    spec: TagDefinitionSpec
    tags: Matrix
    candidate_count: int

    def tags_of(self, content: ContentVectors, calibration: ContentCalibration) -> ContentTags:
        """Return the tags of one content, surest first; equally sure ones in the definition's order.

        Args:
            content: Its vectors.
            calibration: How it is scored.
        """
        similarities = np.clip(self.tags @ content.whole, -1, 1).astype(np.float64)
        scores = calibration.scores(content, self.tags)
        own = [self.spec.threshold_of(tag) for tag in self.spec.tags]
        thresholds = np.array([calibration.threshold if each is None else each for each in own])
        order = np.argsort(-scores, kind="stable").tolist()
        fits = scores >= thresholds
        nearest = content.nearest_parts(self.tags)

        def assigned(chosen: Iterable[int]) -> tuple[AssignedTag, ...]:
            return tuple(
                self._assigned(index, float(scores[index]), float(similarities[index]), nearest[index], content)
                for index in chosen
            )

        most = self.spec.max_tag_count or None
        return ContentTags(
            tags=assigned(islice((index for index in order if fits[index]), most)),
            candidates=assigned(islice((index for index in order if not fits[index]), self.candidate_count)),
        )

    def _assigned(self, index: int, score: float, similarity: float, part: int, content: ContentVectors) -> AssignedTag:
        tag = self.spec.tags[index]
        compared = "name and description" if tag.description.strip() else "name"
        where = f"; part {part + 1} is nearest" if content.parts else ""
        explanation = f"cosine similarity {similarity:.3f} to the tag's {compared}{where}"
        return AssignedTag(tag.tag, tag.group, score, TagEvidence(explanation, similarity, part))
