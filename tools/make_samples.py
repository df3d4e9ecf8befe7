"""Makes the photos and sounds of samples/ from the data that may ship: sized down, with where each comes from.

`python tools/make_samples.py DATA` reads `coco_captions` and `audio_small` below DATA, and writes `samples/photos`,
`samples/sounds`, `samples/media.jsonl` and the tables of `samples/ATTRIBUTION.md`.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import soundfile
from PIL import Image

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
SIDE = 320
JPEG_QUALITY = 82
FLICKR_ID = re.compile(r"/(\d+)_[^/]+$")
REGION = re.compile(r"(<!-- files -->\n).*", re.DOTALL)
Record = dict[str, Any]


def photos(folder: Path) -> Iterator[Record]:
    """Write the photos that may be shared, at most 320 pixels wide and high, and yield a record of each."""
    for line in _lines(folder / "labels.jsonl"):
        if not line["free_license"]:
            continue
        number = FLICKR_ID.search(line["flickr_url"])
        if number is None:
            raise SystemExit(f"{line['flickr_url']} names no photo")
        file = f"photos/{line['image_id']:012}.jpg"
        with Image.open(folder / line["file"]) as photo:
            small = photo.convert("RGB")
            small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            small.save(SAMPLES / file, quality=JPEG_QUALITY, optimize=True)
        yield {
            "id": f"photo-{line['image_id']}",
            "kind": "photo",
            "file": file,
            "title": line["captions_en"][0].strip(),
            "author": "",
            "source": f"https://www.flickr.com/photo.gne?id={number[1]}",
            "license": _creative_commons(line["license_url"]),
            "license_url": line["license_url"].replace("http:", "https:"),
        }


def sounds(folder: Path) -> Iterator[Record]:
    """Write the clips as Ogg Vorbis, one channel of 16 kHz, and yield a record of each."""
    for line in _lines(folder / "labels.jsonl"):
        file = f"sounds/{line['clip_id']}.ogg"
        samples, rate = soundfile.read(folder / line["file"], dtype="float32")
        soundfile.write(SAMPLES / file, samples, rate, format="OGG", subtype="VORBIS", compression_level=0.7)
        yield {
            "id": f"sound-{line['clip_id']}",
            "kind": "sound",
            "file": file,
            "title": line["label"],
            "author": line["author"],
            "source": line["source_url"].replace("http:", "https:"),
            "license": _creative_commons(line["license_url"]),
            "license_url": line["license_url"].replace("http:", "https:"),
        }


def attribution(records: list[Record]) -> str:
    """Return a table row for each file: what it is, by whom, from where, under which licence."""
    rows = [
        f"| `{each['file']}` | [{each['author'] or 'on Flickr'}]({each['source']}) "
        f"| [{each['license']}]({each['license_url']}) |"
        for each in records
    ]
    return "\n".join(["| file | by | licence |", "|---|---|---|", *rows, ""])


def _lines(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _creative_commons(url: str) -> str:
    """Return a licence's short name: ".../licenses/by-sa/2.0/" is CC BY-SA 2.0."""
    kind, version = url.rstrip("/").split("/")[-2:]
    return f"CC0 {version}" if kind == "zero" else f"CC {kind.upper()} {version}"


def main() -> None:
    """Write everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds coco_captions and audio_small")
    data = parser.parse_args().data
    for folder in ("photos", "sounds"):
        (SAMPLES / folder).mkdir(exist_ok=True)
    records = [*photos(data / "coco_captions"), *sounds(data / "audio_small")]
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (SAMPLES / "media.jsonl").write_text(lines, encoding="utf-8")
    page = SAMPLES / "ATTRIBUTION.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(REGION.sub(lambda found: found[1] + attribution(records), text), encoding="utf-8")


if __name__ == "__main__":
    main()
