"""The Python client: what a backend service imports to call a mesh. It needs nothing of the server's dependencies."""

from sensorium.client.asynchronous import AsyncClient
from sensorium.client.documents import Document
from sensorium.client.embeddings import Embeddings
from sensorium.client.hits import Hit, HitGroup, Hits
from sensorium.client.loading import LoadedDataset, load_dataset
from sensorium.client.media import audio, image
from sensorium.client.searches import SearchOptions
from sensorium.client.synchronous import Client
from sensorium.client.tagging import Tagged
from sensorium.client.upserts import DocumentError, UpsertReport
from sensorium.errors import SensoriumError
from sensorium.model.collection import AttributeField, AttributeType
from sensorium.model.content import Content, Modality, Part, TokenIds
from sensorium.model.dataset_file import Sample
from sensorium.model.search import DocumentReference, Facet, QueryPart, SearchPlan, TagFilter
from sensorium.model.tagging import TagDefinition, TagDefinitionSpec, TagSpec

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
