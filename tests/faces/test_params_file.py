import numpy as np
import pytest
import torch

from model.flame import FlameParams
from my_utils.errors import UserError
from my_utils.faces.params_file import load_params, save_params


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
