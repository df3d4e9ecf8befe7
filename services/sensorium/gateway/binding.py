"""Which model a collection is bound to, and the refusals that keep vectors of two models apart."""

from dataclasses import replace

from sensorium.errors import FailedPrecondition, InvalidArgument, Reason
from sensorium.model.collection import Collection, CollectionSpec
from sensorium.model.embedding import ModelInfo


def complete(spec: CollectionSpec, model: ModelInfo) -> CollectionSpec:
    """Return `spec` with what it leaves to the model: its id, revision, dimension and metric.

    Raises:
        InvalidArgument: The model cannot give vectors of the dimension that `spec` asks for.
        FailedPrecondition: `spec` names a revision that is not the served one.
    """
    _check_revision(spec.model_revision, model.revision, f"the model {model.name}", "collection.model_revision")
    return replace(
        spec,
        model=model.name,
        model_revision=model.revision,
        dimension=_dimension(spec.dimension, model),
        metric=spec.metric or model.metric,
    )


def check_claim(collection: Collection, model: str, revision: str) -> None:
    """Raise FailedPrecondition when a request names a model or a revision that is not the collection's."""
    _check_model(model, collection)
    _check_revision(revision, collection.model_revision, f"the collection {collection.id}", "model_revision")


def check_bound(collection: Collection) -> None:
    """Raise FailedPrecondition when contents cannot be embedded, because the collection names no model."""
    if not collection.model:
        raise FailedPrecondition(
            f"the collection {collection.id} is bound to no model: bring vectors, not contents",
            reason=Reason.CONTENT_NOT_EMBEDDED,
        )


def check_served(collection: Collection, revision: str) -> None:
    """Raise FailedPrecondition when the served model has another revision than the collection's vectors."""
    if revision != collection.model_revision:
        raise FailedPrecondition(
            f"the collection {collection.id} holds vectors of {collection.model} revision "
            f"{collection.model_revision}, but revision {revision} is served: embed it again into a new collection",
            reason=Reason.MODEL_MISMATCH,
            metadata={"expected": collection.model_revision, "actual": revision},
        )


def _dimension(asked: int, model: ModelInfo) -> int:
    allowed = (model.dimension, *model.dimensions)
    if asked and asked not in allowed:
        raise InvalidArgument(
            f"collection.dimension: {model.name} gives {', '.join(map(str, allowed))}, not {asked}",
            reason=Reason.DIMENSION_MISMATCH,
            field="collection.dimension",
            metadata={"expected": str(model.dimension), "actual": str(asked)},
        )
    return asked or model.dimension


def _check_model(asked: str, collection: Collection) -> None:
    if asked and asked != collection.model:
        raise FailedPrecondition(
            f"model: the collection {collection.id} is bound to {collection.model or 'no model'}, not to {asked}",
            reason=Reason.MODEL_MISMATCH,
            field="model",
            metadata={"expected": collection.model, "actual": asked},
        )


def _check_revision(asked: str, actual: str, owner: str, field: str) -> None:
    if asked and asked != actual:
        raise FailedPrecondition(
            f"{field}: {owner} has revision {actual}, not {asked}",
            reason=Reason.MODEL_MISMATCH,
            field=field,
            metadata={"expected": actual, "actual": asked},
        )
