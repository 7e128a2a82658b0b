"""Files of others are read without running anything in them."""

import ast
import copyreg
import io
import os
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse
import torch

from my_utils.errors import UserError
from my_utils.untrusted.reader import reading, restricted_load
from my_utils.untrusted.stand_ins import ALLOWED, unpickle
from tests.support.array_trees import TREE, same

# What array data looks like.


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_array_data_of_every_protocol_comes_as_it_was(tmp_path, protocol):
    path = tmp_path / "tree.pkl"
    path.write_bytes(pickle.dumps(TREE, protocol))
    assert same(restricted_load(path), TREE)
    np.save(tmp_path / "tree.npy", TREE, allow_pickle=True)
    assert same(restricted_load(tmp_path / "tree.npy"), TREE)


def test_arrays_can_be_written_to(tmp_path):
    np.save(tmp_path / "a.npy", {"a": np.zeros(3)}, allow_pickle=True)
    restricted_load(tmp_path / "a.npy")["a"][0] = 1


@pytest.mark.parametrize("layout", ["csc", "csr"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_sparse_matrices_come_dense(tmp_path, layout, kind):
    dense = np.random.default_rng(0).normal(size=(4, 6)) * (np.arange(24).reshape(4, 6) % 3 == 0)
    matrix = getattr(scipy.sparse, f"{layout}_{kind}")(dense)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(matrix))
    assert np.array_equal(restricted_load(tmp_path / "a.pkl"), dense)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.float64, torch.uint8])
def test_torch_tensors_come_as_arrays(tmp_path, dtype):
    base = torch.arange(24).to(dtype).reshape(4, 6)
    tree = OrderedDict(whole=base, view=base[1:, ::2].T)
    np.save(tmp_path / "a.npy", tree, allow_pickle=True)
    found = restricted_load(tmp_path / "a.npy")
    assert same(found, {name: tensor.numpy() for name, tensor in tree.items()})


class Numbers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.float32, torch.float64, torch.float16, torch.uint8, torch.bool]
)
def test_what_torch_saves_comes_as_arrays(tmp_path, dtype):
    base = torch.arange(24).reshape(4, 6).to(dtype)
    tree = {"tensors": {"whole": base, "view": base[1:, ::2].T}, **TREE}
    tree |= {"scalar_tensor": base[1, 1], "empty": base[:0], "end": base[4:]}
    torch.save(tree, tmp_path / "00017.frame")
    expected = tree | {n: tree[n].numpy() for n in ("scalar_tensor", "empty", "end")}
    expected["tensors"] = {name: tensor.numpy() for name, tensor in tree["tensors"].items()}
    assert same(restricted_load(tmp_path / "00017.frame"), expected)


def test_parameters_of_networks_come_as_arrays(tmp_path):
    module = Numbers()
    torch.save({"parameter": module.weight, **module.state_dict()}, tmp_path / "a.pt")
    found = restricted_load(tmp_path / "a.pt")
    expected = module.weight.detach().numpy()
    assert same(found, {"parameter": expected, "weight": expected})


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_of_arrays_and_objects_are_read(tmp_path, save):
    save(tmp_path / "a.npz", plain=np.arange(3), nothing=None, tree=TREE)
    expected = {"plain": np.arange(3), "nothing": None, "tree": TREE}
    assert same(restricted_load(tmp_path / "a.npz"), expected)


def test_matlab_files_are_read(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"shape": np.arange(3.0)[None], "name": "zoe"})
    found = restricted_load(tmp_path / "a.mat")
    assert same(found, {"shape": np.arange(3.0)[None], "name": np.array(["zoe"])})


def test_plain_arrays_are_read_too(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    assert same(restricted_load(tmp_path / "a.npy"), np.arange(6).reshape(2, 3))


def chumpy_object(name, **state):
    """The bytes of an object of chumpy, which no longer installs."""
    made = f"\x80\x02cchumpy.ch\n{name}\n)\x81".encode("latin1")
    return made + pickle.dumps(state, 2)[2:-1] + b"b."


@pytest.mark.parametrize("name", ["negative", "exp", "sum", "transpose", "Ch_like", "add"])
@pytest.mark.parametrize("operand", ["x", "a"])
def test_a_chumpy_expression_is_not_read_as_its_operand(tmp_path, name, operand):
    path = tmp_path / "a.pkl"
    path.write_bytes(chumpy_object(name, **{operand: np.arange(3.0)}))
    with pytest.raises(ValueError, match=f"expression '{name}' is not plain array data"):
        np.asarray(restricted_load(path))
    path.write_bytes(chumpy_object("Ch", x=np.arange(3.0)))
    assert np.asarray(restricted_load(path)).tolist() == [0, 1, 2]


# What array data never does.


class Call:
    """Pickles as a call."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments, state)

    def __reduce__(self):
        return self.reduced if self.reduced[2] else self.reduced[:2]


def touch(path) -> str:
    return f"touch {path}"


ATTACKS = {
    "posix.system": lambda mark: Call(os.system, touch(mark)),
    "builtins.eval": lambda mark: Call(eval, f"open({str(mark)!r}, 'w')"),
    "builtins.exec": lambda mark: Call(exec, f"open({str(mark)!r}, 'w')"),
    "builtins.getattr": lambda mark: Call(getattr, "text", "upper"),
    "builtins.__import__": lambda mark: Call(__import__, "os"),
    "io.open": lambda mark: Call(io.open, str(mark), "w"),
    "numpy.load": lambda mark: Call(np.load, str(mark), None, True),
    "torch.serialization.load": lambda mark: Call(torch.load, str(mark)),
    "ast.literal_eval": lambda mark: Call(ast.literal_eval, "1"),
    "pickle.loads|_pickle.loads": lambda mark: Call(pickle.loads, b"N."),
    "pathlib": lambda mark: Path("here"),
    "functools.partial": lambda mark: __import__("functools").partial(os.system, touch(mark)),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize(
    "container", ["pkl", "npy", "npz", "pt", "inside an object array", "inside a tensor"]
)
def test_calls_are_refused_by_name_and_not_made(tmp_path, name, container):
    mark = tmp_path / "executed"
    attack = {"J": ATTACKS[name](mark)}
    suffix = container if len(container) < 4 else "npy"
    path = tmp_path / f"attack.{suffix}"
    if container == "pkl":
        path.write_bytes(pickle.dumps(attack))
    elif container == "npz":
        np.savez(path, plain=np.arange(3), **attack)
    elif container == "pt":
        torch.save(attack, path)
    elif container == "npy":
        np.save(path, attack, allow_pickle=True)
    elif container == "inside an object array":
        np.save(path, {"a": np.array([attack, None], dtype=object)}, allow_pickle=True)
    else:
        buffer = io.BytesIO()
        torch.save(attack, buffer, _use_new_zipfile_serialization=False)
        load_storage = torch.storage._load_from_bytes
        np.save(path, {"a": Call(load_storage, buffer.getvalue())}, allow_pickle=True)
    pattern = name.replace("builtins.", "")  # which torch leaves out
    with pytest.raises(UserError, match=pattern):
        restricted_load(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "attack",
    [
        # An array of objects made from raw bytes would treat them as addresses.
        Call(
            np.ndarray, (1,), np.dtype(object), state=(1, (1,), np.dtype(object), False, b"A" * 8)
        ),
        Call(
            np.zeros(1).__reduce__()[0],  # numpy's _reconstruct, wherever this version has it
            np.ndarray,
            (0,),
            b"b",
            state=(1, (4,), np.dtype("f8"), False, b"short"),
        ),
        # A structured type may hide objects.
        np.zeros(2, dtype=[("a", "f8")]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        # Column indices beyond the matrix would write outside of the dense one.
        Call(
            copyreg._reconstructor,
            scipy.sparse.csr_matrix,
            object,
            None,
            state={
                "_shape": (2, 2),
                "data": np.ones(1),
                "indices": np.array([10**6]),
                "indptr": np.array([0, 1, 1]),
            },
        ),
        # A tensor larger than its numbers.
        Call(
            torch._utils._rebuild_tensor_v2,
            torch.zeros(3).__reduce_ex__(2)[1][0],
            0,
            (10**6,),
            (1,),
            False,
            OrderedDict(),
        ),
        Call(copyreg._reconstructor, "no name", object, None),
    ],
)
def test_forged_arrays_are_refused(tmp_path, attack):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(attack))
    with pytest.raises(UserError, match="a.pkl is incomplete, damaged or of another kind"):
        found = restricted_load(tmp_path / "a.pkl")
        assert found is None, "something was made of it"


FORGED_VIEWS = {  # offset, size and stride of six numbers
    "too long": (0, (7,), (1,)),
    "beyond the end": (4, (3,), (1,)),
    "far beyond": (10**9, (1,), (1,)),
    "before the start": (-1, (2,), (1,)),
    "backwards": (5, (2,), (-1,)),
    "strides too wide": (0, (2, 2), (5, 1)),
    "other dimensions": (0, (2, 3), (1,)),
    "of no whole numbers": (0.5, (2,), (1,)),
    "negative sizes": (0, (-2, -3), (1, 1)),
}


@pytest.mark.parametrize("name", FORGED_VIEWS)
def test_a_tensor_that_reaches_beyond_its_numbers_is_refused(tmp_path, name):
    storage = torch.arange(6.0).__reduce_ex__(2)[1][0]
    forged = Call(torch._utils._rebuild_tensor_v2, storage, *FORGED_VIEWS[name], False, {})
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(forged))
    with pytest.raises(UserError, match="a.pkl is incomplete, damaged or of another"):
        restricted_load(tmp_path / "a.pkl")


def rewrite(path, change):
    """The archive with some members exchanged, or left out where the new one is None."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (members | change).items():
            if data is not None:
                archive.writestr(name, data)


@pytest.mark.parametrize("member", ["a/data/0", "a/data.pkl"])
@pytest.mark.parametrize("content", [b"short", None])
def test_a_damaged_torch_file_is_refused(tmp_path, member, content):
    torch.save(torch.arange(6.0), tmp_path / "a.pt")
    rewrite(tmp_path / "a.pt", {})
    assert same(restricted_load(tmp_path / "a.pt"), np.arange(6, dtype=np.float32))
    rewrite(tmp_path / "a.pt", {member: content})
    with pytest.raises(UserError, match="a.pt is incomplete"):
        restricted_load(tmp_path / "a.pt")


def test_a_flipped_bit_in_a_torch_file_is_found(tmp_path):
    torch.save(torch.arange(6.0), tmp_path / "a.pt")
    content = (tmp_path / "a.pt").read_bytes()
    number = np.float32(5).tobytes()
    (tmp_path / "a.pt").write_bytes(content.replace(number, b"\1" + number[1:]))
    with pytest.raises(UserError, match="Bad CRC-32 for file a/data/0"):
        restricted_load(tmp_path / "a.pt")


def test_a_pickle_that_refers_outside_of_itself_is_refused(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"\x80\x02X\x01\x00\x00\x00zQ.")
    with pytest.raises(UserError, match="a.pkl is incomplete, damaged or of another kind"):
        restricted_load(tmp_path / "a.pkl")


# What a pickle is given is inert: neither calls nor states change anything of the reader.


@pytest.mark.parametrize("name", ALLOWED)
def test_a_state_changes_no_name_that_a_pickle_may_use(name):
    before = {n: getattr(ALLOWED[name], n, None) for n in dir(ALLOWED[name])}
    module, attribute = (part.encode() for part in name)
    for state in (b"}U\x01aNs", b"N}U\x04nameU\x01as\x86", b"N}U\x0c__defaults__Ns\x86", b"K\x01"):
        pickled = b"\x80\x02c" + module + b"\n" + attribute + b"\n" + state + b"b."
        with pytest.raises(ValueError):
            unpickle(io.BytesIO(pickled))
    assert {n: getattr(ALLOWED[name], n, None) for n in dir(ALLOWED[name])}.keys() == before.keys()
    assert not hasattr(ALLOWED[name], "a")


@pytest.mark.parametrize("suffix", ["npy", "npz", "pt"])
def test_a_truncated_file_is_a_sentence_at_any_length(tmp_path, suffix):
    path = tmp_path / f"whole.{suffix}"
    if suffix == "pt":
        torch.save(TREE, path)
    else:
        save = np.savez if suffix == "npz" else np.save
        save(path, TREE)
    whole = path.read_bytes()
    for length in [0, 1, 5, 10, 60, *range(100, len(whole), 97), len(whole) - 1]:
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(UserError, match="cut is incomplete"):
            restricted_load(tmp_path / "cut")


def test_nothing_in_the_project_unpickles():
    root = Path(__file__).parents[2]
    folders = ("model", "my_utils", "prepare_lmdb", "plots", "mturk")
    sources = [path for folder in folders for path in (root / folder).rglob("*.py")]
    unsafe = re.compile(r"(pickle|torch)\.(_?Unpickler|loads?)\b|allow_pickle=True|weights_only")
    found = {path.name for path in sources if unsafe.search(path.read_text())}
    assert found == {"stand_ins.py", "torch_file.py"}


def test_a_mistake_of_ours_is_a_traceback_and_no_damaged_file(tmp_path):
    path = tmp_path / "a.txt"
    path.touch()
    for mistake in (TypeError, AttributeError, KeyError, NameError, ZeroDivisionError):
        with pytest.raises(mistake), reading(path):
            raise mistake
