"""What every script shares: error reporting, seeds, and the options that choose a generator."""

import argparse
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from constants import REPOSITORY, ResourcePaths, demo_root, resources_root
from my_utils.errors import UserError
from my_utils.signals import Stopped, stopping_at_once

DEMO_GENERATORS = REPOSITORY / "my_utils" / "demo"


def run_script(main: Callable[[], int | None], *, if_stopped: str = "") -> None:
    """Run a script's `main`: what a person can mend becomes one line on stderr and exit status 2.

    That is any UserError, and a file or folder that cannot be read or written. Ctrl-C and SIGTERM
    end it with one line too, which says `if_stopped`, and with exit status 128 + signal.
    """
    try:
        with stopping_at_once():
            status = main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        status = 2
    except Stopped as stopped:
        print("; ".join(filter(None, [f"stopped by {stopped.name}", if_stopped])), file=sys.stderr)
        status = stopped.status
    sys.exit(status or 0)


def script_parser(docstring: str) -> argparse.ArgumentParser:
    """A parser whose help text is the script's docstring, laid out as written there."""
    return argparse.ArgumentParser(
        description=inspect.cleandoc(docstring),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def positive_int(text: str) -> int:
    """An argparse type: a whole number of at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def whole_number(text: str) -> int:
    """An argparse type: a whole number of at least zero."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def parse_seeds(text: str, *, option: str = "--seeds") -> list[int]:
    """Numbers as written on the command line: "0-3,42" -> [0, 1, 2, 3, 42]."""
    seeds: list[int] = []
    try:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            seeds += range(int(first), int(last if dash else first) + 1)
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0:
        raise UserError(f"{option} {text!r} is not a list of numbers: write for example 0-15,42")
    return seeds


def add_resource_options(parser: argparse.ArgumentParser) -> None:
    """Options that choose the resources folder."""
    parser.add_argument("--demo", action="store_true", help="use the embedded demo resources")
    parser.add_argument(
        "--resources", type=Path, metavar="DIR", help="resources folder (default: $GIF_RESOURCES)"
    )


def resource_folder(args: argparse.Namespace) -> Path:
    """The resources folder that `--resources` and `--demo` choose."""
    return args.resources or (demo_root if args.demo else resources_root)


def add_synthesis_options(
    parser: argparse.ArgumentParser,
    *,
    outdir: str,
    several: bool = False,  # several generators may be named, to compare them
) -> None:
    """Options of every script that draws faces with a trained generator."""
    add_resource_options(parser)
    add_generator_options(parser, several=several)
    parser.add_argument("--batch", type=positive_int, default=8, help="faces drawn at once (8)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda:0 ... (auto)")
    parser.add_argument(
        "--truncation", type=float, default=1.0, help="1 keeps styles, 0 is the mean style (1)"
    )
    parser.add_argument(
        "--outdir", type=Path, metavar="DIR", help=f"where pictures go (default: {outdir})"
    )


def add_generator_options(parser: argparse.ArgumentParser, *, several: bool) -> None:
    """Options that name a generator, or in the order of the command line several of them."""
    of_run = "use the newest generator of this run"
    of_file = "use this generator (.safetensors), training state (.pt), released checkpoint (.model"
    if several:
        list_of: dict[str, Any] = dict(action="append", dest="generators")
        again = "; repeatable, to compare generators"
        parser.add_argument(
            "--run_id", type=_run_choice, metavar="N", help=of_run + again, **list_of
        )
        parser.add_argument(
            "--ckpt",
            type=lambda text: {"ckpt": text, "run_id": None},
            metavar="FILE",
            help=f"{of_file} in the folder of its run), or 'demo'{again}",
            **list_of,
        )
    else:
        parser.add_argument("--run_id", type=int, metavar="N", help=of_run)
        parser.add_argument(
            "--ckpt",
            metavar="FILE",
            help=f"{of_file}, with --run_id where its folder is not named by it), or 'demo'",
        )


def _run_choice(text: str) -> dict:
    return {"ckpt": None, "run_id": int(text)}


def choose_checkpoints(args: argparse.Namespace) -> list[Path]:
    """The generator files that the options of a script for several generators name."""
    if not args.generators:
        raise UserError("say whose faces to draw: --ckpt FILE or --run_id N, as often as you like")
    return [
        choose_checkpoint(argparse.Namespace(**{**vars(args), **choice}))
        for choice in args.generators
    ]


def choose_checkpoint(args: argparse.Namespace) -> Path:
    """The generator file that `--ckpt` or `--run_id` names."""
    if args.ckpt == "demo":
        folder, pattern = DEMO_GENERATORS, "generator*.safetensors"
        hint = "train one with `make demo` and pass --demo --run_id 29"
    elif args.ckpt:
        return Path(args.ckpt)
    elif args.run_id is None:
        raise UserError("say whose faces to draw: --ckpt FILE or --run_id N")
    else:
        output_root = ResourcePaths(resource_folder(args)).output_root
        folder, pattern = output_root / "checkpoint" / str(args.run_id), "generator-*.safetensors"
        demo = " --demo" if args.demo else ""
        hint = f"train it with `python train.py --run_id {args.run_id}{demo}`"
    # Names sort by images seen; without a generator trained here, one the authors released.
    files = sorted(folder.glob(pattern)) or sorted(folder.glob("*.model"))
    if not files:
        raise UserError(f"there is no generator in {folder}: {hint}")
    return files[-1]
