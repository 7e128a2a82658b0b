"""Draw the pictures of a perceptual study, and the manifest that says what each one shows.

    python mturk/sample_faces.py pairwise --run_id 29 --run_id 7
    python mturk/sample_faces.py likert --ckpt demo --conditions 12 --styles 5

pairwise: 1000 faces of the data set with centred eyes, drawn by every model, and the mesh they
should follow. The first model is the one the others are compared with (default: runs 29, 24, 7, 3
and 8). Writes <model>/mdl1__<face>.png (first model) or mdl2__<face>.png, <first
model>/mesh_<face>.png, manifest.csv.
likert: 500 faces in 20 styles each, generated | textured rendering (default: run 29).
Writes textured_rendering/<style>_<face>.png, manifest.csv.

Stopped, or repeated with more faces, styles or models, it draws only the pictures that are missing.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    add_generator_options,
    add_resource_options,
    choose_checkpoints,
    positive_int,
    run_script,
    script_parser,
    whole_number,
)
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.files.digest import file_sha256
from my_utils.study.manifest import Picture, write_manifest
from my_utils.study.trial import ABLATIONS, FULL_MODEL

PUBLISHED_RUNS = {"pairwise": (29, 24, 7, 3, 8), "likert": (29,)}
MODEL_NAMES = dict(zip(PUBLISHED_RUNS["pairwise"], (FULL_MODEL, *ABLATIONS), strict=True))
PUBLISHED_CONDITIONS = {"pairwise": 1000, "likert": 500}
STYLE_SEEDS = 69158  # rows of the published style table
GAP = 5  # pixels between the two halves of a Likert picture
GAP_LEVEL = 127 / 255 * 2 - 1  # grey
MESH_ALBEDO = 180.0  # of 255, grey
MESH_LIGHT = [1.2, 0, 0, 0.65, 0, 0, 0, 0, 0]  # harmonics: ambient, and along z from the viewer


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("study", choices=PUBLISHED_RUNS)
    add_resource_options(parser)
    add_generator_options(parser, several=True)
    parser.add_argument("--conditions", type=positive_int, help="faces (1000; likert: 500)")
    parser.add_argument("--styles", type=positive_int, default=20, help="likert: styles (20)")
    parser.add_argument("--seed", type=whole_number, default=2, help="draws the style seeds (2)")
    parser.add_argument("--batch", type=positive_int, default=8, help="faces drawn at once (8)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda:0 ... (auto)")
    parser.add_argument(
        "--truncation", type=float, default=1.0, help="1 keeps styles, 0 is the mean style (1)"
    )
    parser.add_argument(
        "--outdir",
        type=Path,
        metavar="DIR",
        help="where pictures go (default: output_files/sample/inter_model_comparison; "
        "likert: output_files/sample/<run>/flame_param_association_eval)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    args.generators = args.generators or published_generators(args.study)
    paths = choose_checkpoints(args)
    if args.study == "pairwise" and len(paths) < 2:
        raise UserError("pairwise compares models: name at least two by --ckpt or --run_id")
    if args.study == "likert" and len(paths) > 1:
        raise UserError("likert rates one model: name it by --ckpt or --run_id")

    from my_utils.faces.synthesizer import FaceSynthesizer
    from my_utils.runs.runtime import select_device

    models = name_models(paths)
    device = select_device(args.device)
    pictures: list[Picture] = []
    for name, path in models.items():
        synthesizer = FaceSynthesizer.from_checkpoint(path, resources=args.resources, device=device)
        if not pictures:
            outdir = output_folder(args, synthesizer)
            remember_settings(outdir, args, models)
        conditions = number_of_faces(args, synthesizer)
        number = synthesizer.config.run_id
        if args.study == "likert":
            own = likert_pictures(name, number, conditions, args.styles, args.seed)
        else:
            own = pairwise_pictures(name, number, conditions, args.seed, first=not pictures)
        draw_missing(outdir, own, synthesizer, args)
        pictures += own
    write_manifest(outdir, pictures)
    script = "create_csv.py" if args.study == "pairwise" else "generate_csv.py"
    print(
        f"{outdir} holds {len(pictures)} pictures and manifest.csv; now python mturk/{script} for "
        "Mechanical Turk, or python mturk/study_page.py for a page of your own"
    )


def published_generators(study: str) -> list[dict]:
    return [{"ckpt": None, "run_id": run_id} for run_id in PUBLISHED_RUNS[study]]


def name_models(paths: list[Path]) -> dict[str, Path]:
    """The published name of each generator's run, in the order given."""
    from my_utils.runs.checkpoint import load_generator

    models: dict[str, Path] = {}
    kinds = set()
    for path in paths:
        config = load_generator(path).config
        name = MODEL_NAMES.get(config.run_id, f"run{config.run_id}")
        if name in models:
            raise UserError(f"{models[name]} and {path} are both of run {config.run_id}")
        models[name] = path
        kinds.add((config.demo, config.resolution))
    if len(kinds) > 1:
        raise UserError("the generators differ in their data or resolution: raters would see that")
    return models


def output_folder(args: argparse.Namespace, synthesizer) -> Path:
    if args.study == "likert":
        outdir = synthesizer.outdir(args.outdir, "flame_param_association_eval")
    else:
        samples = synthesizer.resources.paths.output_root / "sample"
        outdir = args.outdir or samples / "inter_model_comparison"
    outdir.mkdir(parents=True, exist_ok=True)
    return outdir


def remember_settings(outdir: Path, args: argparse.Namespace, models: dict[str, Path]) -> None:
    """Record what the pictures depend on, so that no later call mixes others among them."""
    from my_utils.untrusted.reader import reading

    settings: dict = {name: getattr(args, name) for name in ("study", "seed", "truncation")}
    for name, path in models.items():
        settings[name] = file_sha256(path)
    record = outdir / "settings.json"
    earlier = {}
    if record.exists():
        with reading(record):
            earlier = dict(json.loads(record.read_text()))
    for name in settings.keys() & earlier.keys():
        if settings[name] != earlier[name]:
            raise UserError(
                f"the pictures in {outdir} were drawn with another {name} ({earlier[name]}, now "
                f"{settings[name]}): pass another --outdir, or delete that folder"
            )
    with atomic_path(record) as temporary:
        temporary.write_text(json.dumps(earlier | settings, indent=2) + "\n")


def number_of_faces(args: argparse.Namespace, synthesizer) -> int:
    """How many faces of the data set are shown; UserError if there are not so many."""
    wanted = args.conditions or PUBLISHED_CONDITIONS[args.study]
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
    import numpy as np

    return np.random.default_rng(seed).permutation(STYLE_SEEDS).tolist()


def draw_missing(
    outdir: Path, pictures: list[Picture], synthesizer, args: argparse.Namespace
) -> None:
    """Draw and save the pictures that are not there yet, a batch of one kind at a time."""
    from tqdm import tqdm

    from my_utils.files.images import save_image

    dataset = synthesizer.dataset_params()
    missing = [picture for picture in pictures if not (outdir / picture.file).exists()]
    with tqdm(total=len(missing), desc=pictures[0].model, unit="picture", disable=None) as progress:
        for kind, draw in (("generated", draw_face), ("mesh", draw_mesh), ("pair", draw_pair)):
            of_kind = [picture for picture in missing if picture.kind == kind]
            for start in range(0, len(of_kind), args.batch):
                part = of_kind[start : start + args.batch]
                params = dataset[[picture.params_row for picture in part]].to(synthesizer.device)
                seeds = [picture.seed for picture in part]
                images = draw(synthesizer, params, seeds, args.truncation)
                for picture, image in zip(part, images, strict=True):
                    save_image(outdir / picture.file, image)
                progress.update(len(part))


def draw_face(synthesizer, params, seeds: list[int], truncation_psi: float):
    """Generated faces [N, 3, R, R] with centred eyes."""
    from my_utils.faces.sampling import center_eyes

    params = center_eyes(params, synthesizer.renderer.flame)
    return synthesizer(params, seeds, truncation_psi=truncation_psi).image


def draw_mesh(synthesizer, params, *_):
    """Grey meshes [N, 3, R, R] with centred eyes, lit from the front."""
    import torch

    from model.condition import shrink
    from my_utils.faces.sampling import center_eyes

    renderer = synthesizer.renderer
    params = center_eyes(params, renderer.flame)
    light = torch.tensor(MESH_LIGHT)[None, :, None].expand(len(params), -1, 3)
    albedo = torch.full((1, 3, 256, 256), MESH_ALBEDO)
    rendering = renderer.mesh_renderer(
        renderer.flame(params), params.camera, light.to(params.camera), albedo.to(params.camera)
    )
    return shrink(rendering.image, synthesizer.config.resolution)


def draw_pair(synthesizer, params, seeds: list[int], truncation_psi: float):
    """Generated faces beside their renderings, [N, 3, R, 2 R + GAP]."""
    import torch

    from model.condition import shrink

    faces = synthesizer(params, seeds, truncation_psi=truncation_psi)
    gap = faces.image.new_full((*faces.image.shape[:-1], GAP), GAP_LEVEL)
    render = shrink(faces.render, synthesizer.config.resolution)
    return torch.cat([faces.image, gap, render], dim=-1)


if __name__ == "__main__":
    run_script(main)
