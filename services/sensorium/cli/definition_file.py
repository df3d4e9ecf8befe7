"""Reads a tag definition that somebody wrote as JSON or TOML."""

import json
import tomllib
from pathlib import Path
from typing import Any

from sensorium.client.tagging import DefinitionChange
from sensorium.errors import InvalidArgument, Reason
from sensorium.model.tagging import TagSpec

_KINDS: dict[str, tuple[type, ...]] = {
    "display_name": (str,),
    "guide_prompt": (str,),
    "model": (str,),
    "threshold": (int, float),
    "max_tag_count": (int,),
    "tags": (dict, list),
}
_TAG_KINDS: dict[str, tuple[type, ...]] = {
    "tag": (str,),
    "description": (str,),
    "group": (str,),
    "threshold": (int, float),
}


def read_definition(file: Path) -> DefinitionChange:
    """Return what a file says of a definition.

    It holds `tags`, as descriptions by tag or as a list of `tag`, `description`, `group` and `threshold`, and may hold
    `display_name`, `guide_prompt`, `model`, `threshold` and `max_tag_count`.

    Raises:
        InvalidArgument: It is neither JSON nor TOML (by the ending of its name), or a field is unknown or of a wrong
            type; names the field.
    """
    fields = _checked(_parsed(file), _KINDS, "")
    tags = fields.pop("tags", None)
    return DefinitionChange(None if tags is None else _tags(tags), **fields)


def _parsed(file: Path) -> Any:
    try:
        text = file.read_text(encoding="utf-8")
        return tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except ValueError as error:  # Of both parsers, and of UTF-8.
        raise InvalidArgument(f"{file} cannot be read: {error}", reason=Reason.REQUEST_MALFORMED) from None


def _tags(tags: dict[str, Any] | list[Any]) -> tuple[TagSpec, ...]:
    if isinstance(tags, dict):
        listed: list[Any] = [{"tag": tag, "description": description} for tag, description in tags.items()]
    else:
        listed = tags
    checked = [_checked(tag, _TAG_KINDS, f"tags[{index}].") for index, tag in enumerate(listed)]
    return tuple(TagSpec(**{"tag": "", **tag}) for tag in checked)


def _checked(fields: Any, kinds: dict[str, tuple[type, ...]], place: str) -> dict[str, Any]:
    if not isinstance(fields, dict):
        raise _wrong(place.rstrip(".") or "definition", f"it is not an object with {', '.join(kinds)}")
    for name, value in fields.items():
        if name not in kinds:
            raise _wrong(f"{place}{name}", f"it is not one of {', '.join(kinds)}")
        if not isinstance(value, kinds[name]) or isinstance(value, bool):
            raise _wrong(f"{place}{name}", f"{value!r} is of a wrong type")
    return dict(fields)


def _wrong(field: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {why}", field=field)
