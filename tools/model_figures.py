"""Writes the figures of the starter model from its card into docs/models.md, so that no one copies them by hand.

`python tools/model_figures.py write` writes them; `check` fails when the page says something else than the card.
"""

import argparse
import re
import sys
from pathlib import Path

from sensorium.triton.card import ModelCard, read_card

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = ROOT / "model_repository"
PAGE = ROOT / "docs" / "models.md"
MODEL = "starter-trimodal-v1"
REGION = re.compile(r"(<!-- figures: .*? -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def figures(card: ModelCard) -> str:
    """Return the figures of a card as a table, and how far its training had come.

    Raises:
        SystemExit: This project has not trained the model.
    """
    if card.training is None:
        raise SystemExit(f"{card.name} has no figures: this project has not trained it")
    rows = [f"| `{name}` | {value:.3f} |" for name, value in card.training.figures.items()]
    course = ", ".join(f"{tower} {how_far}" for tower, how_far in card.training.progress.items())
    lines = ["| figure ([what they mean](training.md#figures)) | reached |", "|---|---|", *rows]
    return "\n".join([*lines, "", f"Revision `{card.revision}`; trained: {course}.", ""])


def main() -> int:
    """Write or check; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=["write", "check"])
    work = parser.parse_args().work
    page = PAGE.read_text(encoding="utf-8")
    table = figures(read_card(REPOSITORY, MODEL))
    current = REGION.sub(lambda found: f"{found[1]}{table}{found[2]}", page)
    if work == "write":
        PAGE.write_text(current, encoding="utf-8")
    elif current != page:
        print(f"{PAGE} is stale: run python tools/model_figures.py write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
