from pathlib import Path

import numpy as np
import pytest
import torch

from model.flame import FlameParams
from my_utils.data.parameters import load_parameters
from my_utils.errors import UserError
from my_utils.faces.params_file import load_params, save_params, save_published_params
from tests.support.toy_resources import write_parameters


def test_faces_and_seeds_survive_the_file(tmp_path):
    params = FlameParams.from_vector(torch.randn(3, 236))
    save_params(tmp_path / "new" / "params.npz", params, [4, 0, 2**40])
    loaded, seeds = load_params(tmp_path / "new" / "params.npz")
    assert torch.equal(loaded.to_vector(), params.to_vector())
    assert seeds == [4, 0, 2**40]


@pytest.mark.parametrize(
    "damage", ["absent", "text", "truncated", "field", "shape", "seeds", "negative", "nan", "none"]
)
def test_unusable_files_are_one_sentence(tmp_path, damage):
    path = tmp_path / "params.npz"
    save_params(path, FlameParams.from_vector(torch.randn(3, 236)), [1, 2, 3])
    with np.load(path) as file:
        arrays = dict(file)
    if damage == "absent":
        path.unlink()
    elif damage == "text":
        path.write_text("not an archive")
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:2000])
    else:
        if damage == "field":
            del arrays["pose"]
        elif damage == "shape":
            arrays["shape"] = arrays["shape"][:, :7]
        elif damage == "negative":
            arrays["seeds"][1] = -2
        elif damage == "nan":
            arrays["camera"][1, 0] = np.nan
        elif damage == "none":
            arrays = {name: array[:0] for name, array in arrays.items()}
        else:
            arrays["seeds"] = arrays["seeds"][:2]
        np.savez(path, **arrays)
    with pytest.raises(UserError, match=r"params\.npz"):
        load_params(path)


@pytest.mark.parametrize("kind", [str, Path])
def test_parameter_files_and_folders_of_deca_are_faces_too(tmp_path, kind):
    write_parameters(tmp_path / "all.npy", [12, 3])
    expected = load_parameters(kind(tmp_path / "all.npy")).vectors
    entries = np.load(tmp_path / "all.npy", allow_pickle=True).item()
    (tmp_path / "data").mkdir()
    for name, codes in entries.items():
        np.save(tmp_path / "data" / name.replace("pkl", "npy"), codes, allow_pickle=True)
    for path, rows, ids in (
        ("all.npy", [0, 1], [12, 3]),
        ("data", [1, 0], [3, 12]),
        ("data/00003.npy", [1], [3]),
    ):
        params, seeds = load_params(kind(tmp_path / path))
        assert np.array_equal(params.to_vector(), expected[rows]) and seeds == ids


def test_a_published_file_has_its_styles(tmp_path):
    params = FlameParams.from_vector(torch.randn(3, 236))
    save_published_params(tmp_path / "params.npy", params, [7, 7, 5])
    loaded, seeds = load_params(tmp_path / "params.npy")
    assert torch.equal(loaded.to_vector(), params.to_vector()) and seeds == [7, 7, 5]
