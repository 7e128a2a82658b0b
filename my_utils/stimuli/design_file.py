"""Reads the design of a stimulus set from its TOML file, and refuses what cannot be meant."""

from collections.abc import Mapping
from pathlib import Path

from my_utils.faces.named_factors import NamedExpressions
from my_utils.stimuli.design import (
    CAMERAS,
    LABELS,
    LARGEST_SEED,
    MASKS,
    PROPERTIES,
    REGIONS,
    Continuum,
    Design,
    Matching,
    Output,
)
from my_utils.stimuli.design_factors import read_factors, read_hold
from my_utils.stimuli.design_people import read_continua, read_people, read_show
from my_utils.untrusted.toml_table import Table, read_toml


def read_design(path: Path, expressions: NamedExpressions) -> Design:
    """Read a TOML file.

    Raises:
        UserError: one sentence with the line, about whatever cannot be meant.
    """
    root = read_toml(path)
    people = read_people(root, path.parent, expressions)
    continua = read_continua(root, people)
    factors, zipped = read_factors(root, expressions)
    design = Design(
        path=path,
        where=root.where("factors"),
        name=root.text("name", path.stem),
        seed=root.integer("seed", 0, LARGEST_SEED, 0),
        people=people,
        continua=continua,
        show=read_show(root, people, continua),
        camera=root.choice("camera", CAMERAS, CAMERAS[0]),
        truncation=root.number("truncation", 0.0, 1.5, 1.0),
        factors=factors,
        zipped=zipped,
        hold=read_hold(root, factors, expressions),
        output=_output(root.table("output")),
        match=_match(root),
        smooth_window=_smooth(root, continua),
        labels=_labels(root),
    )
    root.table("lists"), root.table("task")  # study.presentation reads them
    root.finish()
    return design


def _output(table: Table) -> Output:
    output = Output(
        size=table.optional_integer("size", 16, 4096),
        mask=table.choice("mask", MASKS, MASKS[0]),
        background=table.integer("background", 0, 255, 128),
        alpha=table.boolean("alpha"),
        greyscale=table.boolean("greyscale"),
    )
    if output.mask == "none" and (output.alpha or "background" in table.content):
        key = "alpha" if output.alpha else "background"
        raise table.error(f'{key} needs a mask: mask = "head" or "oval"', key)
    table.finish()
    return output


def _match(root: Table) -> Matching:
    table = root.table("match")
    if "match" not in root.content:
        return Matching()
    properties = table.choices("properties", PROPERTIES, ())
    if "histogram" in properties and {"luminance", "contrast"} & set(properties):
        raise table.error("a histogram has a luminance and a contrast already", "properties")
    if not properties:
        raise table.error(
            f"[match] needs properties, some of {', '.join(PROPERTIES)}", "properties"
        )
    targets: dict[str, float] = {}
    for name, high in (("luminance", 1.0), ("contrast", 2.0)):
        if name in table.content:
            if name not in properties:
                raise table.error(f"{name} is a target, but not among the properties", name)
            targets[name] = table.number(name, 0.001, high)
    region = table.choice("region", REGIONS, REGIONS[0])
    table.finish()
    return Matching(properties, region, **targets)


def _smooth(root: Table, continua: Mapping[str, Continuum]) -> int:
    table = root.table("smooth")
    if "smooth" not in root.content:
        return 0
    window = table.integer("window", 3, 101, 5)
    if window % 2 == 0:
        raise table.error(
            f"window = {window} must be odd, a step with as many on either side", "window"
        )
    if not continua:
        raise table.error("[smooth] evens out continua, and there are none")
    shortest = min(continua.values(), key=lambda continuum: continuum.steps)
    if shortest.steps < window:
        raise table.error(
            f"window = {window} is longer than the {shortest.steps} steps of {shortest.name!r}",
            "window",
        )
    table.finish()
    return window


def _labels(root: Table) -> tuple[str, ...]:
    table = root.table("labels")
    if "labels" not in root.content:
        return ()
    chosen = table.choices("write", LABELS, LABELS)
    table.finish()
    return chosen
