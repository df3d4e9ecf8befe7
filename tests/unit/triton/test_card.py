"""A model card tells clients the truth about its model, and a wrong one is refused by field."""

import hashlib
from pathlib import Path

import pytest

from sensorium.errors import FailedPrecondition, NotFound, Reason
from sensorium.model.content import Modality
from sensorium.model.embedding import EmbedRole, Fusion, ModelState, OutputKind
from sensorium.model.vector import Metric
from sensorium.serving import canaries
from sensorium.triton.card import Prompts, read_card, tokenizer_path, vocabulary_path
from sensorium.triton.manifest import read_manifest

REPOSITORY = Path(__file__).parents[3] / "model_repository"
MODEL = "all-minilm-l6-v2"
MODELS = sorted(path.parent.name for path in REPOSITORY.glob("*/card.toml"))


def changed(folder: Path, old: str, new: str) -> Path:
    """Write the default model's card with one change; return the repository."""
    text = (REPOSITORY / MODEL / "card.toml").read_text()
    assert old in text
    (folder / MODEL).mkdir()
    (folder / MODEL / "card.toml").write_text(text.replace(old, new, 1))
    (folder / MODEL / "tokenizer.json").write_text("{}")
    return folder


@pytest.mark.parametrize("model", MODELS)
def test_card_and_manifests_agree(model: str) -> None:
    card = read_card(REPOSITORY, model)
    for tower in card.towers.by_modality().values():
        manifest = read_manifest(REPOSITORY / tower.model)
        [output] = [spec for spec in manifest.outputs if spec.name == tower.output]
        assert output.dims == (card.dimension,)
    if card.towers.text:
        assert read_manifest(REPOSITORY / card.towers.text.model).lengths[-1] == card.towers.text.max_token_count


@pytest.mark.parametrize("model", MODELS)
def test_the_pictures_of_the_card_are_those_of_the_manifest(model: str) -> None:
    tower = read_card(REPOSITORY, model).towers.image
    if tower:
        [spec] = read_manifest(REPOSITORY / tower.model).inputs
        assert (spec.name, spec.dtype, spec.dims) == (tower.input, "UINT8", tower.shape)


@pytest.mark.parametrize("model", MODELS)
def test_the_clips_of_the_card_are_those_of_the_manifest(model: str) -> None:
    tower = read_card(REPOSITORY, model).towers.audio
    if tower:
        [spec] = read_manifest(REPOSITORY / tower.model).inputs
        assert (spec.name, spec.dtype, spec.dims) == (tower.input, "FP32", (tower.sample_count,))


@pytest.mark.parametrize("model", MODELS)
def test_the_tokenizer_is_the_one_the_card_names(model: str) -> None:
    card = read_card(REPOSITORY, model)
    if card.towers.text:
        content = tokenizer_path(REPOSITORY, card, card.towers.text).read_bytes()
        assert hashlib.sha256(content).hexdigest() == card.towers.text.tokenizer_sha256


def test_no_two_models_share_a_revision() -> None:
    revisions = [read_card(REPOSITORY, model).revision for model in MODELS]
    assert len(set(revisions)) == len(revisions)


def test_the_weights_are_those_of_the_manifest() -> None:
    weights = read_manifest(REPOSITORY / MODEL).weights
    assert weights
    assert read_card(REPOSITORY, MODEL).provenance.weights_sha256 == weights.sha256


def test_the_default_model_says_that_it_is_english() -> None:
    info = read_card(REPOSITORY, MODEL).info(ModelState.READY)
    assert info.languages == ("en",)
    assert "English only" in info.description
    assert (info.dimension, info.max_token_count, info.license) == (384, 256, "Apache-2.0")
    assert info.metric is Metric.COSINE
    assert info.normalized
    assert not info.roles_supported
    assert info.state is ModelState.READY


@pytest.mark.parametrize("model", [MODEL, f"{MODEL}-int8"])
def test_the_calibration_calls_the_same_sure_and_the_different_unsure(model: str) -> None:
    calibration = read_card(REPOSITORY, model).info(ModelState.READY).calibration_of(Modality.TEXT)
    assert calibration
    assert calibration.slope + calibration.intercept > 5
    assert calibration.intercept < -5


def test_a_card_without_a_calibration_is_good(tmp_path: Path) -> None:
    text = (REPOSITORY / MODEL / "card.toml").read_text()
    repository = changed(tmp_path, text[text.index("[calibration.text]") :], "")
    assert read_card(repository, MODEL).info(ModelState.READY).calibrations == ()


def test_a_card_may_know_tags_by_name_and_choose_a_threshold(tmp_path: Path) -> None:
    known = 'threshold = 0.4\n[calibration.text.tags]\n"Fire  Crackling" = -7.5\n'
    text = (REPOSITORY / MODEL / "card.toml").read_text()
    fitted = text[text.index("[calibration.text]") :].rstrip() + "\n"
    repository = changed(tmp_path, text[text.index("[calibration.text]") :], fitted + known)
    [calibration] = read_card(repository, MODEL).info(ModelState.READY).calibrations
    assert (calibration.threshold, calibration.tag_intercepts) == (0.4, {"fire crackling": -7.5})


def test_a_prompt_goes_before_its_role_alone() -> None:
    prompts = Prompts(query="query: ")
    assert prompts.for_role(EmbedRole.QUERY) == "query: "
    assert prompts.for_role(EmbedRole.DOCUMENT) == ""
    assert prompts.for_role(None) == ""


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("dimension = 384", "dimension = 0", "dimension"),
        ('metric = "cosine"', 'metric = "cosinus"', "metric"),
        ('languages = ["en"]', "languages = []", "languages"),
        ("normalized = true", 'normalized = "yes"', "normalized"),
        ("[towers.text]", "[towers.smell]", "towers.smell"),
        ("[towers.text]", "[towers.image]\nsize = 0\n[towers.text]", "towers.image.model"),
        ("max_token_count = 256", "max_token_count = 256\nusage_weight = 0", "towers.text.usage_weight"),
        ("[prompts]", "[prompts]\ninstruction = 'Find:'", "prompts"),
        ("dimension = 384", "dimension = 384\nfusions = ['joint']", ""),
        ("[calibration", "[towers.joint]\nmodel = 'both'\n[calibration", "towers"),
        ("[calibration", "[towers.text.sparse]\noutput = 'weights'\n[calibration", "towers.text.sparse.of"),
        (
            "[calibration",
            "[towers.text.multi]\noutput = 'tokens'\ndimension = 12\n[calibration",
            "towers.text.multi.dimension",
        ),
        ("dimension = 384", "dimension = 384\ndimensions = [384]", ""),
        ('revision = "', 'revisions = "', "revision"),
        ('name = "all-minilm-l6-v2"', 'name = "bge-m3"', "name"),
        ("slope = ", "slope = -", "calibration.text.slope"),
        ("intercept = ", "intercept = nan # ", "calibration.text.intercept"),
        ('tokenizer = "tokenizer.json"', 'tokenizer = "vocab.txt"', "towers.text.tokenizer"),
        ("[calibration", "[towers.text.vocabulary]\nname = ''\n[calibration", "towers.text.vocabulary.name"),
        (
            "[calibration",
            "[towers.text.vocabulary]\nname = 'bpe'\ntokenizer = 'bpe.json'\n[calibration",
            "towers.text.vocabulary",
        ),
        (
            "[calibration",
            f"[towers.text.vocabulary]\nname = 'bpe'\ntokenizer = 'bpe.json'\n"
            f"tokenizer_sha256 = '{'0' * 64}'\n[calibration",
            "towers.text.vocabulary.tokenizer",
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_file(tmp_path: Path, old: str, new: str, field: str) -> None:
    repository = changed(tmp_path, old, new)
    with pytest.raises(FailedPrecondition) as caught:
        read_card(repository, MODEL)
    assert caught.value.field == field
    assert f"{repository / MODEL / 'card.toml'}: {field or 'file'}: " in caught.value.message


def test_a_card_of_three_towers_takes_three_modalities(tmp_path: Path) -> None:
    towers = """
[towers.image]
model = "tiny-image"
size = 128
usage_weight = 2

[towers.audio]
model = "tiny-audio"
sample_rate = 16000
seconds = 5

[towers.text]"""
    card = read_card(changed(tmp_path, "[towers.text]", towers), MODEL)
    assert card.info(ModelState.READY).modalities == (Modality.TEXT, Modality.IMAGE, Modality.AUDIO)
    assert card.towers.image
    assert (card.towers.image.input, card.towers.image.output, card.towers.image.usage_weight) == (
        "image",
        "embedding",
        2,
    )
    assert card.towers.audio
    assert card.towers.audio.sample_count == 80_000


def test_a_card_may_name_the_vocabulary_whose_token_ids_it_takes(tmp_path: Path) -> None:
    named = "[towers.text.vocabulary]\nname = 'bert-base-uncased'\n\n[calibration"
    card = read_card(changed(tmp_path, "[calibration", named), MODEL)
    assert card.info(ModelState.READY).vocabulary == "bert-base-uncased"
    assert card.towers.text
    assert vocabulary_path(tmp_path, card, card.towers.text) == tokenizer_path(tmp_path, card, card.towers.text)
    assert all(read_card(REPOSITORY, model).info(ModelState.READY).vocabulary == "" for model in MODELS)


def test_a_card_may_read_texts_with_images_and_give_vectors_of_tokens(tmp_path: Path) -> None:
    more = """
[towers.text.sparse]
output = "weights"
of = "tokens"
[towers.text.multi]
output = "tokens"
dimension = 128
first = 1
[towers.image]
model = "images"
size = 224
[towers.joint]
model = "both"
[calibration"""
    repository = changed(tmp_path, "[calibration", more)
    path = repository / MODEL / "card.toml"
    with pytest.raises(FailedPrecondition, match="joint goes together with a tower"):
        read_card(repository, MODEL)
    path.write_text("fusions = ['joint', 'average']\n" + path.read_text())
    card = read_card(repository, MODEL)
    info = card.info(ModelState.READY)
    assert info.outputs == (OutputKind.DENSE, OutputKind.SPARSE, OutputKind.MULTI)
    assert info.fusions == (Fusion.JOINT, Fusion.AVERAGE)
    assert [tower.model for tower in card.towers.all()] == [MODEL, "images", "both"]
    assert set(canaries([card])) == {MODEL, "images", "both"}


def test_an_unknown_model_is_not_found() -> None:
    with pytest.raises(NotFound) as caught:
        read_card(REPOSITORY, "bge-m3")
    assert caught.value.reason is Reason.MODEL_NOT_FOUND
