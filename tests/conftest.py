"""Fixtures and settings that every test shares."""

from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[1]
torch.set_num_threads(1)  # test networks are small, and threads that wait for each other slow


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference recordings beside the repository; the test is skipped without it."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "oracles").is_dir():
        pytest.skip("needs the reference recordings in ../shared")
    return folder


@pytest.fixture(scope="session")
def data() -> Path:
    """Small copies of reference recordings kept in the repository."""
    return REPOSITORY / "tests" / "data" / "recordings"


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory) -> Path:
    """A complete resources folder of the embedded default: 16 faces of 32 pixels."""
    from my_utils.demo.resources_folder import write_resources

    folder = tmp_path_factory.mktemp("demo") / "resources"
    write_resources(folder, count=16, size=32, seed=0, workers=1)
    return folder


@pytest.fixture(scope="session")
def resources(demo_folder, tmp_path_factory) -> Path:
    """The demo's inputs beside the generator of a run that was never trained."""
    import dataclasses

    from my_utils.runs.config import run_config
    from my_utils.runs.generators import save_generator
    from my_utils.runs.networks import build_generator

    folder = tmp_path_factory.mktemp("plots")
    (folder / "input_files").symlink_to(demo_folder / "input_files")
    config = dataclasses.replace(
        run_config(29, demo=True), resolution=32, render_size=32, channel_base=128, channel_max=8
    )
    torch.manual_seed(0)
    path = folder / "output_files" / "checkpoint" / "29" / "generator-00000.000.safetensors"
    path.parent.mkdir(parents=True)
    save_generator(path, build_generator(config), config, nimg=0)
    return folder
