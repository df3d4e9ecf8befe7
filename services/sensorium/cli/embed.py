"""`sensorium embed`: texts, images and sounds into vectors."""

from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli.choices import DTypeName, FusionName, OutputName, RoleName, TruncationName
from sensorium.cli.media import Images, Sounds, media_given
from sensorium.cli.options import command
from sensorium.cli.progress import progress
from sensorium.cli.session import Session
from sensorium.cli.texts import Lines, Texts, contents_given, given_bytes, joined
from sensorium.errors import SensoriumError

if TYPE_CHECKING:
    from sensorium.model.embedding import Embedding

Model = Annotated[str, typer.Option(help="The model's id; empty means the mesh's default.")]
Stored = Annotated[DTypeName, typer.Option("--dtype", help="How components travel.")]
Role = Annotated[RoleName | None, typer.Option(help="What the texts are for, for models that tell.")]
Dimension = Annotated[
    int, typer.Option(min=0, help="A smaller dimension that the model was trained for; 0 for its own.")
]
Truncation = Annotated[TruncationName, typer.Option(help="What is longer than the model takes is cut, or refused.")]
Together = Annotated[
    bool, typer.Option("--together", help="All that is given becomes one vector, read as a whole or averaged.")
]
Fused = Annotated[
    FusionName | None,
    typer.Option("--fusion", help="How parts become one vector; the model's own way where nothing is said."),
]
Outputs = Annotated[
    list[OutputName] | None,
    typer.Option("--output", help="A kind of vector to return; may be given several times.", show_default="dense"),
]
Instruction = Annotated[str, typer.Option(help="What the search is for, for models that follow instructions.")]


@command
def embed(
    session: Session,
    texts: Texts = None,
    *,
    file: Lines = None,
    images: Images = None,
    sounds: Sounds = None,
    model: Model = "",
    dtype: Stored = DTypeName.FLOAT32,
    role: Role = None,
    instruction: Instruction = "",
    dimension: Dimension = 0,
    truncation: Truncation = TruncationName.END,
    together: Together = False,
    fusion: Fused = None,
    outputs: Outputs = None,
) -> None:
    """Turn texts, images and sounds into vectors.

    [green]sensorium embed "a red bicycle" "a blue car"[/]

    [green]sensorium embed --file lines.txt --json > vectors.jsonl[/]

    [green]sensorium embed --image photo.jpg --audio https://example.com/bell.flac[/]

    [green]sensorium embed "at night" --image photo.jpg --together[/]

    [green]sensorium embed "a red bicycle" --model MODEL --output dense --output sparse --json[/]

    [green]echo "a red bicycle" | sensorium embed - --dtype int8 --json[/]
    """
    from sensorium.client.batches import batches
    from sensorium.model.embedding import OutputKind

    failed = total = 0
    with (
        contents_given(texts, file, media_given(images, sounds)) as told,
        session.client() as client,
        progress(session.output, "contents", 1 if together else told.count, prints_results=True) as done,
    ):
        given = joined(told) if together else told
        for batch in batches(given.contents, 256, given_bytes):
            embeddings = client.embed(
                [content for _, content in batch],
                model=model,
                dtype=dtype,
                role=role,
                instruction=instruction,
                dimension=dimension,
                truncation=truncation,
                fusion=fusion,
                outputs=tuple(map(OutputKind, outputs or [OutputName.DENSE])),
            )
            for (text, _), result in zip(batch, embeddings.results, strict=True):
                _show(session, text, result)
            failed += len(embeddings.errors)
            total += len(batch)
            done(len(batch))
    session.partial(failed, total, "contents")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(embed)


def _show(session: Session, text: str, result: "Embedding | SensoriumError") -> None:
    """Print one text with its vector or its error."""
    from rich.text import Text

    shown = text if len(text) <= 40 else f"{text[:39]}…"
    if isinstance(result, SensoriumError):
        session.output.show({"text": text, "error": result}, Text(f"{shown}  {result.message}", "red"))
        return
    counted = {"token_count": result.token_count, "truncated": result.truncated}
    cut = ", cut" if result.truncated else ""
    session.output.show(
        {"text": text, **_vectors(result), **counted},
        Text.assemble((shown, "bold"), f"  {result.token_count} tokens{cut}  {_summary(result)}"),
    )


def _vectors(result: "Embedding") -> dict[str, object]:
    """Return what an embedding holds, as JSON has it."""
    found: dict[str, object] = {"vector": result.dense.to_numpy()} if result.dense else {}
    if sparse := result.sparse:
        tokens = sparse.tokens or [""] * len(sparse.indices)
        weighed = zip(sparse.indices.tolist(), tokens, sparse.values.tolist(), strict=True)
        found["sparse"] = [{"index": index, "token": token, "weight": weight} for index, token, weight in weighed]
    if result.multi:
        found["vectors"] = list(result.multi.to_numpy())
    return found


def _summary(result: "Embedding") -> str:
    """Return the first components, the heaviest tokens, and how many vectors there are."""
    told = []
    if result.dense:
        vector = result.dense.to_numpy()
        told.append(f"[{vector.size}] {' '.join(f'{component:+.3f}' for component in vector[:6])} …")
    if sparse := result.sparse:
        names = sparse.tokens or tuple(map(str, sparse.indices.tolist()))
        heaviest = sorted(zip(sparse.values.tolist(), names, strict=True), reverse=True)[:5]
        told.append(f"{len(names)} weights: {', '.join(f'{name} {weight:.2f}' for weight, name in heaviest)}")
    if result.multi:
        told.append(f"[{result.multi.count} x {result.multi.dimension}]")
    return "  ".join(told)
