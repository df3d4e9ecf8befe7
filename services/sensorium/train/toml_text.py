"""Writes TOML: cards and manifests are read by people, so they are written as people write them."""

import json
from collections.abc import Mapping, Sequence

Value = str | bool | int | float | Sequence["Value"] | Mapping[str, "Value"]


def toml(fields: Mapping[str, Value], prefix: str = "") -> str:
    """Return a document: plain values first, then tables, each under its own heading."""
    plain = [f"{_key(name)} = {_text(value)}" for name, value in fields.items() if not _is_table(value)]
    parts = ["\n".join(plain)] if plain else []
    for name, value in fields.items():
        path = f"{prefix}{_key(name)}"
        match value:
            case Mapping():
                parts.append(f"[{path}]\n{toml(value, f'{path}.')}".rstrip())
            case [Mapping(), *_]:
                tables = [each for each in value if isinstance(each, Mapping)]
                parts.extend(f"[[{path}]]\n{toml(each, f'{path}.')}".rstrip() for each in tables)
    return "\n\n".join(parts) + "\n"


def _is_table(value: Value) -> bool:
    match value:
        case Mapping() | [Mapping(), *_]:
            return True
        case _:
            return False


def _key(name: str) -> str:
    return (
        name
        if name.replace("_", "").replace("-", "").isalnum() and name.isascii()
        else json.dumps(name, ensure_ascii=False)
    )


def _text(value: Value) -> str:
    # TOML's basic strings, numbers, booleans and arrays are written as JSON's are.
    return json.dumps(value, ensure_ascii=False)
