"""The lesson of the audio tower: labels of clips, each clip changed anew in every step."""

import numpy as np
import torch
from torch import Tensor, nn

from sensorium.train.audio_augmentation import augmented
from sensorium.train.audio_tower import AudioTower, MelSpectrogram
from sensorium.train.clips import Clips
from sensorium.train.configuration import TrainingConfiguration
from sensorium.train.figures import top_k
from sensorium.train.losses import Temperature, class_loss, smoothed_targets


class AudioNetwork(nn.Module):
    """The tower, and the temperature that is learned with it."""

    def __init__(self, configuration: TrainingConfiguration, dimension: int) -> None:
        """Build it as the configuration says."""
        super().__init__()
        self.tower = AudioTower(configuration.audio, dimension)
        self.temperature = Temperature(configuration.audio.optimizer.temperature)


class AudioLesson:
    """Teaches an audio tower; see sensorium.train.loop.Lesson."""

    def __init__(
        self, configuration: TrainingConfiguration, train: Clips, validation: Clips | None, classes: np.ndarray
    ) -> None:
        """Build the network from the configuration's seed.

        Args:
            configuration: The run.
            train: The clips to learn from.
            validation: The clips to be judged by; None where all are learned from.
            classes: float32 [prompts, labels, dimension]: the labels' vectors in each prompt.
        """
        torch.manual_seed(configuration.seed)
        self._seed, self._run = configuration.seed, configuration.audio
        self.network = AudioNetwork(configuration, classes.shape[-1])
        self._spectrogram = MelSpectrogram(self._run.sample_rate, self._run.mels)
        self._classes = torch.from_numpy(classes)
        share = self._run.optimizer.label_smoothing
        self._targets = torch.stack([smoothed_targets(each, share) for each in self._classes])
        self._validation = validation
        self._labels = torch.from_numpy(train.labels)
        self._power = self._heard(train)

    def prepare(self, step: int) -> None:
        """Do nothing: there is one worker."""

    def loss(self, network: nn.Module, step: int, worker: int) -> Tensor:
        """Return the loss of one step: of clips drawn at random, each with another of its label."""
        chance = torch.Generator().manual_seed((self._seed << 40) + step + worker)
        chosen = torch.randint(len(self._labels), (self._run.batch,), generator=chance)
        company = self._company(chosen, chance)
        power = augmented(self._power[chosen], self._power[company], self._run.mix, chance)
        prompt = int(torch.randint(len(self._classes), (), generator=chance))
        targets = self._targets[prompt][self._labels[chosen]]
        return class_loss(network.tower(power), self._classes[prompt], targets, network.temperature)

    @torch.inference_mode()
    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return the share of the validation clips whose label is the likest; nothing where there are none."""
        if self._validation is None:
            return {}
        vectors = network.eval().tower(self._heard(self._validation)).numpy()
        return {"top-1": top_k(vectors, self._classes[0].numpy(), self._validation.labels, 1)}

    @torch.inference_mode()
    def _heard(self, clips: Clips) -> Tensor:
        parts = torch.from_numpy(clips.waveforms).split(8)
        return torch.cat([self._spectrogram(part) for part in parts]).clone()

    def _company(self, chosen: Tensor, chance: torch.Generator) -> Tensor:
        """Return for each chosen clip another one of its label, or itself where it is the only one."""
        same = (self._labels[chosen].unsqueeze(1) == self._labels.unsqueeze(0)).float()
        return torch.multinomial(same, 1, generator=chance).squeeze(1)
