"""The flags that choose a generator, and the generators that they choose."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constants import DEMO_GENERATOR, demo_root
from my_utils.cli import add_resource_options, number, positive_int, resource_folder
from my_utils.data.resource_files import ResourcePaths
from my_utils.errors import UserError
from my_utils.runs.config import run_folder

if TYPE_CHECKING:  # it brings torch, which --help does without
    import torch

    from my_utils.faces.synthesizer import FaceSynthesizer

DEFAULT_RUN = "29"  # of scripts that are given no generator


def add_synthesis_options(
    parser: argparse.ArgumentParser,
    *,
    outdir: str,
    several: bool = False,  # several generators may be named, to compare them
) -> None:
    """Options of every script that generates faces."""
    add_resource_options(parser)
    add_generator_options(parser, several=several)
    parser.add_argument("--batch", type=positive_int, default=8, help="faces generated at once (8)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda:0 ... (auto)")
    parser.add_argument(
        "--truncation",
        type=number(-10, 10),
        default=1.0,
        help="1 keeps styles, 0 is the mean (1)",
    )
    parser.add_argument(
        "--outdir", type=Path, metavar="DIR", help=f"where pictures go (default: {outdir})"
    )


def add_generator_options(parser: argparse.ArgumentParser, *, several: bool) -> None:
    """Options that name a generator, or in the order of the command line several of them."""
    of_run = "use the newest generator of this run (N, or N-NAME of an experiment with a name)"
    of_file = "use this generator (.safetensors), training state (.pt), released checkpoint (.model"
    if several:
        list_of: dict[str, Any] = dict(action="append", dest="generators")
        again = "; repeatable, to compare generators"
        parser.add_argument(
            "--run_id", type=_run_choice, metavar="RUN", help=of_run + again, **list_of
        )
        parser.add_argument(
            "--ckpt",
            type=lambda text: {"ckpt": text, "run_id": None},
            metavar="FILE",
            help=f"{of_file} in the folder of its run), or 'demo'{again}",
            **list_of,
        )
    else:
        parser.add_argument("--run_id", type=run_folder, metavar="RUN", help=of_run)
        parser.add_argument(
            "--ckpt",
            metavar="FILE",
            help=f"{of_file}, with --run_id where its folder is not named by it), or 'demo'",
        )


def _run_choice(text: str) -> dict:
    return {"ckpt": None, "run_id": run_folder(text)}


def choose_checkpoints(args: argparse.Namespace) -> list[Path]:
    """The generator files that the options of a script for several generators name."""
    choices = args.generators or [{"ckpt": None, "run_id": None}]
    return [choose_checkpoint(argparse.Namespace(**{**vars(args), **choice})) for choice in choices]


def choose_checkpoint(args: argparse.Namespace) -> Path:
    """The generator file that `--ckpt` or `--run_id` names.

    Where neither is given, the newest of run 29, or the shipped demo generator; it is printed.
    """
    if args.ckpt:
        return DEMO_GENERATOR if args.ckpt == "demo" else Path(args.ckpt)
    if args.run_id is not None:
        return newest_generator(resource_folder(args), args.run_id)
    try:
        path = newest_generator(resource_folder(args), DEFAULT_RUN)
    except UserError:
        if args.resources:
            raise
        path = DEMO_GENERATOR
    print(f"no --ckpt or --run_id is given: this uses {path}")
    return path


def numbered_run(args: argparse.Namespace) -> int | None:
    """The number of the run that `--run_id` names."""
    return None if args.run_id is None else int(args.run_id.partition("-")[0])


def newest_generator(resources: Path, run: str) -> Path:
    """The generator of a run's folder that has seen the most images, or else a released one.

    Raises:
        UserError: it has no generator.
    """
    folder = ResourcePaths(resources).output_root / "checkpoint" / run
    # Names sort by images seen.
    files = sorted(folder.glob("generator-*.safetensors")) or sorted(folder.glob("*.model"))
    if not files:
        number, _, name = run.partition("-")
        words = [number, *(["--name", name] if name else [])]
        words += ["--demo"] if resources == demo_root else []
        raise UserError(
            f"there is no generator in {folder}: train it with `python train.py --run_id "
            f"{' '.join(words)}`, or pass --ckpt demo"
        )
    return files[-1]


def open_generator(
    path: Path,
    *,
    resources: Path | None = None,
    device: "str | torch.device" = "cpu",
    run_id: int | None = None,
) -> "FaceSynthesizer":
    """As `FaceSynthesizer.from_checkpoint`, with the demo's head where its generator needs it."""
    from my_utils.faces.synthesizer import FaceSynthesizer

    write_demo_head(path, resources)
    return FaceSynthesizer.from_checkpoint(path, resources=resources, device=device, run_id=run_id)


def open_person(path: Path, args: argparse.Namespace) -> "FaceSynthesizer":
    """The person in a folder or file, with the generator that it was made with.

    Raises:
        UserError: there is none, or it was tuned from another generator than `args` name.
    """
    from my_utils.runs.generators import load_generator
    from my_utils.runs.person import PERSON_FILE, generator_digest

    path = path / PERSON_FILE if path.is_dir() else path
    device = chosen_device(args)
    synthesizer = open_generator(path, resources=args.resources, device=device)
    if synthesizer.person is None:
        raise UserError(
            f"{path} is a generator without a person: make one from a photograph with "
            "plots/edit_photograph.py"
        )
    if args.ckpt or args.run_id is not None:
        chosen = choose_checkpoint(args)
        named = load_generator(chosen, run_id=numbered_run(args)).generator
        if generator_digest(named) != synthesizer.person.tuned_from:
            raise UserError(
                f"{path} is a person of another generator than {chosen}: it brings its own, "
                "so leave out --ckpt and --run_id"
            )
    return synthesizer


def write_demo_head(path: Path, resources: Path | None) -> None:
    """Write what is missing of the demo's head where `path` is the shipped demo generator."""
    if path.resolve() == DEMO_GENERATOR:
        from my_utils.demo.resources_folder import write_drawing_files

        write_drawing_files(resources or demo_root)


def synthesizer_from_args(args: argparse.Namespace) -> "FaceSynthesizer":
    """The synthesizer that the options of a script for one generator describe."""
    path, device = choose_checkpoint(args), chosen_device(args)
    return open_generator(path, resources=args.resources, device=device, run_id=numbered_run(args))


def synthesizers_from_args(args: argparse.Namespace) -> "list[FaceSynthesizer]":
    """One synthesizer for each generator named, in the order of the command line."""
    paths, device = choose_checkpoints(args), chosen_device(args)
    synthesizers = [open_generator(path, resources=args.resources, device=device) for path in paths]
    names = [synthesizer.name for synthesizer in synthesizers]
    for synthesizer, path in zip(synthesizers, paths, strict=True):
        if names.count(synthesizer.name) > 1:  # the same run at different times
            synthesizer.name += f" {path.stem}"
    return synthesizers


def chosen_device(args: argparse.Namespace) -> "torch.device":
    """The device of `--device`, the process made ready for it."""
    from my_utils.runs.runtime import configure_process, select_device

    device = select_device(args.device)
    configure_process(device)
    return device
