"""The model card beside every exported generator: what it is, what it is for, what it is not."""

from collections.abc import Mapping

from my_utils.runs.config import RunConfig

CARD = """# GIF generator, run {run_id}, {kimg:g} thousand images

Draws {resolution} px faces from a style vector and {condition}.
It was trained until {nimg:,} images were seen; this is the running average of its weights.

## Configuration
{config}

## Data
{data}

## Measures
{measures}

## Intended use
Research on faces, graphics and perception: pictures whose shape, expression, pose, camera, skin
and lighting are known numbers. Anything that shows or resembles a person needs that person's
consent, and synthetic pictures must be labelled as such. It is not made for identifying or judging
people, for deceiving anybody, or for pictures of a person in situations they did not agree to.

## Limits
What the parameters do not hold, hair, background, clothes, glasses, follows the style and may
change with pose. Faces far from the training data, such as large yaws, extreme expressions or rare
lighting, come out worse, and so do groups of people that the data shows less often.
"""

CONDITIONS = {
    "render": "a textured rendering of a FLAME mesh",
    "normal": "the normal map of a FLAME mesh",
    "render+normal": "a textured rendering and a normal map of a FLAME mesh",
    "vector": "the 236 parameters of a FLAME face",
}
DEMO_DATA = """Procedural faces of `prepare_lmdb/create_demo_resources.py`: no photograph of a
person, no licensed model. The generator may be used under the licence of this repository."""
REAL_DATA = """Photographs paired with FLAME parameters, from the resources folder of the run. A
model carries the terms of the data it learned from. Those of the published data: FFHQ,
CC BY-NC-SA 4.0, its photographs under the licences of their authors; FLAME 2020, its texture space
and DECA, for non-commercial research only. So do not sell it, and pass it on only with these
terms."""
UNMEASURED = "None was taken when it was exported."


def model_card(
    config: RunConfig,
    *,
    nimg: int,
    measures: Mapping[str, float],  # by what was measured and how
) -> str:
    """The card as Markdown."""
    rows = [f"| {name} | {value} |" for name, value in config.to_dict().items()]
    numbers = [f"- {name}: {value:.4g}" for name, value in measures.items()]
    return CARD.format(
        run_id=config.run_id,
        kimg=nimg / 1000,
        nimg=nimg,
        resolution=config.resolution,
        condition=CONDITIONS[config.condition],
        config="\n".join(["| field | value |", "|---|---|", *rows]),
        data=DEMO_DATA if config.demo else REAL_DATA,
        measures="\n".join(numbers) or UNMEASURED,
    )
