"""What a tag definition may be."""

from sensorium.errors import InvalidArgument
from sensorium.model.count_check import check_count
from sensorium.model.names import parse_model
from sensorium.model.tagging import TagDefinitionSpec, TagSpec
from sensorium.model.text_check import check_text
from sensorium.settings import TagSettings

LARGEST_COUNT = 2**31 - 1


def check_definition(spec: TagDefinitionSpec, limits: TagSettings, field: str = "tag_definition") -> None:
    """Refuse what cannot be the definition at `field`.

    Raises:
        InvalidArgument: FIELD_INVALID, TOO_MANY_ITEMS (tags) or NAME_INVALID (model); names the field at fault.
    """
    _check_length(spec.display_name, limits.max_display_name_chars, f"{field}.display_name")
    _check_length(spec.guide_prompt, limits.max_guide_prompt_chars, f"{field}.guide_prompt")
    if spec.model:
        parse_model(f"models/{spec.model}", f"{field}.model")
    _check_threshold(spec.threshold, f"{field}.threshold")
    if not 0 <= spec.max_tag_count <= LARGEST_COUNT:
        raise _invalid(f"{field}.max_tag_count", f"{spec.max_tag_count} is not between 0 and {LARGEST_COUNT}")
    check_count(f"{field}.tags", len(spec.tags), limits.max_tags)
    for index, tag in enumerate(spec.tags):
        _check_tag(tag, limits, f"{field}.tags[{index}]")
    _check_unique(spec.tags, field)


def _check_tag(spec: TagSpec, limits: TagSettings, field: str) -> None:
    if not spec.tag.strip():
        raise _invalid(f"{field}.tag", "it is empty or blank")
    _check_length(spec.tag, limits.max_tag_chars, f"{field}.tag")
    _check_length(spec.description, limits.max_description_chars, f"{field}.description")
    _check_length(spec.group, limits.max_tag_chars, f"{field}.group")
    _check_threshold(spec.threshold, f"{field}.threshold")


def _check_unique(tags: tuple[TagSpec, ...], field: str) -> None:
    seen: set[str] = set()
    for index, spec in enumerate(tags):
        if spec.tag in seen:
            raise _invalid(f"{field}.tags[{index}].tag", f"{spec.tag!r} stands twice")
        seen.add(spec.tag)


def _check_length(text: str, most: int, field: str) -> None:
    if len(text) > most:
        raise _invalid(field, f"it has {len(text)} characters, the limit is {most}")
    check_text(text, field)


def _check_threshold(threshold: float | None, field: str) -> None:
    if threshold is not None and not 0 <= threshold <= 1:
        raise _invalid(field, f"{threshold:g} is not between 0 and 1")


def _invalid(field: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {why}", field=field)
