"""The page that `sensorium demo` writes: searches and what they found, in one file that loads nothing more."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from sensorium.cli.samples import Medium
from sensorium.model.embedding import ModelInfo

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'">
<title>Sensorium: photos and sounds</title>
<style>
body {{ font: 16px/1.4 sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222 }}
h2 {{ font-size: 1rem; margin: 2rem 0 .5rem }}
section {{ display: flex; flex-wrap: wrap; gap: 1rem }}
figure {{ margin: 0; width: 13rem; font-size: .8rem }}
figure.query {{ border-right: 3px solid #ccc; padding-right: 1rem }}
img {{ width: 100%; height: 9rem; object-fit: cover }}
audio {{ width: 100% }}
</style>
</head>
<body>
<h1>Photos and sounds, found by {model}</h1>
<p>{description} Licence of the model: {license}.</p>
{sections}
</body>
</html>
"""
_TYPES = {"photo": "image/jpeg", "sound": "audio/ogg"}


@dataclass(frozen=True, slots=True)
class FoundMedium:
    """A photo or a sound that was found; `score` is its cosine with the query, -1 to 1."""

    medium: Medium
    score: float


@dataclass(frozen=True, slots=True)
class Section:
    """One search: what was looked for, the photo or sound it was looked for by, and what was found."""

    told: str
    by: Medium | None
    hits: Sequence[FoundMedium]


def gallery_page(model: ModelInfo, sections: Iterable[Section]) -> str:
    """Return the page as HTML; whatever comes from samples or models is escaped."""
    return _PAGE.format(
        model=escape(f"{model.name}, revision {model.revision}"),
        description=escape(model.description),
        license=escape(model.license),
        sections="\n".join(map(_section, sections)),
    )


def _section(section: Section) -> str:
    by = _figure(section.by, "looked for by this", "query") if section.by else ""
    hits = "".join(_figure(hit.medium, f"{hit.score:.3f}", "hit") for hit in section.hits)
    return f"<h2>{escape(section.told)}</h2>\n<section>{by}{hits}</section>"


def _figure(medium: Medium, note: str, kind: str) -> str:
    source = f"data:{_TYPES[medium.kind]};base64,{base64.b64encode(medium.path.read_bytes()).decode()}"
    shown = (
        f'<img src="{source}" alt="{escape(medium.title)}">'
        if medium.kind == "photo"
        else f'<audio controls src="{source}"></audio>'
    )
    by = f'<a href="{escape(medium.source)}">{escape(medium.author or "on Flickr")}</a>'
    licence = f'<a href="{escape(medium.license_url)}">{escape(medium.license)}</a>'
    caption = f"<b>{escape(note)}</b> {escape(medium.title)}<br>{by}, {licence}"
    return f'<figure class="{kind}">{shown}<figcaption>{caption}</figcaption></figure>\n'
