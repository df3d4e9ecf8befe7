"""What the embed service and the supervisor must know of the models that cards describe."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from sensorium.embed.served_model import JointTower, MediaTower, MultiOutput, ServedModel, SparseOutput, TextTower
from sensorium.media.audio import AudioDecoder
from sensorium.media.image import ImageDecoder
from sensorium.model.content import Modality
from sensorium.model.embedding import EmbedRole, ModelState
from sensorium.settings import TritonSettings
from sensorium.triton import towers as card_towers
from sensorium.triton.canary import Canary, audio_canary, image_canary, joint_canary, text_canary
from sensorium.triton.card import ModelCard, tokenizer_path, vocabulary_path
from sensorium.triton.manifest import Manifest, read_manifest


def served_model(card: ModelCard, triton: TritonSettings) -> ServedModel:
    """Return what the embed service must know of the model that `card` describes.

    Raises:
        NotFound: A tower's folder has no manifest.
        FailedPrecondition: A manifest is wrong.
    """
    repository, towers = triton.model_repository, card.towers
    manifests = {tower.model: read_manifest(repository / tower.model) for tower in towers.all()}
    media = {}
    if towers.image:
        media[Modality.IMAGE] = _image(towers.image, manifests[towers.image.model])
    if towers.audio:
        media[Modality.AUDIO] = _audio(towers.audio, manifests[towers.audio.model])
    # A GPU wants few shapes; on a CPU every token of padding costs.
    pad = triton.config_name in {"gpu", "trt"}
    text = _text(card, towers.text, repository, manifests[towers.text.model], pad=pad) if towers.text else None
    joint = _joint(towers.joint, manifests[towers.joint.model]) if towers.joint else None
    return ServedModel(
        info=card.info(ModelState.LOADING),
        text=text,
        media=media,
        prompts={role: prompt for role in EmbedRole if (prompt := card.prompts.for_role(role))},
        instruction=card.prompts.instruction,
        usage_weights={modality: tower.usage_weight for modality, tower in towers.by_modality().items()},
        joint=joint,
    )


def canaries(cards: Iterable[ModelCard]) -> dict[str, Canary]:
    """Return a canary for each tower of the cards, by its Triton model."""
    return {model: canary for card in cards for model, canary in _canaries(card)}


def _canaries(card: ModelCard) -> Iterator[tuple[str, Canary]]:
    for tower in card.towers.by_modality().values():
        yield tower.model, _canary(card, tower)
    joint, image = card.towers.joint, card.towers.image
    if joint and image:
        yield (
            joint.model,
            joint_canary(joint.model, joint.input, joint.output, image.shape, unit_norm=card.normalized),
        )


def _canary(card: ModelCard, tower: card_towers.ModalityTower) -> Canary:
    match tower:
        case card_towers.TextTower():
            return text_canary(tower.model, tower.output, unit_norm=card.normalized)
        case card_towers.ImageTower():
            return image_canary(tower.model, tower.input, tower.output, tower.shape, unit_norm=card.normalized)
        case card_towers.AudioTower():
            return audio_canary(tower.model, tower.input, tower.output, tower.sample_count, unit_norm=card.normalized)


def _text(
    card: ModelCard, tower: card_towers.TextTower, repository: Path, manifest: Manifest, *, pad: bool
) -> TextTower:
    return TextTower(
        tower.model,
        tower.output,
        tokenizer_path(repository, card, tower),
        max_batch_size=manifest.max_batch_size,
        lengths=manifest.lengths if pad else (),
        max_characters=tower.max_characters,
        vocabulary=vocabulary_path(repository, card, tower),
        sparse=SparseOutput(tower.sparse.output, by_token=tower.sparse.of == "tokens") if tower.sparse else None,
        multi=_multi(tower.multi) if tower.multi else None,
    )


def _image(tower: card_towers.ImageTower, manifest: Manifest) -> MediaTower:
    decoder = ImageDecoder(
        tower.size, tower.layout, tower.fit, tower.resample, max_bytes=tower.max_bytes, max_pixels=tower.max_pixels
    )
    return MediaTower(tower.model, tower.input, tower.output, decoder, manifest.max_batch_size)


def _multi(output: card_towers.MultiOutput) -> MultiOutput:
    return MultiOutput(output.output, output.dimension, output.first)


def _joint(tower: card_towers.JointTower, manifest: Manifest) -> JointTower:
    return JointTower(tower.model, tower.input, tower.output, manifest.max_batch_size)


def _audio(tower: card_towers.AudioTower, manifest: Manifest) -> MediaTower:
    decoder = AudioDecoder(tower.sample_rate, tower.sample_count, tower.short, max_bytes=tower.max_bytes)
    return MediaTower(tower.model, tower.input, tower.output, decoder, manifest.max_batch_size)
