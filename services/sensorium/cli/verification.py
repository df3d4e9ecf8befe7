"""What `sensorium model verify` finds: files, canaries on a Triton, and parity with a reference."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensorium.errors import FailedPrecondition, SensoriumError
from sensorium.triton.integrity import FileState, check_files

if TYPE_CHECKING:
    from rich.table import Table

    from sensorium.settings import TritonSettings
    from sensorium.triton.card import ModelCard
    from sensorium.triton.parity import Parity
    from sensorium.triton.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Canary:
    """Whether a tower's canary has passed; `error` says why not."""

    model: str
    passed: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file of the model, and how to get it when it is not right."""

    path: str
    state: FileState
    remedy: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found of one model.

    Attributes:
        canaries: Of its towers; empty when files are wrong, as there is nothing to run then.
        parity: With the reference, where one is installed.
        no_parity: Why there is none.
    """

    model: str
    files: tuple[CheckedFile, ...]
    canaries: tuple[Canary, ...] = ()
    parity: "Parity | None" = None
    no_parity: str = ""

    def raise_for_faults(self) -> None:
        """Raise FailedPrecondition for files that are not right, else for canaries that failed."""
        wrong = [f"{each.path} is {each.state}: {each.remedy}" for each in self.files if each.state != FileState.RIGHT]
        failed = [each.error for each in self.canaries if not each.passed]
        if wrong or failed:
            raise FailedPrecondition(f"{self.model}: {'; '.join(wrong or failed)}")


async def verify(triton: "TritonSettings", name: str) -> Verification:
    """Check the files of a model; where they are right, run its canaries and compare it with its reference.

    Raises:
        NotFound: There is no such model.
        FailedPrecondition: A card or manifest is wrong.
    """
    from sensorium.serving import canaries
    from sensorium.triton.card import read_card
    from sensorium.triton.supervisor import Supervisor

    checked = check_files(triton.model_repository, name)
    files = tuple(CheckedFile(str(each.path), each.state, each.remedy) for each in checked)
    if any(each.state is not FileState.RIGHT for each in files):
        return Verification(name, files, no_parity="files are not right")
    card = read_card(triton.model_repository, name)
    checks = canaries([card])
    settings = triton.model_copy(update={"models": tuple(checks)})
    async with Supervisor(settings, checks) as server:
        ran = await _ran(server, settings)
        if not all(each.passed for each in ran):
            return Verification(name, files, ran, no_parity="canaries have not passed")
        try:
            return Verification(name, files, ran, await _compare(server, card, settings))
        except SensoriumError as error:
            return Verification(name, files, ran, no_parity=error.message)


async def _ran(server: "Supervisor", settings: "TritonSettings") -> tuple[Canary, ...]:
    """Return how the canaries went, which the server runs when it starts."""
    try:
        states = (await server.wait_ready(settings.start_timeout_seconds)).models
    except SensoriumError as error:
        return tuple(Canary(model, passed=False, error=error.message) for model in settings.models)
    return tuple(Canary(model, states[model].ready, states[model].error) for model in settings.models)


async def _compare(server: "Supervisor", card: "ModelCard", settings: "TritonSettings") -> "Parity":
    from sensorium.triton.parity import SentenceTransformer, compare

    if not card.provenance.reference:
        raise FailedPrecondition("its card names no reference")
    reference = SentenceTransformer(card.provenance.reference)
    return await compare(server, card, settings.model_repository, reference)


def verification_table(found: Verification) -> "Table":
    """Return a line for each file, each canary, and the parity."""
    from rich.table import Table

    table = Table("check", box=None, pad_edge=False)
    for column in ("of", "result"):
        table.add_column(column, overflow="fold")
    for file in found.files:
        table.add_row("file", file.path, f"{file.state}{f': {file.remedy}' if file.remedy else ''}")
    for canary in found.canaries:
        table.add_row("canary", canary.model, "passed" if canary.passed else canary.error)
    table.add_row("parity", found.model, _parity_line(found))
    return table


def _parity_line(found: Verification) -> str:
    if found.parity is None:
        return f"not compared: {found.no_parity}"
    near = found.parity
    return (
        f"cosine {near.mean_cosine:.6f} mean, {near.least_cosine:.6f} least, largest difference "
        f"{near.largest_difference:.1e}, over {near.text_count} texts"
    )
