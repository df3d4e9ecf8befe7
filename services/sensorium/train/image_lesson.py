"""The lesson of the image tower: class names and captions, in every step, at the size of the phase."""

import numpy as np
import torch
from torch import Tensor, nn

from sensorium.train.augmentation import augmented, base_side, exchanged
from sensorium.train.configuration import TrainingConfiguration
from sensorium.train.image_evaluation import evaluate_image_tower
from sensorium.train.image_material import ImageMaterial
from sensorium.train.losses import Temperature, caption_loss, class_loss, smoothed_targets
from sensorium.train.photos import squashed
from sensorium.train.residual import ImageTower
from sensorium.train.schedule import Schedule
from sensorium.train.statistics import as_served


class ImageNetwork(nn.Module):
    """The tower, and the temperatures that are learned with it."""

    def __init__(self, configuration: TrainingConfiguration, dimension: int) -> None:
        """Build it as the configuration says."""
        super().__init__()
        run = configuration.image
        self.tower = ImageTower(run.stem, run.widths, run.depths, dimension)
        self.class_temperature = Temperature(run.optimizer.temperature)
        self.caption_temperature = Temperature(run.optimizer.temperature)


class ImageLesson:
    """Teaches an image tower; see sensorium.train.loop.Lesson."""

    def __init__(self, configuration: TrainingConfiguration, material: ImageMaterial, schedule: Schedule) -> None:
        """Build the network from the configuration's seed."""
        torch.manual_seed(configuration.seed)
        self._configuration, self._material, self._schedule = configuration, material, schedule
        self._run = configuration.image
        dimension = material.classes.shape[-1]
        self.network = ImageNetwork(configuration, dimension).to(memory_format=torch.channels_last)
        self._classes = torch.from_numpy(material.classes)
        share = self._run.optimizer.label_smoothing
        self._targets = torch.stack([smoothed_targets(classes, share) for classes in self._classes])
        self._captions = torch.from_numpy(material.train_photos.vectors)
        self._order = (-1, np.arange(0))
        self._photos = (0, torch.empty(0))

    def prepare(self, step: int) -> None:
        """Make ready what the workers of a step share: the order of its epoch, the photos at the size of its phase."""
        epoch = step // self._schedule.steps_per_epoch
        if self._order[0] != epoch:
            chance = np.random.default_rng([self._configuration.seed, epoch])
            self._order = (epoch, chance.permutation(len(self._material.train)))
        size = self._schedule.phase(epoch).size
        if self._photos[0] != size:
            self._photos = (size, torch.from_numpy(squashed(self._material.train_photos.photos, base_side(size))))

    def loss(self, network: nn.Module, step: int, worker: int) -> Tensor:
        """Return a worker's loss in one step: of its share of the labelled images, and of some photos beside them."""
        phase = self._schedule.phase(step // self._schedule.steps_per_epoch)
        chance = torch.Generator().manual_seed((self._configuration.seed << 40) + step * self._run.workers + worker)
        labelled = self._share(step, worker)
        photos = self._run.captions.batch // self._run.workers
        chosen = torch.randint(len(self._material.train_photos.photos), (photos,), generator=chance)
        pixels = (torch.from_numpy(self._material.train.pixels[labelled.numpy()]), self._photos[1][chosen])
        images, shown = (augmented(each, phase.size, phase.smallest_crop, chance) for each in pixels)
        targets = self._targets_of(labelled)
        if self._run.exchange and float(torch.rand((), generator=chance)) < self._run.exchange:
            images, others, own = exchanged(images, chance)
            targets = own * targets + (1 - own) * targets[:, others]
        named, pictured = self._vectors(network, torch.cat((images, shown))).split([len(labelled), photos])
        by_name = self._class_loss(network, named, targets, chance)
        by_caption = self._caption_loss(network, pictured, chosen, chance)
        return by_name + self._run.captions.weight * by_caption

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Return the figures of docs/training.md, of the tower as it would be served."""
        served = as_served(network.tower, self._material.sample)
        return evaluate_image_tower(served, self._material, self._run.size)

    def _vectors(self, network: nn.Module, batch: Tensor) -> Tensor:
        tower = network.tower
        with torch.autocast("cpu", torch.bfloat16, enabled=self._configuration.precision == "bfloat16"):
            features = tower.features(batch)
        return tower.placed(features)

    def _targets_of(self, labelled: Tensor) -> Tensor:
        """Return [prompts, images, classes]: what labelled images should be told from the class names as."""
        labels = torch.from_numpy(self._material.train.labels[labelled.numpy()])
        return self._targets[:, labels]

    def _class_loss(self, network: nn.Module, vectors: Tensor, targets: Tensor, chance: torch.Generator) -> Tensor:
        prompt = int(torch.randint(len(self._classes), (), generator=chance))
        return class_loss(vectors, self._classes[prompt], targets[prompt], network.class_temperature)

    def _caption_loss(self, network: nn.Module, vectors: Tensor, chosen: Tensor, chance: torch.Generator) -> Tensor:
        owners = torch.from_numpy(self._material.train_photos.owners)
        first, end = torch.searchsorted(owners, chosen), torch.searchsorted(owners, chosen, right=True)
        captions = first + (torch.rand(len(chosen), generator=chance) * (end - first)).long()
        candidates = torch.from_numpy(self._material.negatives)[captions]
        drawn = torch.randint(candidates.shape[1], (len(chosen), self._run.captions.hard_negatives), generator=chance)
        negatives = self._captions[candidates.gather(1, drawn)]
        return caption_loss(vectors, self._captions[captions], negatives, network.caption_temperature)

    def _share(self, step: int, worker: int) -> Tensor:
        """Return the places of a worker's labelled images: every so-many-th of the step's batch."""
        place = step % self._schedule.steps_per_epoch
        batch = self._order[1][place * self._run.batch : (place + 1) * self._run.batch]
        return torch.from_numpy(batch[worker :: self._run.workers])
