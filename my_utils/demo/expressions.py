"""Expressions of the demo head by name, made of the directions that were sculpted for them.

The numbers of the components are those of `variation.expression_directions`.
"""

import json
from pathlib import Path

SMILE, PART, PUCKER, BROWS, FROWN, LIDS, SNEER = range(7)
CORNERS_DOWN, WIDE_EYES, CHIN = 8, 10, 14
NAMED_EXPRESSIONS = {  # components in standard deviations, and the jaw in degrees
    "smile": ({SMILE: 2.2}, 0.0),
    "open mouth": ({PART: 1.0}, 14.0),
    "raised brows": ({BROWS: 2.2, WIDE_EYES: 0.5}, 0.0),
    "frown": ({FROWN: 2.2, LIDS: 0.4}, 0.0),
    "pout": ({PUCKER: 2.2}, 0.0),
    "blink": ({LIDS: 2.8}, 0.0),
    "surprise": ({BROWS: 2.0, WIDE_EYES: 1.5, PART: 0.8}, 13.0),
    "anger": ({FROWN: 2.2, SNEER: 0.8, CORNERS_DOWN: 0.8, LIDS: 0.4}, 0.0),
    "sadness": ({CORNERS_DOWN: 2.2, BROWS: 0.6, FROWN: 0.8, CHIN: 1.0, LIDS: 0.6}, 0.0),
    "disgust": ({SNEER: 2.2, FROWN: 1.0, CORNERS_DOWN: 0.6}, 0.0),
}


def write_named_expressions(path: Path) -> None:
    """Write the file that stands beside a head (see faces.named_factors)."""
    entries = {
        name: {"expression": {str(k): amount for k, amount in components.items()}, "jaw": jaw}
        for name, (components, jaw) in NAMED_EXPRESSIONS.items()
    }
    path.write_text(json.dumps(entries, indent=1) + "\n")
