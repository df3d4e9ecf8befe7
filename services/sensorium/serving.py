"""What the embed service and the supervisor must know of the models that cards describe."""

from collections.abc import Iterable
from pathlib import Path

from sensorium.embed.served_model import MediaTower, ServedModel, TextTower
from sensorium.media.audio import AudioDecoder
from sensorium.media.image import ImageDecoder
from sensorium.model.content import Modality
from sensorium.model.embedding import EmbedRole, ModelState
from sensorium.settings import TritonSettings
from sensorium.triton import towers as card_towers
from sensorium.triton.canary import Canary, audio_canary, image_canary, text_canary
from sensorium.triton.card import ModelCard, tokenizer_path, vocabulary_path
from sensorium.triton.manifest import Manifest, read_manifest


def served_model(card: ModelCard, triton: TritonSettings) -> ServedModel:
    """Return what the embed service must know of the model that `card` describes.

    Raises:
        NotFound: A tower's folder has no manifest.
        FailedPrecondition: A manifest is wrong.
    """
    repository, towers = triton.model_repository, card.towers
    manifests = {tower.model: read_manifest(repository / tower.model) for tower in towers.by_modality().values()}
    media = {}
    if towers.image:
        media[Modality.IMAGE] = _image(towers.image, manifests[towers.image.model])
    if towers.audio:
        media[Modality.AUDIO] = _audio(towers.audio, manifests[towers.audio.model])
    # A GPU wants few shapes; on a CPU every token of padding costs.
    pad = triton.config_name in {"gpu", "trt"}
    text = _text(card, towers.text, repository, manifests[towers.text.model], pad=pad) if towers.text else None
    return ServedModel(
        info=card.info(ModelState.LOADING),
        text=text,
        media=media,
        prompts={role: prompt for role in EmbedRole if (prompt := card.prompts.for_role(role))},
        instruction=card.prompts.instruction,
        usage_weights={modality: tower.usage_weight for modality, tower in towers.by_modality().items()},
    )


def canaries(cards: Iterable[ModelCard]) -> dict[str, Canary]:
    """Return a canary for each tower of the cards, by its Triton model."""
    return {tower.model: _canary(card, tower) for card in cards for tower in card.towers.by_modality().values()}


def _canary(card: ModelCard, tower: card_towers.Tower) -> Canary:
    match tower:
        case card_towers.TextTower():
            return text_canary(tower.model, tower.output, unit_norm=card.normalized)
        case card_towers.ImageTower():
            shape = (3, tower.size, tower.size) if tower.layout == "NCHW" else (tower.size, tower.size, 3)
            return image_canary(tower.model, tower.input, tower.output, shape, unit_norm=card.normalized)
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
    )


def _image(tower: card_towers.ImageTower, manifest: Manifest) -> MediaTower:
    decoder = ImageDecoder(
        tower.size, tower.layout, tower.fit, tower.resample, max_bytes=tower.max_bytes, max_pixels=tower.max_pixels
    )
    return MediaTower(tower.model, tower.input, tower.output, decoder, manifest.max_batch_size)


def _audio(tower: card_towers.AudioTower, manifest: Manifest) -> MediaTower:
    decoder = AudioDecoder(tower.sample_rate, tower.sample_count, tower.short, max_bytes=tower.max_bytes)
    return MediaTower(tower.model, tower.input, tower.output, decoder, manifest.max_batch_size)
