"""Fits the calibration of an embedding model for tagging, and reports how far its scores can be trusted.

Tags are the articles of samples/passages.jsonl, once by name alone and once with their description in
descriptions.toml; contents are the passages; a tag fits the passages of its article. Half of the articles are fitted,
the other half is held out, so that neither its passages nor its tags were seen. The vectors come from a running mesh
by the code that serves. `--captions` adds a set from another domain: captions of photos with the objects on them;
`--photos` reports what the card's calibration for images says of the photos themselves.
"""

import argparse
import asyncio
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.client.connection import Endpoint, connect
from sensorium.errors import SensoriumError
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.embedding import Calibration, ModelInfo, Priority
from sensorium.model.tagging import TagDefinitionSpec, TagRequest, TagSpec
from sensorium.ports import Embedder
from sensorium.tag.content_vectors import embed_contents
from sensorium.tag.tag_vectors import TagVectors
from sensorium.train.tag_calibration import THRESHOLD, Pairs, figures, fit, tenths

HERE = Path(__file__).resolve().parent
PASSAGES = HERE.parents[1] / "samples" / "passages.jsonl"
BATCH = 256
Values = NDArray[np.float64]


def report(name: str, pairs: Pairs, calibration: Calibration) -> None:
    """Print expected calibration error, precision and recall, and the reliability of each tenth of the scores."""
    chances = calibration.probabilities(pairs.similarities)
    measured, filled = figures(pairs, chances), tenths(pairs, chances)
    print(f"\n{name}: {len(chances)} pairs, {int(pairs.fits.sum())} fit")
    gaps, sizes = [abs(score - share) for score, share, _ in filled], [count for *_, count in filled]
    print(f"  expected calibration error {measured['calibration error']:.4f}", end="")
    print(f", beyond the lowest tenth {np.average(gaps[1:], weights=sizes[1:]):.3f}")
    print(f"  at {THRESHOLD}: precision {measured['precision at 0.5']:.3f}, recall {measured['recall at 0.5']:.3f}")
    for score, share, count in filled:
        print(f"  score {score:.3f}  fits {share:.3f}  pairs {count}")


async def compared(
    embedder: Embedder, model: ModelInfo, tags: tuple[TagSpec, ...], contents: Sequence[Content]
) -> Values:
    """Return the similarity of each content and tag, shape [contents, tags]."""
    spec = TagDefinitionSpec(tags)
    vectors = await TagVectors(embedder, batch_size=BATCH, max_bytes=1 << 28).of(spec, model, Priority.BULK)
    request = TagRequest(spec, tuple(contents), priority=Priority.BULK)
    embedded = await embed_contents(embedder, request, model, BATCH)
    rows = []
    for content in embedded.vectors:
        if isinstance(content, SensoriumError):
            raise content
        rows.append(content.whole @ vectors.T)
    return np.stack(rows).astype(np.float64)


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _descriptions() -> dict[str, str]:
    return tomllib.loads((HERE / "descriptions.toml").read_text(encoding="utf-8"))


async def articles(embedder: Embedder, model: ModelInfo) -> tuple[Pairs, Pairs]:
    """Return the pairs to fit and the pairs held out."""
    passages, descriptions = _lines(PASSAGES), _descriptions()
    titles = sorted(descriptions)
    fits = np.array([[passage["title"] == title for title in titles] for passage in passages])
    texts = [Content.of_text(passage["text"]) for passage in passages]
    named = await compared(embedder, model, tuple(TagSpec(title) for title in titles), texts)
    described = await compared(embedder, model, tuple(TagSpec(title, descriptions[title]) for title in titles), texts)
    halves = []
    for half in (0, 1):
        columns = np.arange(len(titles)) % 2 == half
        rows = fits[:, columns].any(axis=1)
        both = [Pairs(each[rows][:, columns].ravel(), fits[rows][:, columns].ravel()) for each in (named, described)]
        halves.append(both[0].joined(both[1]))
    return halves[0], halves[1]


async def captions(embedder: Embedder, model: ModelInfo, file: Path) -> Pairs:
    """Return the pairs of captions and objects of `file`, JSON lines with `captions_en` and `objects`."""
    photos = [photo for photo in _lines(file) if photo.get("objects")]
    told = [(caption, photo["objects"]) for photo in photos for caption in photo["captions_en"]]
    objects = sorted({each for _, shown in told for each in shown})
    found = await compared(
        embedder, model, tuple(map(TagSpec, objects)), [Content.of_text(caption) for caption, _ in told]
    )
    return Pairs(found.ravel(), np.array([each in shown for _, shown in told for each in objects]))


async def photos(embedder: Embedder, model: ModelInfo, file: Path) -> Pairs:
    """Return the pairs of the photos that lines of `file` name, relative to it, and objects."""
    shown = [photo for photo in _lines(file) if photo.get("objects")]
    objects = sorted({each for photo in shown for each in photo["objects"]})
    media = [Media(data=(file.parent / photo["file"]).read_bytes()) for photo in shown]
    contents = [Content((Part(Modality.IMAGE, each),)) for each in media]
    found = await compared(embedder, model, tuple(map(TagSpec, objects)), contents)
    return Pairs(found.ravel(), np.array([each in photo["objects"] for photo in shown for each in objects]))


async def calibrate(address: str, name: str, other: Path | None, pictured: Path | None) -> None:
    """Fit, report, and print what belongs into the model's card."""
    async with connect(Endpoint(address)) as backends:
        model = await backends.embedder.model(name)
        fitted, held_out = await articles(backends.embedder, model)
        calibration = fit(fitted)
        report("fitted half", fitted, calibration)
        report("held-out half", held_out, calibration)
        if other:
            report(f"another domain ({other.name})", await captions(backends.embedder, model, other), calibration)
        if pictured and (of_images := model.calibration_of(Modality.IMAGE)):
            report(f"photos ({pictured.name})", await photos(backends.embedder, model, pictured), of_images)
    print(f"\n[calibration.text]\nslope = {calibration.slope:.2f}\nintercept = {calibration.intercept:.2f}")


def main() -> None:
    """Read the command line and calibrate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="the model's id; the mesh must serve it")
    parser.add_argument("--address", default="127.0.0.1:50051", help="the mesh")
    parser.add_argument("--captions", type=Path, help="labels.jsonl of captioned photos")
    parser.add_argument("--photos", type=Path, help="labels.jsonl of photos with objects, for a model of images")
    arguments = parser.parse_args()
    asyncio.run(calibrate(arguments.address, arguments.model, arguments.captions, arguments.photos))


if __name__ == "__main__":
    main()
