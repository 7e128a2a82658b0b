import dataclasses
import hashlib
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from my_utils.errors import UserError
from my_utils.runs.checkpoint import (
    NETWORKS,
    OPTIMIZERS,
    CheckpointStore,
    kimg_name,
    load_training_state,
)
from my_utils.runs.config import run_config
from my_utils.runs.generators import load_generator, prune_generators, save_generator
from my_utils.runs.networks import build_generator

TINY = dataclasses.replace(
    run_config(29, demo=True), resolution=16, render_size=16, z_dim=8, w_dim=8, channel_max=8
)


def state(nimg, generator=None):
    """A training state as small as one can be."""
    parts = dict.fromkeys((*NETWORKS, *OPTIMIZERS), {})
    weights = {"weights": torch.arange(1000.0) + nimg}
    averaged = generator.state_dict() if generator else weights
    return parts | {"nimg": nimg, "config": TINY.to_dict(), "generator_ema": averaged}


def weights_of(state):
    return state["generator_ema"]["weights"]


def flip_bit(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_names_sort_by_images_seen():
    names = [kimg_name(nimg) for nimg in (8, 1500, 12_000, 4_704_000)]
    assert names == ["00000.008", "00001.500", "00012.000", "04704.000"]
    assert names == sorted(names)


def test_store_keeps_the_newest_states(tmp_path):
    store = CheckpointStore(tmp_path)
    assert store.load_newest() is None
    for nimg in (1000, 2000, 3000):
        store.save(state(nimg), nimg=nimg, keep=2)
    assert [path.name for path in store.paths()] == [
        "training-state-00002.000.pt",
        "training-state-00003.000.pt",
    ]
    assert len(list(tmp_path.iterdir())) == 4  # two states, two digests, nothing else
    assert torch.equal(weights_of(store.load_newest()), weights_of(state(3000)))


@pytest.mark.parametrize("damage", ["flip", "no digest", "half a digest", 0, 1, 100, 0.5, -1])
def test_damaged_newest_state_is_skipped_with_a_warning(tmp_path, damage):
    """Numbers are lengths to which the file is cut."""
    store = CheckpointStore(tmp_path)
    store.save(state(1000), nimg=1000, keep=3)
    newest = store.save(state(2000), nimg=2000, keep=3)
    digest, size = newest.with_name(newest.name + ".sha256"), newest.stat().st_size
    if damage == "flip":
        flip_bit(newest, size // 2)
    elif damage == "no digest":
        digest.unlink()
    elif damage == "half a digest":
        digest.write_bytes(digest.read_bytes()[:32])
    else:
        os.truncate(newest, int(damage * size) if damage == 0.5 else damage % size)
    with pytest.warns(UserWarning, match=newest.name):
        assert store.load_newest()["nimg"] == 1000
    with pytest.raises(UserError, match=newest.name):
        load_training_state(newest)


def test_a_run_is_never_silently_started_from_scratch(tmp_path):
    store = CheckpointStore(tmp_path)
    flip_bit(store.save(state(1000), nimg=1000, keep=3), 300)
    with pytest.warns(UserWarning), pytest.raises(UserError, match="every training state"):
        store.load_newest()


def test_a_failed_save_leaves_the_older_state_and_no_rubbish(tmp_path):
    store = CheckpointStore(tmp_path)
    store.save(state(1000), nimg=1000, keep=3)
    with pytest.raises((UserError, AttributeError, TypeError)):
        store.save(state(2000) | {"bad": (item for item in ())}, nimg=2000, keep=3)
    assert len(list(tmp_path.iterdir())) == 2
    assert store.load_newest()["nimg"] == 1000


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_never_saved(tmp_path, value):
    store = CheckpointStore(tmp_path)
    store.save(state(1000), nimg=1000, keep=1)
    spoilt = state(2000)
    weights_of(spoilt)[7] = value
    with pytest.raises(UserError, match="not finite"):
        store.save(spoilt, nimg=2000, keep=1)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_flipped_bit_is_noticed_wherever_it_is(tmp_path):
    path = CheckpointStore(tmp_path).save(state(1000), nimg=1000, keep=1)
    random = torch.Generator().manual_seed(0)
    for offset in torch.randint(path.stat().st_size, (50,), generator=random).tolist():
        flip_bit(path, offset)
        with pytest.raises(UserError, match="damaged"):
            load_training_state(path)
        flip_bit(path, offset)
    assert load_training_state(path)["nimg"] == 1000


FORGED = {
    "another content": pickle.dumps({"nimg": 8}),
    "no dictionary": pickle.dumps([1]),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_state_with_a_digest_that_fits_is_a_sentence(tmp_path, forged):
    path = tmp_path / "training-state-00000.008.pt"
    path.write_bytes(FORGED[forged])
    digest = hashlib.sha256(FORGED[forged]).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
    with pytest.raises(UserError, match=path.name):
        load_training_state(path)


def test_damaged_states_do_not_count_among_those_to_keep(tmp_path):
    store = CheckpointStore(tmp_path)
    for nimg in (1000, 2000, 3000):
        flip = store.save(state(nimg), nimg=nimg, keep=9)
        if nimg > 1000:
            flip_bit(flip, 200)
    store.save(state(4000), nimg=4000, keep=2)
    assert [images_in(path) for path in store.paths()] == [1000, None, None, 4000]
    store.save(state(5000), nimg=5000, keep=2)
    assert [images_in(path) for path in store.paths()] == [4000, 5000]


def images_in(path):
    try:
        return load_training_state(path)["nimg"]
    except UserError:
        return None


def test_a_state_that_cannot_be_removed_is_a_warning(tmp_path, monkeypatch):
    def refuse(path, missing_ok=False):
        raise PermissionError(1, "not permitted", str(path))

    store = CheckpointStore(tmp_path)
    store.save(state(1000), nimg=1000, keep=1)
    replaced = Path.unlink
    monkeypatch.setattr(
        Path, "unlink", lambda p, **k: (refuse if p.suffix == ".pt" else replaced)(p, **k)
    )
    with pytest.warns(UserWarning, match="could not be removed"):
        store.save(state(2000), nimg=2000, keep=1)
    assert store.load_newest()["nimg"] == 2000


# A process that saves a state of 2000 images, and is killed at one moment of it.
KILLED = """
import os, sys
sys.path[:0] = {paths}
import my_utils.files.atomic, my_utils.runs.checkpoint as checkpoint
from tests.runs.test_checkpoint import state
from pathlib import Path
moment, folder = sys.argv[1], Path(sys.argv[2])
die = lambda *_: os._exit(137)
if moment == "before writing":
    checkpoint.torch.save = die
elif moment == "while writing":
    def half(state, path):
        path.write_bytes(b"half"); die()
    checkpoint.torch.save = half
elif moment == "before renaming":
    real = os.replace
    os.replace = lambda source, target: die() if target.suffix == ".pt" else real(source, target)
else:
    checkpoint.CheckpointStore._prune = die
checkpoint.CheckpointStore(folder).save(state(2000), nimg=2000, keep=1)
"""


@pytest.mark.parametrize(
    ("moment", "newest"),
    [("before writing", 1), ("while writing", 1), ("before renaming", 1), ("before pruning", 2)],
)
def test_a_killed_save_leaves_an_intact_state(tmp_path, moment, newest):
    store = CheckpointStore(tmp_path)
    store.save(state(1000), nimg=1000, keep=1)
    script = KILLED.format(paths=[str(Path(__file__).parents[2])])
    done = subprocess.run([sys.executable, "-c", script, moment, tmp_path], check=False)
    assert done.returncode == 137
    kept = store.load_newest()
    assert torch.equal(weights_of(kept), weights_of(state(newest * 1000)))


# A process whose files may not grow beyond 20 kB, which fails a write as a full disk does.
FULL = """
import resource, sys
sys.path[:0] = {paths}
from my_utils.runs.checkpoint import CheckpointStore
from my_utils.cli import run_script
from tests.runs.test_checkpoint import TINY, state
from my_utils.runs.generators import save_generator
from my_utils.runs.networks import build_generator
from pathlib import Path
folder = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
def main():
    if sys.argv[2] == "generator":
        save_generator(folder / "generator.safetensors", build_generator(TINY), TINY, nimg=0)
    CheckpointStore(folder).save(state(2000, build_generator(TINY)), nimg=2000, keep=1)
run_script(main)
"""


@pytest.mark.parametrize("kind", ["state", "generator"])
def test_a_full_disk_is_one_sentence_and_costs_nothing(tmp_path, kind):
    store = CheckpointStore(tmp_path)
    store.save(state(1000), nimg=1000, keep=1)
    script = FULL.format(paths=[str(Path(__file__).parents[2])])
    command = [sys.executable, "-c", script, tmp_path, kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    wanted = "it needs 0.1 MB and" if kind == "state" else "generator.safetensors"
    assert wanted in done.stderr
    assert store.load_newest()["nimg"] == 1000
    assert len(list(tmp_path.iterdir())) == 2


def test_exported_generator_carries_its_configuration(tmp_path):
    torch.manual_seed(0)
    generator = build_generator(TINY)
    path = tmp_path / "generator.safetensors"
    save_generator(path, generator, TINY, nimg=1234)
    loaded = load_generator(path)
    assert (loaded.config, loaded.nimg) == (TINY, 1234)
    assert loaded.generator.mapping.mean_w.any()
    z, condition = torch.randn(2, 8), torch.randn(2, 6, 16, 16)
    assert torch.equal(loaded.generator(z, condition), generator(z, condition))


def test_of_exported_generators_the_newest_and_one_of_every_stretch_stay(tmp_path):
    def export(kimg):
        path = tmp_path / f"generator-{kimg_name(1000 * kimg)}.safetensors"
        path.touch()
        path.with_suffix(".md").touch()
        prune_generators(tmp_path, keep=2, every_kimg=100)

    for kimg in range(30, 500, 30):
        export(kimg)
    kept = [int(path.stem[-9:-4]) for path in sorted(tmp_path.glob("*.safetensors"))]
    assert kept == [120, 210, 300, 420, 450, 480]
    assert {path.stem for path in tmp_path.glob("*.md")} == {
        path.stem for path in tmp_path.glob("*.safetensors")
    }


def test_an_exported_generator_has_a_model_card(tmp_path):
    path = tmp_path / "generator-00001.234.safetensors"
    save_generator(path, build_generator(TINY), TINY, nimg=1234, measures={"error, 64 faces": 0.2})
    card = path.with_suffix(".md").read_text()
    for phrase in ("run 29, 1.234 thousand", "| resolution | 16 |", "Procedural", "faces: 0.2"):
        assert phrase in card
    real = dataclasses.replace(TINY, demo=False)
    save_generator(path, build_generator(real), real, nimg=0)
    card = path.with_suffix(".md").read_text()
    assert "CC BY-NC-SA" in card and "None was taken" in card and "Procedural" not in card


def test_damaged_or_foreign_generators_are_refused(tmp_path):
    path = tmp_path / "generator.safetensors"
    save_generator(path, build_generator(TINY), TINY, nimg=0)
    flip_bit(path, path.stat().st_size - 10)
    with pytest.raises(UserError, match="sha256"):
        load_generator(path)
    path.write_bytes(b"not a tensor file")
    with pytest.raises(UserError, match="not a generator exported by this project"):
        load_generator(path)
    with pytest.raises(UserError, match="does not exist"):
        load_generator(tmp_path / "absent.safetensors")
    with pytest.raises(UserError, match="must be a"):
        load_generator(tmp_path / "picture.png")


def test_a_forged_size_of_a_network_takes_no_memory(tmp_path):
    path = tmp_path / "generator.safetensors"
    sizes = dict(z_dim=2**16, w_dim=2**16, channel_base=2**20, channel_max=2**16)
    vast = dataclasses.replace(TINY, **sizes, mapping_layers=64)  # more than a terabyte
    save_generator(path, build_generator(TINY), vast, nimg=0)
    with pytest.raises(UserError, match="does not fit the network"):
        load_generator(path)


def test_averaged_generator_of_a_training_state_can_be_drawn_with(tmp_path):
    generator = build_generator(TINY)
    path = CheckpointStore(tmp_path).save(state(8, generator), nimg=8, keep=1)
    loaded = dict(load_generator(path).generator.state_dict())
    kept = dict(generator.state_dict())
    assert loaded.pop("mapping.mean_w").any() and not kept.pop("mapping.mean_w").any()
    torch.testing.assert_close(loaded, kept)


def test_weights_that_do_not_fit_are_listed(tmp_path):
    other = dataclasses.replace(TINY, channel_max=4)
    path = CheckpointStore(tmp_path).save(state(8, build_generator(other)), nimg=8, keep=1)
    with pytest.raises(UserError, match=r"instead of .* and \d+ more"):
        load_generator(path)
