"""Tag definitions as a caller writes them, and the tags of contents as a caller reads them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from sensorium.client.accounting import join_timings
from sensorium.errors import SensoriumError
from sensorium.model.embedding import Timings, Usage
from sensorium.model.names import TagDefinitionName, check_id
from sensorium.model.tagging import ContentTags, DefinitionField, TagDefinitionSpec, TagResponse, TagSpec

Tags = Mapping[str, str] | Iterable[TagSpec | str]


@dataclass(frozen=True, slots=True, eq=False)
class Tagged:
    """Tags or an error for each content, in order.

    Attributes:
        model: The id of the model that was used.
        model_revision: Its revision.
        version: The version of the definition that was used; 0 for an inline one.
        results: The tags of each content, or why there are none.
        usage: What the successful contents consumed.
        timings: Where the time went, summed over calls.
    """

    model: str
    model_revision: str
    version: int
    results: tuple[ContentTags | SensoriumError, ...]
    usage: Usage = Usage()
    timings: Timings = Timings()

    @classmethod
    def joined(cls, responses: Sequence[TagResponse]) -> Self:
        """Return the results of several calls as one; `responses` holds at least one."""
        return cls(
            responses[-1].model,
            responses[-1].model_revision,
            responses[-1].version,
            tuple(result for response in responses for result in response.results),
            Usage.joined(response.usage for response in responses),
            join_timings(response.timings for response in responses),
        )

    @property
    def errors(self) -> Mapping[int, SensoriumError]:
        """The errors by the place of their content."""
        return {index: result for index, result in enumerate(self.results) if isinstance(result, SensoriumError)}

    def raise_for_errors(self) -> Self:
        """Return the tags; raise the first error when there is one."""
        for error in self.errors.values():
            raise error
        return self

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, index: int) -> ContentTags:
        """Return the tags of one content, or raise its error."""
        result = self.results[index]
        if isinstance(result, SensoriumError):
            raise result
        return result

    def __iter__(self) -> Iterator[ContentTags]:
        return (self[index] for index in range(len(self)))


def tag_specs(tags: Tags) -> tuple[TagSpec, ...]:
    """Return tags given as descriptions by name, as names, or as they are."""
    if isinstance(tags, Mapping):
        return tuple(TagSpec(name, description) for name, description in tags.items())
    return tuple(TagSpec(each) if isinstance(each, str) else each for each in tags)


def definition_name(definition: str, workspace: str) -> TagDefinitionName:
    """Read a definition's id in `workspace`, or its name when it holds a slash."""
    if "/" in definition:
        return TagDefinitionName.parse(definition, "definition")
    return TagDefinitionName(workspace, check_id(definition, "definition"))


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """What an update changes; what is None stays as it is."""

    tags: Tags | None = None
    display_name: str | None = None
    guide_prompt: str | None = None
    model: str | None = None
    threshold: float | None = None
    max_tag_count: int | None = None

    def fields(self) -> tuple[DefinitionField, ...]:
        """Return the fields that change."""
        return tuple(field for field in DefinitionField if getattr(self, field.value) is not None)

    def spec(self) -> TagDefinitionSpec:
        """Return their new values."""
        return TagDefinitionSpec(
            tags=tag_specs(self.tags or ()),
            display_name=self.display_name or "",
            guide_prompt=self.guide_prompt or "",
            model=self.model or "",
            threshold=self.threshold,
            max_tag_count=self.max_tag_count or 0,
        )
