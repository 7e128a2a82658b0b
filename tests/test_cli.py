import argparse
import os
import signal
import subprocess
import sys

import pytest

from constants import LARGEST_SEED
from my_utils.cli import (
    number,
    output_file,
    parse_seeds,
    positive_int,
    run_script,
    script_parser,
    web_address,
)
from my_utils.errors import UserError
from my_utils.signals import Stopped
from tests.support.script_runs import ROOT


@pytest.mark.parametrize(
    ("text", "seeds"), [("7", [7]), ("0-3,42", [0, 1, 2, 3, 42]), ("5-5", [5]), ("3,1", [3, 1])]
)
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "3-1", "1,,2", "nan"])
def test_other_seeds_are_refused(text):
    with pytest.raises(UserError, match="--pairs .* is not a list of numbers"):
        parse_seeds(text, option="--pairs")


@pytest.mark.parametrize("text", ["0-9999999999", "9007199254740992", "1,0-1000000", "9" * 400])
def test_too_many_and_too_large_seeds_are_refused_at_once(text):
    with pytest.raises(UserError, match="--seeds .* more than 1,000,000 numbers|is not a list"):
        parse_seeds(text)
    assert parse_seeds(str(LARGEST_SEED)) == [LARGEST_SEED]


def test_positive_int():
    assert positive_int("8") == 8
    for text in ("0", "-1", "x", "1.5"):
        with pytest.raises(argparse.ArgumentTypeError):
            positive_int(text)


def test_numbers_are_finite_and_in_range():
    assert [number(-1, 2)(text) for text in ("-1", "0.5", "2")] == [-1, 0.5, 2]
    for text in ("nan", "inf", "-inf", "1e999", "2.001", "x", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a number from -1 to 2"):
            number(-1, 2)(text)


def test_addresses_are_those_that_a_browser_opens():
    for text in ("https://x.org/a", "http://localhost:8000"):
        assert web_address(text) == text
    for text in ("ftp://x.org", "x.org/a", "https://", "file:///a", "https://a b.org"):
        with pytest.raises(argparse.ArgumentTypeError):
            web_address(text)


def test_a_wrong_option_is_one_sentence(capsys):
    with pytest.raises(SystemExit) as ended:
        script_parser("Does things.").parse_args(["--nonsense"])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith("error: ") and said.count("\n") == 1


@pytest.mark.parametrize("lost", ["closed", "full"])
def test_work_goes_on_where_its_output_is_lost(lost, tmp_path):
    code = (
        "import sys, pathlib\nfrom my_utils.cli import run_script\n"
        "def main():\n"
        "    for line in range(5): print(line, flush=True)\n"
        f"    pathlib.Path({str(tmp_path / 'done')!r}).touch()\n"
        "run_script(main)\n"
    )
    read, write = os.pipe()
    os.close(read)
    output = write if lost == "closed" else os.open("/dev/full", os.O_WRONLY)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=output, stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 0 and (tmp_path / "done").exists()
    assert done.stderr.count("\n") == 1 and "standard output is lost" in done.stderr


def failing(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("main", "status", "message"),
    [
        (lambda: None, 0, ""),
        (lambda: 143, 143, ""),
        (failing(UserError("what, where, what to do")), 2, "error: what, where, what to do\n"),
        (failing(PermissionError(13, "Permission denied", "x/y")), 2, "error: x/y: Permission"),
        (failing(Stopped(signal.SIGTERM)), 143, "stopped by SIGTERM\n"),
    ],
)
def test_errors_a_person_can_mend_are_one_line(main, status, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        run_script(main)
    assert exit_.value.code == status
    assert capsys.readouterr().err.startswith(message)


def test_bugs_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run_script(lambda: 1 / 0)


def test_a_file_to_write_is_no_folder(tmp_path):
    assert output_file(str(tmp_path / "a.png")) == tmp_path / "a.png"
    with pytest.raises(argparse.ArgumentTypeError, match="is a folder: name a file"):
        output_file(str(tmp_path))
