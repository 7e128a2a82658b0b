"""Draw the paper's Figure 1: one parameter at a time, in several styles.

    python plots/generate_teaser.py --ckpt demo
    python plots/generate_teaser.py --run_id 29 --seeds 0-7

Every column changes one parameter of the mean face, or of a person (--ckpt person.safetensors).
From top to bottom: normal map, the mesh in plain grey lit from the front, the textured rendering,
then the generated face and its skin (lifted from the picture into the texture layout, white where
it does not show) in each style. Writes teaser.png, and beside it mesh_normals_<name>.png,
mesh_grey_<name>.png, mesh_textured_<name>.png, <seed>_<name>.png and <seed>_skin_<name>.png.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    add_overwrite_option,
    counted,
    parse_seeds,
    run_script,
    script_parser,
)
from my_utils.faces.options import add_synthesis_options, synthesizer_from_args

OWN_FILES = ("teaser.png", "mesh_*_*.png", "[0-9]*_*.png", "-1_*.png")


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_synthesis_options(parser, outdir="output_files/sample/<run>/teaser")
    add_overwrite_option(parser)
    parser.add_argument("--seeds", help="styles, e.g. 0-15,42 (0-3; a person's own)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    seeds = list(dict.fromkeys(parse_seeds(args.seeds or "0-3")))  # each style once

    import torch
    from tqdm import tqdm

    from model.condition import shrink
    from my_utils.faces.sampling import single_variations
    from my_utils.files.images import save_grid, save_image
    from my_utils.files.output_folder import clear_for
    from my_utils.runs.person import OWN_STYLE

    synthesizer = synthesizer_from_args(args)
    if synthesizer.person and not args.seeds:
        seeds = [synthesizer.default_style]
    outdir = synthesizer.outdir(args.outdir, "teaser")
    renderer, device = synthesizer.renderer, synthesizer.device
    sampler = synthesizer.resources.texture_sampler().to(device)
    names, params = single_variations(synthesizer.default_face(), synthesizer.dataset_params())
    params = synthesizer.framed(params.to(device))
    vertices = renderer.flame(params)
    grey = synthesizer.grey_mesh(params)

    rows = {"mesh_normals": grey.normal_map, "mesh_grey": grey.image}
    for seed in tqdm(seeds, unit="style", disable=None):
        batches = synthesizer.batches(
            params, [seed] * len(params), batch=args.batch, truncation_psi=args.truncation
        )
        images, renders = zip(*((faces.clamped, faces.render) for faces in batches), strict=True)
        rows["mesh_textured"], rows[f"{seed}"] = torch.cat(renders), torch.cat(images)
        # Counted from white, what lies outside of the picture is white too.
        skin = sampler(rows[f"{seed}"] - 1, vertices, params.camera)
        rows[f"{seed}_skin"] = 1 + skin.texture * skin.visibility
    files = [f"{prefix}_{name.replace(' ', '_')}.png" for prefix in rows for name in names]
    clear_for(outdir, ["teaser.png", *files], OWN_FILES, overwrite=args.overwrite)
    for prefix, pictures in rows.items():
        for name, picture in zip(names, pictures, strict=True):
            path = outdir / f"{prefix}_{name.replace(' ', '_')}.png"
            save_image(path, picture, note=synthesizer.note(params))

    labels = ["normal map", "mesh", "rendering"]
    for seed in seeds:
        style = "own style" if seed == OWN_STYLE else f"style {seed}"
        labels += [style, f"skin of {style}"]
    size = min(synthesizer.config.resolution, sampler.size)
    save_grid(
        outdir / "teaser.png",
        torch.cat([shrink(pictures, size) for pictures in rows.values()]),
        len(names),
        row_labels=labels,
        column_labels=names,
        caption="Each column changes one parameter of one face.",
        note=synthesizer.note(params),
    )
    print(f"wrote {len(names)} faces in {counted(len(seeds), 'style')} and teaser.png to {outdir}")


if __name__ == "__main__":
    run_script(main)
