"""Which generator a command line names."""

import argparse
import shutil

import pytest

from constants import DEMO_GENERATOR
from my_utils.cli import resource_folder
from my_utils.errors import UserError
from my_utils.faces.options import (
    add_synthesis_options,
    choose_checkpoint,
    choose_checkpoints,
    open_generator,
)


def test_the_newest_generator_of_a_run_is_chosen(tmp_path):
    folder = tmp_path / "output_files" / "checkpoint" / "7"
    folder.mkdir(parents=True)
    args = argparse.Namespace(ckpt=None, run_id="7", resources=tmp_path, demo=False)
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
    args = argparse.Namespace(ckpt=None, run_id="7", resources=tmp_path, demo=False)
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


def test_without_a_choice_it_is_run_29_or_the_shipped_generator(tmp_path, monkeypatch, capsys):
    """As the published README calls the scripts; where the authors' file is there, it is that."""
    monkeypatch.setattr("my_utils.cli.resources_root", tmp_path)
    for several in (False, True):
        parser = argparse.ArgumentParser()
        add_synthesis_options(parser, outdir="here", several=several)
        choose = choose_checkpoints if several else lambda args: [choose_checkpoint(args)]
        assert choose(parser.parse_args([])) == [DEMO_GENERATOR]
        assert str(DEMO_GENERATOR) in capsys.readouterr().out
        with pytest.raises(UserError, match="no generator in .*train it with"):
            choose(parser.parse_args(["--resources", str(tmp_path)]))
    folder = tmp_path / "output_files" / "checkpoint" / "29"
    folder.mkdir(parents=True)
    (folder / "294000_1.model").touch()
    assert choose(parser.parse_args([])) == [folder / "294000_1.model"]
    (folder / "generator-00002.000.safetensors").touch()
    assert choose(parser.parse_args([])) == [folder / "generator-00002.000.safetensors"]


@pytest.mark.parametrize(
    ("run", "phrase"),
    [("5", "run id 5 is unknown: choose one of 0, 3, 7"), ("7-a/b", "'a/b' is not a name of")],
)
@pytest.mark.parametrize("several", [False, True])
def test_an_unknown_run_is_answered_with_the_known_ones(run, phrase, several, capsys):
    parser = argparse.ArgumentParser()
    add_synthesis_options(parser, outdir="here", several=several)
    with pytest.raises(SystemExit):
        parser.parse_args(["--run_id", run])
    assert phrase in capsys.readouterr().err


def test_an_experiment_with_a_name_is_drawn_and_named_by_it(demo_folder, tmp_path):
    folder = tmp_path / "output_files" / "checkpoint" / "0-brighter"
    parser = argparse.ArgumentParser()
    add_synthesis_options(parser, outdir="here", several=False)
    args = parser.parse_args(["--run_id", "0-brighter", "--resources", str(tmp_path)])
    with pytest.raises(UserError, match="train.py --run_id 0 --name brighter`"):
        choose_checkpoint(args)
    folder.mkdir(parents=True)
    shutil.copy(DEMO_GENERATOR, folder / "generator-00200.000.safetensors")
    path = choose_checkpoint(args)
    synthesizer = open_generator(path, resources=demo_folder)
    assert (synthesizer.name, synthesizer.label) == ("run 0-brighter", "0-brighter")


def test_only_the_shipped_generator_brings_its_head(demo_folder, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr("my_utils.demo.resources_folder.write_drawing_files", written.append)
    synthesizer = open_generator(DEMO_GENERATOR, resources=demo_folder)
    assert (synthesizer.name, synthesizer.label, written) == ("demo", "demo", [demo_folder])
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(DEMO_GENERATOR.read_bytes())
    assert open_generator(copy, resources=demo_folder).name == "run 0"
    with pytest.raises(UserError, match="there is no resources folder"):
        open_generator(copy, resources=tmp_path / "empty")
    assert len(written) == 1 and not (tmp_path / "empty").exists()
