"""Draws the pictures of the perceptual studies: the one file of this room that needs torch."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from model.camera import center_eyes
from model.condition import shrink
from model.flame import FlameParams
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.atomic import atomic_path, file_sha256
from my_utils.files.images import save_image
from my_utils.files.output_folder import clear_for
from my_utils.runs.generators import load_generator
from my_utils.study.manifest import Picture, write_manifest
from my_utils.study.trial import MODEL_OF_RUN
from my_utils.untrusted.reader import reading

PUBLISHED_CONDITIONS = {"pairwise": 1000, "likert": 500}  # faces
STYLE_SEEDS = 69158  # rows of the published style table
SETTINGS = "settings.json"
OWN_FILES = ("*/mdl[12]__*.png", "*/mesh_*.png", "textured_rendering/*.png")
GAP = 5  # pixels between the two halves of a Likert picture
GAP_LEVEL = 127 / 255 * 2 - 1  # grey


def draw_study(
    study: str,  # pairwise or likert
    generators: Sequence[Path],  # pairwise: the others are compared with the first
    *,
    outdir: Path | None = None,  # below the samples of the resources folder
    resources: Path | None = None,  # default: that of the generators
    device: str | torch.device = "cpu",
    conditions: int | None = None,  # faces; default: as many as published
    styles: int = 20,  # of every face of a Likert study
    seed: int = 2,  # which styles
    truncation_psi: float = 1.0,
    batch: int = 8,
    overwrite: bool = False,  # remove the pictures of an earlier call
) -> tuple[Path, list[Picture]]:
    """Draw the pictures that are missing and write the manifest: the folder, and what is in it.

    Raises:
        UserError: too many or too few generators, of different data, too few faces, or a folder
            with pictures of other settings or more than these.
    """
    models = name_models(study, generators)
    pictures: dict[str, list[Picture]] = {}
    for name, (path, _) in models.items():
        synthesizer = FaceSynthesizer.from_checkpoint(path, resources=resources, device=device)
        if not pictures:
            folder = outdir or output_folder(study, synthesizer)
            faces = number_of_faces(conditions or PUBLISHED_CONDITIONS[study], synthesizer)
            pictures = pictures_of(study, models, faces, styles, seed)
            files = [picture.file for own in pictures.values() for picture in own]
            settings = {"study": study, "seed": seed, "truncation": truncation_psi}
            settings["parameters"] = parameters_digest(synthesizer)
            settings |= {model: file_sha256(path) for model, (path, _) in models.items()}
            if not overwrite:
                check_settings(folder, settings)
            clear_for(folder, files, OWN_FILES, overwrite=overwrite, keep=True)
            remember_settings(folder, settings)
        draw_missing(
            folder, pictures[name], synthesizer, truncation_psi=truncation_psi, batch=batch
        )
    everything = [picture for own in pictures.values() for picture in own]
    write_manifest(folder, everything)
    return folder, everything


def pictures_of(
    study: str, models: Mapping[str, tuple[Path, int]], faces: int, styles: int, seed: int
) -> dict[str, list[Picture]]:
    """What is to be drawn by each model."""
    if study == "likert":
        return {
            name: likert_pictures(name, run_id, faces, styles, seed)
            for name, (_, run_id) in models.items()
        }
    return {
        name: pairwise_pictures(name, run_id, faces, seed, first=not number)
        for number, (name, (_, run_id)) in enumerate(models.items())
    }


def parameters_digest(synthesizer: FaceSynthesizer) -> str:
    """Changes with any face of the data set."""
    vectors = synthesizer.dataset_params().to_vector().contiguous().numpy()
    return hashlib.sha256(vectors.tobytes()).hexdigest()


def name_models(study: str, generators: Sequence[Path]) -> dict[str, tuple[Path, int]]:
    """File and run of each generator by the published name of its run, in the order given.

    Another generator of a run is named by its file too.
    """
    if study == "pairwise" and len(generators) < 2:
        raise UserError("pairwise compares models: name at least two by --ckpt or --run_id")
    if study == "likert" and len(generators) > 1:
        raise UserError("likert rates one model: name it by --ckpt or --run_id")
    models: dict[str, tuple[Path, int]] = {}
    kinds = set()
    for path in generators:
        config = load_generator(path).config
        name = MODEL_OF_RUN.get(config.run_id, f"run{config.run_id}")
        if name in models and path != models[name][0]:  # the same run at another time
            name = f"{name}_{path.stem}"
        if name in models:
            raise UserError(f"{models[name][0]} and {path} are one file, or named alike")
        models[name] = path, config.run_id
        kinds.add((config.demo, config.resolution))
    if len(kinds) > 1:
        raise UserError("the generators differ in their data or resolution: raters would see that")
    return models


def output_folder(study: str, synthesizer: FaceSynthesizer) -> Path:
    if study == "likert":
        return synthesizer.outdir(None, "flame_param_association_eval")
    return synthesizer.resources.paths.output_root / "sample" / "inter_model_comparison"


def check_settings(outdir: Path, settings: Mapping[str, object]) -> None:
    """Refuse to add to pictures that were drawn with other settings."""
    record = outdir / SETTINGS
    if not record.exists():
        return
    with reading(record):
        earlier = dict(json.loads(record.read_text()))
    for name in settings.keys() & earlier.keys():
        if settings[name] != earlier[name]:
            raise UserError(
                f"the pictures in {outdir} were drawn with another {name} ({earlier[name]}, now "
                f"{settings[name]}): pass another --outdir, or --overwrite to draw them anew"
            )


def remember_settings(outdir: Path, settings: Mapping[str, object]) -> None:
    """Record what the pictures depend on, so that no later call mixes others among them."""
    outdir.mkdir(parents=True, exist_ok=True)
    with atomic_path(outdir / SETTINGS) as temporary:
        temporary.write_text(json.dumps(settings, indent=2) + "\n")


def number_of_faces(wanted: int, synthesizer: FaceSynthesizer) -> int:
    """`wanted`, if the data set has as many faces, else UserError."""
    available = min(len(synthesizer.dataset_params()), STYLE_SEEDS)
    if wanted > available:
        raise UserError(f"the parameter file has {available} faces: pass --conditions {available}")
    return wanted


def pairwise_pictures(
    model: str, run_id: int, conditions: int, seed: int, *, first: bool
) -> list[Picture]:
    """One face per condition, and of the first model's the meshes that all must follow."""
    seeds = style_seeds(seed)
    generated = [
        Picture(
            file=f"{model}/mdl{1 if first else 2}__{condition:04d}.png",
            study="pairwise",
            kind="generated",
            model=model,
            run_id=run_id,
            condition=condition,
            params_row=condition,
            style=None,
            seed=seeds[condition],
        )
        for condition in range(conditions)
    ]
    meshes = [
        dataclasses.replace(
            picture,
            file=f"{model}/mesh_{picture.condition:04d}.png",
            kind="mesh",
            model="",
            run_id=None,
            seed=None,
        )
        for picture in generated
    ]
    return generated + meshes if first else generated


def likert_pictures(
    model: str, run_id: int, conditions: int, styles: int, seed: int
) -> list[Picture]:
    """Every face in every style."""
    seeds = style_seeds(seed)[:styles]
    return [
        Picture(
            file=f"textured_rendering/{style}_{condition:04d}.png",
            study="likert",
            kind="pair",
            model=model,
            run_id=run_id,
            condition=condition,
            params_row=condition,
            style=style,
            seed=style_seed,
        )
        for condition in range(conditions)
        for style, style_seed in enumerate(seeds)
    ]


def style_seeds(seed: int) -> list[int]:
    """All style seeds in random order: entry k does not depend on how many are used."""
    return np.random.default_rng(seed).permutation(STYLE_SEEDS).tolist()


def draw_missing(
    outdir: Path,
    pictures: Sequence[Picture],
    synthesizer: FaceSynthesizer,
    *,
    truncation_psi: float,
    batch: int,
) -> None:
    """Draw and save the pictures that are not there yet, a batch of one kind at a time."""
    draws: dict[str, Callable[..., Tensor]]
    draws = {"generated": draw_face, "mesh": draw_mesh, "pair": draw_pair}
    dataset = synthesizer.dataset_params()
    missing = [picture for picture in pictures if not (outdir / picture.file).exists()]
    with tqdm(total=len(missing), desc=pictures[0].model, unit="picture", disable=None) as progress:
        for kind, draw in draws.items():
            of_kind = [picture for picture in missing if picture.kind == kind]
            for start in range(0, len(of_kind), batch):
                part = of_kind[start : start + batch]
                params = dataset[[picture.params_row for picture in part]].to(synthesizer.device)
                images = draw(synthesizer, params, [one.seed for one in part], truncation_psi)
                for picture, image in zip(part, images, strict=True):
                    save_image(outdir / picture.file, image)
                progress.update(len(part))


def draw_face(
    synthesizer: FaceSynthesizer, params: FlameParams, seeds: list[int], truncation_psi: float
) -> Tensor:
    """Generated faces [N, 3, R, R] with centred eyes."""
    params = center_eyes(params, synthesizer.renderer.flame)
    return synthesizer(params, seeds, truncation_psi=truncation_psi).image


def draw_mesh(synthesizer: FaceSynthesizer, params: FlameParams, *_: object) -> Tensor:
    """Grey meshes [N, 3, R, R] with centred eyes, lit from the front."""
    params = center_eyes(params, synthesizer.renderer.flame)
    return shrink(synthesizer.grey_mesh(params).image, synthesizer.config.resolution)


def draw_pair(
    synthesizer: FaceSynthesizer, params: FlameParams, seeds: list[int], truncation_psi: float
) -> Tensor:
    """Generated faces beside their renderings, [N, 3, R, 2 R + GAP]."""
    faces = synthesizer(params, seeds, truncation_psi=truncation_psi)
    gap = faces.image.new_full((*faces.image.shape[:-1], GAP), GAP_LEVEL)
    render = shrink(faces.render, synthesizer.config.resolution)
    return torch.cat([faces.image, gap, render], dim=-1)
