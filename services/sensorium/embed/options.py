"""Checks that a model can do what a call's options ask for."""

from collections.abc import Collection, Iterable

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.embedding import EmbedOptions, ModelInfo
from sensorium.model.vector import DType

MAX_INSTRUCTION_CHARACTERS = 2048


def check_options(options: EmbedOptions, info: ModelInfo) -> None:
    """Refuse what the model of `info` cannot do.

    A role is taken by every model: one that does not tell queries from documents embeds both alike.

    Raises:
        InvalidArgument: OPTION_UNSUPPORTED naming the option and what is supported, or FIELD_INVALID for an option
            that no model takes.
    """
    _check_instruction(options, info)
    _check_outputs(options, info)
    _check_dimension(options, info)
    if options.fusion is not None and options.fusion not in info.fusions:
        raise unsupported("fusion", options.fusion, info.fusions, "options.fusion")


def unsupported(option: str, asked: object, supported: Collection[object], field: str) -> InvalidArgument:
    """Return the error for an option that a model does not support as `asked`."""
    names = _joined(supported)
    return InvalidArgument(
        f"{field}: the model does not support {asked}; it supports {names or 'none'}",
        reason=Reason.OPTION_UNSUPPORTED,
        field=field,
        metadata={"option": option, "supported": names},
    )


def _check_instruction(options: EmbedOptions, info: ModelInfo) -> None:
    field = "options.instruction"
    if len(options.instruction) > MAX_INSTRUCTION_CHARACTERS:
        raise InvalidArgument(
            f"{field}: has {len(options.instruction)} characters, more than {MAX_INSTRUCTION_CHARACTERS}", field=field
        )
    if options.instruction and not info.instruction_supported:
        raise unsupported("instruction", "an instruction", (), field)


def _check_outputs(options: EmbedOptions, info: ModelInfo) -> None:
    if not options.outputs:
        raise InvalidArgument("options.outputs: at least one must be asked for", field="options.outputs")
    for output in options.outputs:
        if output not in info.outputs:
            raise unsupported("outputs", output, info.outputs, "options.outputs")


def _check_dimension(options: EmbedOptions, info: ModelInfo) -> None:
    field, dimension = "options.dimension", options.dimension
    if dimension < 0:
        raise InvalidArgument(f"{field}: must not be negative, not {dimension}", field=field)
    supported = sorted({*info.dimensions, info.dimension})
    if dimension and dimension not in supported:
        raise unsupported("dimension", dimension, supported, field)
    if options.dtype is DType.BINARY and (dimension or info.dimension) % 8:
        raise unsupported("dtype", f"binary vectors of {dimension or info.dimension} components", (), "options.dtype")


def _joined(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))
