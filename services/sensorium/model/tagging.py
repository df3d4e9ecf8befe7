"""Tag definitions, requests to tag by them, and what comes of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sensorium.errors import SensoriumError
from sensorium.model.content import Content
from sensorium.model.embedding import Priority, Timings, Usage
from sensorium.model.names import DEFAULT_WORKSPACE, TagDefinitionName


@dataclass(frozen=True, slots=True)
class TagSpec:
    """One tag of a definition; a `threshold` of None is the definition's."""

    tag: str
    description: str = ""
    group: str = ""
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class TagDefinitionSpec:
    """A list of tags and how to assign them.

    Attributes:
        tags: The tags.
        display_name: What people call it.
        guide_prompt: What the tagger should know or pretend to be, for models that follow instructions.
        model: The model that assigns the tags; empty means the default.
        threshold: The least score of an assigned tag, 0 to 1, where a tag has none of its own; None means that of
            the model's calibration.
        max_tag_count: The most tags of one content; 0 means no limit.
    """

    tags: tuple[TagSpec, ...] = ()
    display_name: str = ""
    guide_prompt: str = ""
    model: str = ""
    threshold: float | None = None
    max_tag_count: int = 0

    def threshold_of(self, spec: TagSpec) -> float | None:
        """Return the least score at which `spec` is assigned; None for that of the model's calibration."""
        return self.threshold if spec.threshold is None else spec.threshold


@dataclass(frozen=True, slots=True)
class TagDefinition:
    """One version of a tag definition; versions count from 1 and never change."""

    name: TagDefinitionName
    spec: TagDefinitionSpec
    version: int
    create_time: datetime
    etag: str = ""


class DefinitionField(StrEnum):
    """A field of `TagDefinitionSpec` that an update may change."""

    DISPLAY_NAME = "display_name"
    GUIDE_PROMPT = "guide_prompt"
    TAGS = "tags"
    MODEL = "model"
    THRESHOLD = "threshold"
    MAX_TAG_COUNT = "max_tag_count"


@dataclass(frozen=True, slots=True)
class DefinitionUpdate:
    """Asks for a new version: `fields` are taken from `spec`, the others from the latest version.

    Attributes:
        etag: When set, that of the latest version, or the update is refused.
        request_id: A UUID that makes a repeat harmless; may be empty.
    """

    name: TagDefinitionName
    spec: TagDefinitionSpec
    fields: tuple[DefinitionField, ...]
    etag: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class TagRequest:
    """Asks for the tags of a batch.

    Attributes:
        definition: The name of a definition, or one for this call alone.
        contents: What to tag.
        version: The version of a named definition; 0 means the latest.
        candidate_count: The most tags below their threshold to return too.
        priority: The lane that the call waits in.
        workspace: Where the call works; a named definition must be there.
    """

    definition: TagDefinitionName | TagDefinitionSpec
    contents: tuple[Content, ...]
    version: int = 0
    candidate_count: int = 0
    priority: Priority = Priority.INTERACTIVE
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True)
class TagEvidence:
    """What a tag rests on.

    Attributes:
        explanation: What was compared, in words.
        similarity: The cosine of content and tag, -1 to 1.
        part_index: The part of the content that spoke most for the tag, from 0.
    """

    explanation: str
    similarity: float
    part_index: int = 0


@dataclass(frozen=True, slots=True)
class AssignedTag:
    """A tag of a content; `score` is the calibrated probability that it fits, 0 to 1."""

    tag: str
    group: str
    score: float
    evidence: TagEvidence


@dataclass(frozen=True, slots=True)
class ContentTags:
    """The tags of one content, and the best below their threshold if they were asked for; surest first."""

    tags: tuple[AssignedTag, ...] = ()
    candidates: tuple[AssignedTag, ...] = ()


@dataclass(frozen=True, slots=True)
class TagResponse:
    """Tags or an error for each content, in order; `version` is 0 for an inline definition."""

    results: tuple[ContentTags | SensoriumError, ...]
    model: str
    model_revision: str
    version: int = 0
    usage: Usage = Usage()
    timings: Timings = Timings()
