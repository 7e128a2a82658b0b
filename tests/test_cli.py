import argparse
import signal

import pytest

from constants import LARGEST_SEED
from my_utils.cli import parse_seeds, positive_int, run_script
from my_utils.errors import UserError
from my_utils.signals import Stopped


@pytest.mark.parametrize(
    ("text", "seeds"), [("7", [7]), ("0-3,42", [0, 1, 2, 3, 42]), ("5-5", [5]), ("3,1", [3, 1])]
)
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "3-1", "1,,2"])
def test_other_seeds_are_refused(text):
    with pytest.raises(UserError, match="--pairs .* is not a list of numbers"):
        parse_seeds(text, option="--pairs")


@pytest.mark.parametrize("text", ["0-9999999999", "9007199254740992", "1,0-1000000", "9" * 400])
def test_too_many_and_too_large_seeds_are_refused_at_once(text):
    with pytest.raises(UserError, match="--seeds .* is too much|is not a list"):
        parse_seeds(text)
    assert parse_seeds(str(LARGEST_SEED)) == [LARGEST_SEED]


def test_positive_int():
    assert positive_int("8") == 8
    for text in ("0", "-1", "x", "1.5"):
        with pytest.raises(argparse.ArgumentTypeError):
            positive_int(text)


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
