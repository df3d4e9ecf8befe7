"""Sensorium: self-hosted multimodal embedding, tagging and search.

What a caller needs stands here: `from sensorium import Client, Document`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sensorium.client import (
        AsyncClient,
        AttributeField,
        AttributeType,
        Client,
        Content,
        Document,
        DocumentError,
        DocumentReference,
        Embeddings,
        Facet,
        Hit,
        HitGroup,
        Hits,
        LoadedDataset,
        Modality,
        Part,
        QueryPart,
        Sample,
        SearchOptions,
        SearchPlan,
        SensoriumError,
        TagDefinition,
        TagDefinitionSpec,
        TagFilter,
        Tagged,
        TagSpec,
        TokenIds,
        UpsertReport,
        audio,
        image,
        load_dataset,
    )

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "AttributeField",
    "AttributeType",
    "Client",
    "Content",
    "Document",
    "DocumentError",
    "DocumentReference",
    "Embeddings",
    "Facet",
    "Hit",
    "HitGroup",
    "Hits",
    "LoadedDataset",
    "Modality",
    "Part",
    "QueryPart",
    "Sample",
    "SearchOptions",
    "SearchPlan",
    "SensoriumError",
    "TagDefinition",
    "TagDefinitionSpec",
    "TagFilter",
    "TagSpec",
    "Tagged",
    "TokenIds",
    "UpsertReport",
    "audio",
    "image",
    "load_dataset",
]


def __getattr__(name: str) -> Any:
    """Import the client when it is first asked for, as servers and commands import this package too."""
    if name in __all__:
        return getattr(import_module("sensorium.client"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
