"""Fixtures and settings that every test shares."""

import sys
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))
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
    return REPOSITORY / "tests" / "data"


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory) -> Path:
    """A complete resources folder of the embedded default: 16 faces of 32 pixels."""
    from my_utils.demo import write_resources

    folder = tmp_path_factory.mktemp("demo") / "resources"
    write_resources(folder, count=16, size=32, seed=0, workers=1)
    return folder
