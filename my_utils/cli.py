"""What every script shares: how it ends, what numbers it takes, and the resources folder."""

import argparse
import contextlib
import inspect
import math
import os
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

from constants import LARGEST_SEED, demo_root, resources_root
from my_utils.errors import UserError
from my_utils.signals import Stopped, stopping_at_once

MOST_SEEDS = 1_000_000


def run_script(main: Callable[[], int | None], *, if_stopped: str = "") -> None:
    """Run a script's `main`: what a person can mend becomes one line on stderr and exit status 2.

    That is any UserError, and a file or folder that cannot be read or written. Ctrl-C and SIGTERM
    end it with one line too, which says `if_stopped`, and with exit status 128 + signal.
    """
    with contextlib.ExitStack() as streams:
        output, errors = (cast(TextIO, LastingOutput(one)) for one in (sys.stdout, sys.stderr))
        streams.enter_context(contextlib.redirect_stdout(output))
        streams.enter_context(contextlib.redirect_stderr(errors))
        status = _status_of(main, if_stopped)
        output.flush()
    sys.exit(status)


def _status_of(main: Callable[[], int | None], if_stopped: str) -> int:
    try:
        with stopping_at_once():
            return main() or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        print("; ".join(filter(None, [f"stopped by {stopped.name}", if_stopped])), file=sys.stderr)
        return stopped.status


class LastingOutput:
    """A standard stream whose end is not the end of the work.

    Where its reader has gone (`... | head`) or the disk behind it is full, that is said once on
    standard error, and everything later goes nowhere.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._lasting():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._lasting():
            self._stream.flush()

    @contextlib.contextmanager
    def _lasting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # What waits in its buffer goes to the new place too, now or when Python ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            if self is not sys.stderr:
                print(f"note: standard output is lost ({error.strerror})", file=sys.stderr)


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one sentence, as all others are."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (--help explains every option)\n")


def script_parser(docstring: str) -> Parser:
    """A parser whose help text is the script's docstring, laid out as written there."""
    return Parser(
        description=inspect.cleandoc(docstring),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def whole_number(text: str, least: int = 0) -> int:
    """An argparse type: a whole number of at least zero, such as a seed."""
    if not text.isdecimal() or len(text) > 16 or not least <= int(text) <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is not a whole number from {least} to {LARGEST_SEED}"
        )
    return int(text)


def positive_int(text: str) -> int:
    """An argparse type: a whole number of at least one."""
    return whole_number(text, least=1)


def number(least: float, most: float) -> Callable[[str], float]:
    """An argparse type: a number from `least` to `most`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"{text[:40]!r} is not a number from {least:g} to {most:g}"
            )
        return value

    return read


def output_file(text: str) -> Path:
    """An argparse type: a file to write."""
    if Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder: name a file")
    return Path(text)


def web_address(text: str) -> str:
    """An argparse type: an address that a browser can open."""
    address = urllib.parse.urlsplit(text)
    if address.scheme not in ("http", "https") or not address.hostname or " " in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address that begins with https://")
    return text


def parse_seeds(text: str, *, option: str = "--seeds") -> list[int]:
    """Numbers as written on the command line: "0-3,42" -> [0, 1, 2, 3, 42]."""
    seeds: list[int] = []
    try:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            numbers = range(whole_number(first), whole_number(last if dash else first) + 1)
            if len(seeds) + len(numbers) > MOST_SEEDS:
                raise UserError(f"{option} {text!r} are more than {MOST_SEEDS:,} numbers")
            seeds += numbers
    except argparse.ArgumentTypeError:
        seeds = []
    if not seeds:
        raise UserError(f"{option} {text!r} is not a list of numbers: write for example 0-15,42")
    return seeds


def add_overwrite_option(parser: argparse.ArgumentParser) -> None:
    """The option of scripts whose folder holds the pictures of one call."""
    parser.add_argument(
        "--overwrite", action="store_true", help="remove what an earlier call wrote to the folder"
    )


def counted(count: int, noun: str) -> str:
    """A number of things in words: 1 face, 2 faces."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def add_resource_options(parser: argparse.ArgumentParser) -> None:
    """Options that choose the resources folder."""
    parser.add_argument("--demo", action="store_true", help="use the embedded demo resources")
    parser.add_argument(
        "--resources", type=Path, metavar="DIR", help="resources folder (default: $GIF_RESOURCES)"
    )


def resource_folder(args: argparse.Namespace) -> Path:
    """The resources folder that `--resources` and `--demo` choose."""
    return args.resources or (demo_root if args.demo else resources_root)
