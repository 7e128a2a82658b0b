"""What every script shares: how it ends, what numbers it takes, and the resources folder."""

import argparse
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

from constants import LARGEST_SEED, demo_root, resources_root
from my_utils.errors import UserError
from my_utils.signals import Stopped, stopping_at_once

MOST_SEEDS = 1_000_000  # in one list


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
    """An argparse type: a whole number of at least zero, as seeds are."""
    if not text.isdecimal() or int(text) > LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {LARGEST_SEED}")
    return int(text)


def parse_seeds(text: str, *, option: str = "--seeds") -> list[int]:
    """Numbers as written on the command line: "0-3,42" -> [0, 1, 2, 3, 42]."""
    seeds: list[int] = []
    try:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            more = range(int(first), int(last if dash else first) + 1)
            if more and more[-1] > LARGEST_SEED or len(seeds) + len(more) > MOST_SEEDS:
                raise UserError(
                    f"{option} {text!r} is too much: at most {MOST_SEEDS} numbers, none above "
                    f"{LARGEST_SEED}"
                )
            seeds += more
    except (ValueError, OverflowError):
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
