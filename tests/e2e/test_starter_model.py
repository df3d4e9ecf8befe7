"""The starter model on a real mesh: photos and sounds are found by words, by one another and by both, not by luck."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mesh_process import ROOT, MeshProcess
from PIL import Image

from sensorium import AttributeField, AttributeType, Client, Content, Document, Part, QueryPart, audio, image
from sensorium.cli.samples import Medium, SampleSet
from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Modality
from sensorium.model.tagging import TagDefinitionSpec, TagSpec
from sensorium.train.image_pack import read_packs

NAME = "starter-trimodal-v1"
GALLERY = "gallery"
MEDIA = {medium.id: medium for medium in SampleSet(ROOT / "samples").media()}
PHOTOS = [medium for medium in MEDIA.values() if medium.kind == "photo"]
SOUNDS = [medium for medium in MEDIA.values() if medium.kind == "sound"]
BUS, OTHER_BUS, PIZZA, SKIERS = "photo-252639", "photo-568290", "photo-121647", "photo-361919"
RESEARCH = "research use only"
DATA = Path(os.environ.get("SENSORIUM_TEST_DATA", ROOT.parent / "shared" / "data"))
IMAGES_OF_EACH_CLASS = 8
Ranks = Callable[..., dict[str, int]]


@pytest.fixture(scope="module", autouse=True)
def gallery(starter_mesh: MeshProcess) -> None:
    """Puts the samples into a collection."""
    with Client(starter_mesh.grpc_address) as client:
        client.create_collection(GALLERY, model=NAME, attributes=[AttributeField("kind", AttributeType.STRING)])
        documents = [Document(each.id, content=each.part(), attributes={"kind": each.kind}) for each in MEDIA.values()]
        client.upsert(GALLERY, documents).raise_for_errors()


@pytest.fixture
def client(starter_mesh: MeshProcess) -> Iterator[Client]:
    with Client(starter_mesh.grpc_address) as opened:
        yield opened


@pytest.fixture
def ranks(client: Client) -> Ranks:
    """Rank all photos, or all sounds, by a query; the nearest has rank 1."""

    def ranked(query: object, kind: str = "photo") -> dict[str, int]:
        hits = client.search(GALLERY, query, top_k=len(MEDIA), filter=f'kind = "{kind}"')  # type: ignore[arg-type]
        return {hit.document.id: hit.rank for hit in hits}

    return ranked


def titled(word: str, media: list[Medium]) -> set[str]:
    """Return the ids of the media whose title holds a word."""
    return {medium.id for medium in media if word in medium.title.lower()}


def mean_rank(ranked: dict[str, int], ids: set[str]) -> float:
    return sum(ranked[each] for each in ids) / len(ids)


def huge_png() -> bytes:
    """Return a small file of more pixels than a tower takes."""
    stream = BytesIO()
    Image.new("1", (8_000, 6_000)).save(stream, "PNG")
    return stream.getvalue()


# Each is wrong in a way of its own, with the reason that must be given.
BAD: dict[str, tuple[object, Reason]] = {
    "empty text": ("", Reason.CONTENT_EMPTY),
    "empty image": (image(b""), Reason.CONTENT_EMPTY),
    "no image": (image(b"no picture at all"), Reason.MEDIA_UNDECODABLE),
    "half an image": (image(MEDIA[BUS].path.read_bytes()[:2_000]), Reason.MEDIA_UNDECODABLE),
    "a sound as an image": (image(SOUNDS[0].path.read_bytes()), Reason.MEDIA_UNDECODABLE),
    "too many pixels": (image(huge_png()), Reason.CONTENT_TOO_LONG),
    "too many bytes": (image(MEDIA[BUS].path.read_bytes() + bytes(20 << 20)), Reason.CONTENT_TOO_LONG),
    "a private address": (image("http://127.0.0.1:1/a.jpg"), Reason.URI_REFUSED),
    "a file of no root": (image("file:///etc/passwd"), Reason.URI_REFUSED),
    "no sound": (audio(b"no sound at all"), Reason.MEDIA_UNDECODABLE),
    "an empty sound": (audio(b""), Reason.CONTENT_EMPTY),
    "an image as a sound": (audio(MEDIA[BUS].path.read_bytes()), Reason.MEDIA_UNDECODABLE),
    "a broken data URI": (audio("data:audio/wav;base64,!!!"), Reason.URI_REFUSED),
}


def test_a_batch_of_a_hundred_returns_the_rest_beside_bad_items_of_every_kind(client: Client) -> None:
    good = ["a bus", MEDIA[BUS].part(), SOUNDS[0].part()]
    batch = [good[place % 3] for place in range(100)]
    places = dict(zip(range(3, 100, 7), BAD, strict=False))
    for place, kind in places.items():
        batch[place] = BAD[kind][0]
    found = client.embed(batch, model=NAME)  # type: ignore[arg-type]
    assert len(places) == len(BAD)
    assert {places[place]: error.reason for place, error in found.errors.items()} == {
        kind: reason for kind, (_, reason) in BAD.items()
    }
    assert {type(error) for error in found.errors.values()} == {InvalidArgument}
    alone = client.embed(good, model=NAME).vectors
    for place in set(range(100)) - set(places):
        assert float(found.vectors[place] @ alone[place % 3]) > 0.9999


def run_cli(mesh: MeshProcess, *arguments: str) -> str:
    command = [sys.executable, "-m", "sensorium", "--address", mesh.grpc_address, *arguments]
    wide = {**os.environ, "COLUMNS": "240"}
    return subprocess.run(command, env=wide, capture_output=True, text=True, check=True, timeout=60).stdout


def test_wherever_the_model_answers_it_says_that_it_is_for_research(client: Client, starter_mesh: MeshProcess) -> None:
    shown = client.model(NAME)
    assert RESEARCH in shown.license
    assert set(shown.modalities) == {Modality.TEXT, Modality.IMAGE, Modality.AUDIO}
    assert RESEARCH in {model.name: model.license for model in client.models()}[NAME]
    assert RESEARCH in run_cli(starter_mesh, "model", "list")
    assert RESEARCH in run_cli(starter_mesh, "model", "show", NAME)


def test_words_a_photo_and_a_sound_share_a_batch_and_a_space(client: Client) -> None:
    found = client.embed(["a bus", MEDIA[BUS].part(), SOUNDS[0].part()], model=NAME)
    assert found.vectors.shape == (3, 384)
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-3)
    assert [each.modality for each in found.usage.modalities] == [Modality.TEXT, Modality.IMAGE, Modality.AUDIO]


@pytest.mark.parametrize(
    ("sentence", "word"),
    [
        ("a red bus on a street", "bus"),
        ("skiers on a mountain", "skiing"),
        ("a plate of food", "food"),
        ("a computer on an office desk", "computer"),
    ],
)
def test_a_sentence_finds_its_photo(ranks: Ranks, sentence: str, word: str) -> None:
    found = ranks(sentence)
    assert min(found[each] for each in titled(word, PHOTOS)) <= 2


def test_titles_find_their_photos_far_oftener_than_luck_would(client: Client) -> None:
    found = client.search_many(GALLERY, [photo.title for photo in PHOTOS], top_k=10, filter='kind = "photo"')
    near = 0
    for photo, hits in zip(PHOTOS, found, strict=True):
        assert not isinstance(hits, Exception)
        near += photo.id in {hit.document.id for hit in hits}
    assert near >= 30  # Of 76; 10 by luck.


def test_a_photo_finds_one_that_shows_the_same(ranks: Ranks) -> None:
    found = ranks(MEDIA[BUS].part())
    assert (found[BUS], found[OTHER_BUS]) == (1, 2)


def test_words_beside_a_photo_draw_the_hits_towards_them(ranks: Ranks) -> None:
    computers, photo = titled("computer", PHOTOS), MEDIA[PIZZA].part()
    words = QueryPart(Content.of_text("a laptop computer on a desk"), weight=2)
    alone, both = ranks(photo), ranks([photo, words])
    assert both[PIZZA] == 1
    assert mean_rank(both, computers) < mean_rank(alone, computers) - 3
    assert min(both[each] for each in computers) <= 3


def test_one_content_of_photo_and_words_finds_what_the_two_parts_find(client: Client) -> None:
    photo, words = MEDIA[SKIERS].part(), "a horse in a field"
    joined = client.search(GALLERY, Content((photo, Part.of_text(words))), top_k=5)
    apart = client.search(GALLERY, [photo, words], top_k=5)
    assert [hit.document.id for hit in joined] == [hit.document.id for hit in apart]


def test_what_is_not_wanted_falls_back(ranks: Ranks) -> None:
    pizzas = titled("pizza", PHOTOS)
    unwanted = QueryPart(Content.of_text("a pizza on a pan"), weight=-0.5)
    wanted, without = ranks("food on a plate"), ranks(["food on a plate", unwanted])
    assert mean_rank(without, pizzas) > mean_rank(wanted, pizzas) + 3
    assert min(without[each] for each in titled("plates of food", PHOTOS)) == 1


def test_the_command_line_searches_by_words_and_photos_and_away_from_words(starter_mesh: MeshProcess) -> None:
    def hits(*more: str) -> list[str]:
        search = ("search", GALLERY, "food on a plate", "--filter", 'kind = "photo"', "--top-k", "6", "--json")
        first = json.loads(run_cli(starter_mesh, *search, *more).splitlines()[0])
        return [hit["document"]["id"] for hit in first["hits"]]

    assert hits("--image", str(MEDIA[PIZZA].path))[0] == PIZZA
    pizzas = titled("pizza", PHOTOS)
    assert len(pizzas.intersection(hits("--without", "a pizza on a pan"))) < len(pizzas.intersection(hits()))


def test_an_unwanted_photo_takes_those_like_it_away(ranks: Ranks) -> None:
    unwanted = QueryPart(Content((MEDIA[OTHER_BUS].part(),)), weight=-0.5)
    wanted, without = ranks("a bus on a street"), ranks(["a bus on a street", unwanted])
    assert wanted[BUS] <= 2
    assert without[BUS] > 20


@pytest.mark.parametrize(
    ("sentence", "label"),
    [("a dog barking", "dog bark"), ("a ticking clock", "clock tick"), ("a crying baby", "baby cry")],
)
def test_a_sentence_finds_its_sound(ranks: Ranks, sentence: str, label: str) -> None:
    found = ranks(sentence, "sound")
    assert min(found, key=found.__getitem__) in titled(label, SOUNDS)


def test_sounds_find_sounds_of_their_kind(ranks: Ranks) -> None:
    first = {sound.title: sound for sound in reversed(SOUNDS)}
    alike = 0
    for label, sound in first.items():
        by_rank = sorted((rank, each) for each, rank in ranks(sound.part(), "sound").items())
        assert by_rank[0][1] == sound.id
        alike += by_rank[1][1] in titled(label, SOUNDS)
    assert alike >= 7  # Of 10; 1 by luck.


TAGS = ("bus", "mountain", "pizza", "bathroom", "dog bark", "clock tick", "rooster", "sea waves")


def tags_of(client: Client, *contents: Part, tags: tuple[str, ...] = TAGS) -> list[list[str]]:
    definition = TagDefinitionSpec(tuple(map(TagSpec, tags)), model=NAME)
    found = client.tag(definition, [Content((each,)) for each in contents])
    return [[each.tag for each in result.tags] for result in found.raise_for_errors()]


def test_photos_and_sounds_get_the_right_tags(client: Client) -> None:
    assert tags_of(client, MEDIA[BUS].part(), MEDIA[OTHER_BUS].part()) == [["bus"], ["bus"]]
    ticks = [sound.part() for sound in SOUNDS if sound.title == "clock tick"]
    right = sum(tags == ["clock tick"] for tags in tags_of(client, *ticks))
    assert right >= len(ticks) * 3 / 4


def test_what_fits_no_tag_gets_none(client: Client) -> None:
    chance = np.random.default_rng(0)
    hiss = BytesIO()
    soundfile.write(hiss, chance.normal(0, 0.1, 80_000), 16_000, format="WAV")
    snow = png(chance.integers(0, 256, (3, 240, 240), np.uint8))
    assert tags_of(client, image(snow), audio(hiss.getvalue())) == [[], []]
    senseless = ("quarterly tax return", "Latin grammar", "divorce law")
    assert tags_of(client, *(each.part() for each in [*PHOTOS[:20], *SOUNDS[::8]]), tags=senseless) == [[]] * 30


def test_the_same_similarity_is_worth_more_from_an_image_than_from_a_text(client: Client) -> None:
    scores = {each.modality: each.probability(0.25) for each in client.model(NAME).calibrations}
    assert scores[Modality.IMAGE] > 0.5 > scores[Modality.TEXT]
    assert set(scores) == {Modality.TEXT, Modality.IMAGE, Modality.AUDIO}


def png(pixels: np.ndarray) -> bytes:
    """Return uint8 [3, side, side] as a file."""
    stream = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(stream, "PNG")
    return stream.getvalue()


def test_barking_finds_images_of_dogs(client: Client) -> None:
    """The towers for images and sounds have never met: the words between them carry the meaning."""
    pack = DATA / "tiny_images" / "tinyimagenet_val.npz"
    if not pack.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{pack} is not there")
    images = read_packs([pack])
    dogs = {"golden retriever", "Labrador retriever", "German shepherd", "standard poodle"}
    others = [name for name in images.names if name not in dogs][::8]
    labels = [images.names.index(name) for name in [*dogs, *others]]
    places = [place for label in labels for place in np.flatnonzero(images.labels == label)[:IMAGES_OF_EACH_CLASS]]
    documents = [
        Document(str(place), content=image(png(images.pixels[place])), tags=(images.names[images.labels[place]],))
        for place in places
    ]
    client.create_collection("barking", model=NAME)
    client.upsert("barking", documents).raise_for_errors()
    barks = [audio(sound.path) for sound in SOUNDS if sound.title == "dog bark"]
    hits = client.search("barking", barks, top_k=20)
    client.delete_collection("barking", force=True)
    share = sum(hit.document.tags[0] in dogs for hit in hits) / len(hits)
    assert share > 3 * len(dogs) / len(labels)
