import argparse
import signal

import pytest

from my_utils.cli import (
    add_synthesis_options,
    choose_checkpoint,
    choose_checkpoints,
    parse_seeds,
    positive_int,
    resource_folder,
    run_script,
)
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


def test_the_newest_generator_of_a_run_is_chosen(tmp_path):
    folder = tmp_path / "output_files" / "checkpoint" / "7"
    folder.mkdir(parents=True)
    args = argparse.Namespace(ckpt=None, run_id=7, resources=tmp_path, demo=False)
    assert resource_folder(args) == tmp_path
    with pytest.raises(UserError, match="no generator in .*train it with"):
        choose_checkpoint(args)
    for name in ("00002.000", "00010.000", "00009.500"):
        (folder / f"generator-{name}.safetensors").touch()
    assert choose_checkpoint(args).name == "generator-00010.000.safetensors"


def test_a_released_checkpoint_serves_where_none_was_trained(tmp_path):
    folder = tmp_path / "output_files" / "checkpoint" / "7"
    folder.mkdir(parents=True)
    for name in ("051000_1.model", "051000_1.npz", "009000_1.model"):
        (folder / name).touch()
    args = argparse.Namespace(ckpt=None, run_id=7, resources=tmp_path, demo=False)
    assert choose_checkpoint(args).name == "051000_1.model"
    (folder / "generator-00001.000.safetensors").touch()
    assert choose_checkpoint(args).name == "generator-00001.000.safetensors"


def test_several_generators_keep_the_order_of_the_command_line(tmp_path):
    folder = tmp_path / "output_files" / "checkpoint" / "7"
    folder.mkdir(parents=True)
    (folder / "generator-00002.000.safetensors").touch()
    parser = argparse.ArgumentParser()
    add_synthesis_options(parser, outdir="here", several=True)
    words = ["--ckpt", "a.pt", "--run_id", "7", "--ckpt", "b.model", "--resources", str(tmp_path)]
    found = [path.name for path in choose_checkpoints(parser.parse_args(words))]
    assert found == ["a.pt", "generator-00002.000.safetensors", "b.model"]
    with pytest.raises(UserError, match="say whose faces to draw"):
        choose_checkpoints(parser.parse_args([]))
