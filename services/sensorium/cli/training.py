"""Opens a training for the command line, or says what the environment lacks for one."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.errors import FailedPrecondition
from sensorium.settings import Settings

if TYPE_CHECKING:
    from sensorium.train.course import Course

_MODULES = {"torch", "onnx", "onnxruntime", "onnxscript", "matplotlib", "PIL", "soundfile", "soxr", "tokenizers"}


def course(file: Path, settings: Settings, folder: Path, say: Callable[[str], None], threads: int) -> "Course":
    """Return the training that `file` describes.

    Raises:
        NotFound: The file, or the text model, does not exist.
        FailedPrecondition: The file is wrong, no data folder is named, or torch is not installed.
    """
    from sensorium.train.configuration import read_configuration

    configuration = read_configuration(file)
    if settings.training.data is None:
        raise FailedPrecondition("name the folder that holds the data: --data, or SENSORIUM_TRAINING__DATA")
    try:
        from sensorium.train.course import Course, Places
    except ModuleNotFoundError as missing:
        if missing.name not in _MODULES:
            raise
        raise FailedPrecondition(
            f"training needs {missing.name}, which serving does not: run make train, "
            "or pip install -r requirements/train.in"
        ) from missing
    places = Places(settings.training.data, folder, settings.triton.model_repository)
    return Course(configuration, places, say, threads)
