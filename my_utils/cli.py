"""What every script shares: error reporting, seeds, and the options that choose a generator."""

import argparse
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

from constants import REPOSITORY, ResourcePaths, demo_root, resources_root
from my_utils.errors import UserError

DEMO_GENERATORS = REPOSITORY / "docs" / "demo"


def run_script(main: Callable[[], int | None]) -> None:
    """Run a script's `main`: what a person can mend becomes one line on stderr and exit status 2.

    That is any UserError, and a file or folder that cannot be read or written.
    """
    try:
        status = main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        status = 130
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


def add_synthesis_options(parser: argparse.ArgumentParser, *, outdir: str) -> None:
    """Options of every script that draws faces with a trained generator."""
    add_resource_options(parser)
    parser.add_argument("--run_id", type=int, help="use the newest generator of this run")
    parser.add_argument(
        "--ckpt",
        metavar="FILE",
        help="use this generator (.safetensors), training state (.pt), released checkpoint "
        "(.model, with --run_id where its folder is not named by it), or 'demo'",
    )
    parser.add_argument("--batch", type=positive_int, default=8, help="faces drawn at once (8)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda:0 ... (auto)")
    parser.add_argument(
        "--truncation", type=float, default=1.0, help="1 keeps styles, 0 is the mean style (1)"
    )
    parser.add_argument(
        "--outdir", type=Path, metavar="DIR", help=f"where pictures go (default: {outdir})"
    )


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
