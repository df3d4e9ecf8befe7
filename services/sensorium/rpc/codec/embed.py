"""The messages of EmbedService, both ways: for its servicer and for its client."""

from sensorium.errors import SensoriumError
from sensorium.model.content import Modality
from sensorium.model.embedding import (
    DEFAULT_THRESHOLD,
    Calibration,
    Embedding,
    EmbedOptions,
    EmbedRequest,
    EmbedResponse,
    EmbedRole,
    Fusion,
    ModelInfo,
    ModelState,
    OutputKind,
    Priority,
)
from sensorium.model.names import model_name, parse_model, parse_workspace
from sensorium.rpc.codec.content import content_from_proto, content_to_proto
from sensorium.rpc.codec.enums import DTYPE, METRIC, MODALITY, PRIORITY, TRUNCATION, EnumTable
from sensorium.rpc.codec.usage import timings_from_proto, timings_to_proto, usage_from_proto, usage_to_proto
from sensorium.rpc.codec.vector import embedding_from_proto, embedding_to_proto
from sensorium.rpc.status import from_status, to_status
from sensorium.v1 import embed_service_pb2 as pb

ROLE = EnumTable({EmbedRole.QUERY: pb.EMBED_ROLE_QUERY, EmbedRole.DOCUMENT: pb.EMBED_ROLE_DOCUMENT})
FUSION = EnumTable({Fusion.JOINT: pb.FUSION_JOINT, Fusion.AVERAGE: pb.FUSION_AVERAGE})
OUTPUT = EnumTable(
    {
        OutputKind.DENSE: pb.OUTPUT_KIND_DENSE,
        OutputKind.SPARSE: pb.OUTPUT_KIND_SPARSE,
        OutputKind.MULTI: pb.OUTPUT_KIND_MULTI,
    },
    unspecified=OutputKind.DENSE,
)
STATE = EnumTable(
    {
        ModelState.LOADING: pb.Model.STATE_LOADING,
        ModelState.READY: pb.Model.STATE_READY,
        ModelState.FAILED: pb.Model.STATE_FAILED,
    }
)


def request_from_proto(request: pb.EmbedRequest, unspecified: Priority = Priority.INTERACTIVE) -> EmbedRequest:
    """Return the request; one that names no priority gets `unspecified`.

    Raises:
        InvalidArgument: A name or an option is wrong.
    """
    return EmbedRequest(
        contents=tuple([content_from_proto(content) for content in request.contents]),
        model=request.model,
        options=options_from_proto(request.options) if request.HasField("options") else EmbedOptions(),
        priority=PRIORITY.from_proto(request.priority, "priority") if request.priority else unspecified,
        workspace=parse_workspace(request.parent),
    )


def request_to_proto(request: EmbedRequest) -> pb.EmbedRequest:
    """Return the message for `request`. Raises InvalidArgument for a text that UTF-8 cannot hold."""
    return pb.EmbedRequest(
        parent=f"workspaces/{request.workspace}",
        model=request.model,
        contents=[content_to_proto(content) for content in request.contents],
        options=options_to_proto(request.options),
        priority=PRIORITY.to_proto(request.priority),
    )


def options_from_proto(options: pb.EmbedOptions, field: str = "options") -> EmbedOptions:
    """Return the options at `field`; what is unspecified takes its default. Raises InvalidArgument."""
    outputs = [OUTPUT.from_proto(number, f"{field}.outputs[{i}]") for i, number in enumerate(options.outputs)]
    return EmbedOptions(
        role=ROLE.from_proto(options.role, f"{field}.role") if options.role else None,
        instruction=options.instruction,
        outputs=tuple(outputs) or (OutputKind.DENSE,),
        dimension=options.dimension,
        dtype=DTYPE.from_proto(options.dtype, f"{field}.dtype"),
        truncation=TRUNCATION.from_proto(options.truncation, f"{field}.truncation"),
        fusion=FUSION.from_proto(options.fusion, f"{field}.fusion") if options.fusion else None,
    )


def options_to_proto(options: EmbedOptions) -> pb.EmbedOptions:
    """Return the message for `options`."""
    return pb.EmbedOptions(
        role=ROLE.to_proto(options.role) if options.role else pb.EMBED_ROLE_UNSPECIFIED,
        instruction=options.instruction,
        outputs=[OUTPUT.to_proto(output) for output in options.outputs],
        dimension=options.dimension,
        dtype=DTYPE.to_proto(options.dtype),
        truncation=TRUNCATION.to_proto(options.truncation),
        fusion=FUSION.to_proto(options.fusion) if options.fusion else pb.FUSION_UNSPECIFIED,
    )


def response_to_proto(response: EmbedResponse, workspace: str) -> pb.EmbedResponse:
    """Return the message for `response`, the model named in `workspace`."""
    return pb.EmbedResponse(
        model=model_name(workspace, response.model),
        model_revision=response.model_revision,
        results=[_result_to_proto(result) for result in response.results],
        usage=usage_to_proto(response.usage),
        timings=timings_to_proto(response.timings),
    )


def response_from_proto(response: pb.EmbedResponse) -> EmbedResponse:
    """Return the response, its model by id."""
    return EmbedResponse(
        model=parse_model(response.model, "model")[1],
        model_revision=response.model_revision,
        results=tuple([_result_from_proto(result, f"results[{i}]") for i, result in enumerate(response.results)]),
        usage=usage_from_proto(response.usage),
        timings=timings_from_proto(response.timings),
    )


def model_to_proto(info: ModelInfo, workspace: str) -> pb.Model:
    """Return the message for a model, named in `workspace`."""
    return pb.Model(
        name=model_name(workspace, info.name),
        revision=info.revision,
        description=info.description,
        modalities=[MODALITY.to_proto(modality) for modality in info.modalities],
        languages=info.languages,
        outputs=[OUTPUT.to_proto(output) for output in info.outputs],
        dimension=info.dimension,
        dimensions=info.dimensions,
        metric=METRIC.to_proto(info.metric),
        normalized=info.normalized,
        max_token_count=info.max_token_count,
        fusions=[FUSION.to_proto(fusion) for fusion in info.fusions],
        roles_supported=info.roles_supported,
        instruction_supported=info.instruction_supported,
        license=info.license,
        state=STATE.to_proto(info.state),
        calibration=_calibration_to_proto(of_texts) if (of_texts := info.calibration_of(Modality.TEXT)) else None,
        media_calibrations=[
            _calibration_to_proto(each) for each in info.calibrations if each.modality is not Modality.TEXT
        ],
        vocabulary=info.vocabulary,
    )


def model_from_proto(model: pb.Model) -> ModelInfo:
    """Return the model, by id."""
    return ModelInfo(
        name=parse_model(model.name, "model.name")[1],
        revision=model.revision,
        description=model.description,
        dimension=model.dimension,
        max_token_count=model.max_token_count,
        license=model.license,
        modalities=tuple(MODALITY.from_proto(number, "model.modalities") for number in model.modalities),
        languages=tuple(model.languages),
        outputs=tuple(OUTPUT.from_proto(number, "model.outputs") for number in model.outputs),
        dimensions=tuple(model.dimensions),
        metric=METRIC.from_proto(model.metric, "model.metric"),
        normalized=model.normalized,
        fusions=tuple(FUSION.from_proto(number, "model.fusions") for number in model.fusions),
        roles_supported=model.roles_supported,
        instruction_supported=model.instruction_supported,
        state=STATE.from_proto(model.state, "model.state"),
        calibrations=tuple(
            _calibration_from_proto(each)
            for each in ([model.calibration] if model.HasField("calibration") else []) + list(model.media_calibrations)
        ),
        vocabulary=model.vocabulary,
    )


def _calibration_to_proto(calibration: Calibration) -> pb.Calibration:
    return pb.Calibration(
        slope=calibration.slope,
        intercept=calibration.intercept,
        modality=MODALITY.to_proto(calibration.modality),
        threshold=calibration.threshold,
        tag_intercepts=calibration.tag_intercepts,
    )


def _calibration_from_proto(calibration: pb.Calibration) -> Calibration:
    number = calibration.modality
    modality = MODALITY.from_proto(number, "model.calibration.modality") if number else Modality.TEXT
    return Calibration(
        calibration.slope,
        calibration.intercept,
        modality,
        calibration.threshold if calibration.HasField("threshold") else DEFAULT_THRESHOLD,
        dict(calibration.tag_intercepts),
    )


def _result_to_proto(result: Embedding | SensoriumError) -> pb.EmbedResult:
    match result:
        case Embedding():
            return pb.EmbedResult(
                embedding=embedding_to_proto(result), truncated=result.truncated, token_count=result.token_count
            )
        case error:
            return pb.EmbedResult(error=to_status(error))


def _result_from_proto(result: pb.EmbedResult, field: str) -> Embedding | SensoriumError:
    if result.WhichOneof("outcome") == "embedding":
        return embedding_from_proto(result.embedding, field, truncated=result.truncated, token_count=result.token_count)
    return from_status(result.error)
