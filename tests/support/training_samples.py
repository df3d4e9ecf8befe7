"""Small data of the shapes that training reads: a pack of images, photos with captions, clips in folds."""

import io
import json
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

NAMES = ("goldfish, Carassius auratus", "school bus", "lemon", "teapot")
RATE = 8000


def jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def coloured(label: int, chance: np.random.Generator, side: int = 64) -> np.ndarray:
    """An image whose colour tells its class."""
    colours = np.array([(230, 120, 30), (240, 200, 20), (90, 200, 60), (40, 60, 200)])
    noise = chance.normal(0, 20, (side, side, 3))
    return (colours[label] + noise).clip(0, 255).astype(np.uint8)


def write_pack(path: Path, count: int, seed: int = 0) -> None:
    """Write a pack whose images share no header: each has an empty one."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % len(NAMES)
    files = [jpeg(coloured(int(label), chance)) for label in labels]
    np.savez(
        path,
        headers=np.zeros(0, np.uint8),
        header_offsets=np.array([0, 0]),
        hid=np.zeros(count, np.uint8),
        data=np.frombuffer(b"".join(files), np.uint8),
        offsets=np.cumsum([0, *map(len, files)]),
        labels=labels.astype(np.int16),
        classes=np.array(NAMES),
    )


def write_photos(folder: Path, count: int) -> None:
    """Write photos of several shapes, the last third for validation."""
    (folder / "images").mkdir(parents=True)
    chance, lines = np.random.default_rng(1), []
    for index in range(count):
        label = index % len(NAMES)
        picture = Image.fromarray(coloured(label, chance)).resize((90 + 10 * (index % 3), 70))
        picture.save(folder / "images" / f"{index}.jpg")
        captions = [f"{NAMES[label].split(',')[0]} number {index}", f"a picture of a {NAMES[label].split(',')[0]}"]
        split = "val" if index >= count * 2 // 3 else "train"
        lines.append({"file": f"images/{index}.jpg", "captions_en": captions, "split": split})
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, lines)))


def write_clips(folder: Path, per_fold: int = 4) -> None:
    """Write clips of two labels, which differ in pitch, in two folds."""
    (folder / "audio").mkdir(parents=True)
    chance, lines = np.random.default_rng(2), []
    for index in range(2 * per_fold):
        label, fold = ("low hum", "high whistle")[index % 2], 1 + index // per_fold
        pitch = (150, 2000)[index % 2] * chance.uniform(0.9, 1.1)
        sound = 0.3 * np.sin(2 * np.pi * pitch * np.arange(RATE) / RATE) + chance.normal(0, 0.01, RATE)
        soundfile.write(folder / "audio" / f"{index}.flac", sound, RATE)
        lines.append({"file": f"audio/{index}.flac", "label": label, "fold": fold})
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, lines)))


def write_data(folder: Path) -> None:
    """Write all that `CONFIGURATION` names."""
    folder.mkdir(parents=True, exist_ok=True)
    write_pack(folder / "train.npz", 64)
    write_pack(folder / "validation.npz", 16, seed=9)
    write_photos(folder / "photos", 12)
    write_clips(folder / "clips")


_OPTIMIZER = """
learning_rate = 0.003
weight_decay = 0.05
warmup = 0.1
average = 0.9
label_smoothing = 0.1
temperature = 0.05
clip = 2.0
"""

CONFIGURATION = f"""
name = "tiny-trimodal"
seed = 3
precision = "float32"

[text]
model = "all-minilm-l6-v2"
prompts = ["a photo of a {{}}", "{{}}"]

[image]
train = ["train.npz"]
validation = ["validation.npz"]
stem = 8
widths = [8, 16]
depths = [1, 1]
size = 32
batch = 16
workers = 2
evaluate_every = 2

[[image.phases]]
epochs = 3
size = 24
smallest_crop = 0.5

[[image.phases]]
epochs = 3
size = 32
smallest_crop = 0.5

[image.captions]
folder = "photos"
batch = 4
hard_negatives = 2
drawn_from = 4
weight = 0.3

[image.optimizer]
{_OPTIMIZER}

[audio]
folder = "clips"
prompts = ["the sound of {{}}"]
sample_rate = {RATE}
seconds = 1.0
mels = 16
widths = [8, 16]
batch = 4
epochs = 6
steps = 4
mix = 0.5

[audio.optimizer]
{_OPTIMIZER}

[shipped]
description = "A model for tests."
license = "none"
not_for = "anything"
recipe = "a few steps"
half = true

[[shipped.data]]
name = "made up"
license = "none"
use = "tests"
"""
