"""Towers compute the same alone, in a batch, folded and exported; changing images and sounds leaves their shape."""

import copy
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from sensorium.errors import FailedPrecondition
from sensorium.train import audio_augmentation, augmentation
from sensorium.train.audio_tower import MelSpectrogram
from sensorium.train.average import Average
from sensorium.train.checkpoint import read_checkpoint, write_checkpoint
from sensorium.train.crew import Crew
from sensorium.train.export import export_tower, fused
from sensorium.train.losses import Temperature, caption_loss, class_loss, smoothed_targets
from sensorium.train.residual import ImageTower, Normalised, normalised
from sensorium.train.statistics import as_served

# torch's exporter uses what torch itself has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture
def tower() -> ImageTower:
    torch.manual_seed(0)
    tower = ImageTower(8, (8, 16), (1, 2), 12)
    for module in tower.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return tower.eval()


def pixels(count: int = 3, side: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_vectors_have_length_one_at_every_size(tower: ImageTower) -> None:
    for side in (16, 31, 64):
        vectors = Normalised(tower)(pixels(side=side))
        assert vectors.shape == (3, 12)
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


def test_a_served_tower_expects_what_images_as_they_are_served_give(tower: ImageTower) -> None:
    shown = pixels(count=512)
    before = copy.deepcopy(tower.state_dict())
    served = as_served(tower, shown.numpy())
    first, norm = served.layers[0], served.layers[1]
    torch.testing.assert_close(norm.running_mean, first(normalised(shown)).mean(dim=(0, 2, 3)), atol=1e-4, rtol=1e-4)
    assert not served.training
    assert all(torch.equal(value, tower.state_dict()[name]) for name, value in before.items())
    assert all(torch.equal(value, before[name]) for name, value in served.named_parameters())


def test_folding_changes_nothing_but_the_graph(tower: ImageTower) -> None:
    image = torch.randn(2, 3, 32, 32)
    folded = fused(tower)
    torch.testing.assert_close(folded(image), tower(image), atol=1e-5, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in tower.modules())


@pytest.mark.parametrize("half", [False, True])
def test_the_graph_computes_what_the_tower_computes(tower: ImageTower, tmp_path: Path, half: bool) -> None:
    difference = export_tower(Normalised(tower), pixels(), "image", tmp_path / "model.onnx", half=half)
    assert difference < (5e-3 if half else 1e-5)
    kinds = {
        tensor.data_type for tensor in onnx.load(tmp_path / "model.onnx").graph.initializer if len(tensor.dims) > 2
    }
    assert (onnx.TensorProto.FLOAT16 in kinds) is half
    assert b".py" not in (tmp_path / "model.onnx").read_bytes()


def test_a_spectrogram_shows_a_tone_in_its_band() -> None:
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(16000) / 16000).unsqueeze(0)
    power = MelSpectrogram(16000, 64)(tone)
    assert power.shape[:2] == (1, 64)
    assert 20 < int(power.mean(dim=2).argmax()) < 30


def test_crops_repeat_with_their_seed_and_are_of_the_size_asked_for() -> None:
    def made(seed: int) -> torch.Tensor:
        return augmentation.augmented(pixels(side=64), 24, 0.4, torch.Generator().manual_seed(seed))

    assert made(1).shape == (3, 3, 24, 24)
    assert torch.equal(made(1), made(1))
    assert not torch.equal(made(1), made(2))


def test_a_whole_crop_of_an_even_image_is_that_image() -> None:
    even = torch.full((2, 3, 32, 32), 128, dtype=torch.uint8)
    made = augmentation.augmented(even, 32, 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(made.amax(dim=(2, 3)), made.amin(dim=(2, 3)), atol=1e-4, rtol=1e-4)


def test_images_exchange_rectangles_of_the_share_that_is_told() -> None:
    images = torch.arange(8.0).reshape(8, 1, 1, 1).expand(8, 3, 16, 16)
    for seed in range(20):
        laid, others, own = augmentation.exchanged(images, torch.Generator().manual_seed(seed))
        expected = own * torch.arange(8.0) + (1 - own) * others
        torch.testing.assert_close(laid.mean(dim=(1, 2, 3)), expected)
        assert all(set(laid[place].unique().tolist()) <= {place, int(others[place])} for place in range(8))


def test_sounds_keep_their_shape_and_stay_power() -> None:
    power = torch.rand(4, 16, 50)
    made = audio_augmentation.augmented(power, power.flip(0), 0.5, torch.Generator().manual_seed(0))
    assert made.shape == power.shape
    assert bool((made >= 0).all())
    assert bool(torch.isfinite(made).all())


def test_targets_prefer_like_names() -> None:
    names = nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.2], [0.0, 1.0]]))
    targets = smoothed_targets(names, 0.1)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(3))
    torch.testing.assert_close(targets.diag(), torch.full((3,), 0.9))
    assert targets[0, 1] > targets[0, 2]


def test_losses_fall_when_vectors_find_their_texts() -> None:
    texts, temperature = torch.eye(4), Temperature(0.1)
    targets = smoothed_targets(texts, 0.0)
    assert class_loss(texts, texts, targets, temperature) < class_loss(texts.roll(1, 0), texts, targets, temperature)
    negatives = texts.roll(2, 0).unsqueeze(1)
    right = caption_loss(texts, texts, negatives, temperature)
    assert right < caption_loss(texts.roll(1, 0), texts, negatives, temperature)


def test_a_crew_has_the_gradients_of_the_whole_batch() -> None:
    torch.manual_seed(0)
    network, batch = nn.Linear(3, 1), torch.randn(8, 3)
    network(batch).square().mean().backward()
    expected = network.weight.grad.clone()
    network.zero_grad()
    loss = Crew(network, 2).backward(lambda twin, worker: twin(batch[worker::2]).square().mean())
    torch.testing.assert_close(network.weight.grad, expected)
    assert loss == pytest.approx(network(batch).square().mean().item())


def test_an_average_follows_slowly() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = Average(network, 0.9)
    nn.init.ones_(network.weight)
    for step in range(1000, 1005):
        average.follow(network, step)
    assert average.network.weight.item() == pytest.approx(1 - 0.9**5, rel=1e-4)


def test_a_checkpoint_of_another_recipe_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    assert read_checkpoint(path, "a") is None
    write_checkpoint(path, {"recipe": "a", "weights": torch.ones(2)})
    assert read_checkpoint(path, "a") is not None
    with pytest.raises(FailedPrecondition, match="another configuration"):
        read_checkpoint(path, "b")
    whole = path.read_bytes()
    for kept in np.linspace(1, len(whole) - 1, 8).astype(int):
        path.write_bytes(whole[:kept])
        with pytest.raises(FailedPrecondition, match="damaged"):
            read_checkpoint(path, "a")
