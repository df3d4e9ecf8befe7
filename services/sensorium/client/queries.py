"""What a caller may look for, and how it becomes the parts of a query."""

from collections.abc import Sequence
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from sensorium.client.documents import vector_of
from sensorium.model.content import Content, Part
from sensorium.model.search import DocumentReference, QueryPart

Target = str | Part | Content | DocumentReference | NDArray[np.floating]
Query = Target | QueryPart | Sequence[Target | QueryPart]


@singledispatch
def query_parts(query: object) -> tuple[QueryPart, ...]:
    """Return the parts of a query: words, an image, a sound, a content, a vector, a document, or several.

    Raises:
        TypeError: It is none of them.
        InvalidArgument: A vector is not a row of numbers.
    """
    raise TypeError(
        "a query is words, an image, a sound, a vector (numpy), a Content, a DocumentReference or a QueryPart, "
        f"not {query!r}"
    )


@query_parts.register
def _(query: str) -> tuple[QueryPart, ...]:
    return (QueryPart(Content.of_text(query)),)


@query_parts.register
def _(query: Part) -> tuple[QueryPart, ...]:
    return (QueryPart(Content((query,))),)


@query_parts.register(Content)
@query_parts.register(DocumentReference)
def _(query: Content | DocumentReference) -> tuple[QueryPart, ...]:
    return (QueryPart(query),)


@query_parts.register(np.ndarray)
def _(query: NDArray[np.floating]) -> tuple[QueryPart, ...]:
    return (QueryPart(vector_of(query)),)


@query_parts.register
def _(query: QueryPart) -> tuple[QueryPart, ...]:
    return (query,)


@query_parts.register(list)
@query_parts.register(tuple)
def _(query: Sequence[Target | QueryPart]) -> tuple[QueryPart, ...]:
    return tuple(part for each in query for part in query_parts(each))
