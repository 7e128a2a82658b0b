import dataclasses

import pytest
import torch

from my_utils.checkpoint import (
    CheckpointStore,
    kimg_name,
    load_generator,
    load_training_state,
    prune_generators,
    save_generator,
)
from my_utils.errors import UserError
from my_utils.networks import build_generator
from my_utils.run_config import run_config

TINY = dataclasses.replace(
    run_config(29, demo=True), resolution=16, render_size=16, z_dim=8, w_dim=8, channel_max=8
)


def state(nimg):
    return {"nimg": nimg, "config": TINY.to_dict(), "weights": torch.arange(1000.0) + nimg}


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
    assert torch.equal(store.load_newest()["weights"], state(3000)["weights"])


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "no digest"])
def test_damaged_newest_state_is_skipped_with_a_warning(tmp_path, damage):
    store = CheckpointStore(tmp_path)
    store.save(state(1000), nimg=1000, keep=3)
    newest = store.save(state(2000), nimg=2000, keep=3)
    if damage == "flip":
        flip_bit(newest, newest.stat().st_size // 2)
    elif damage == "no digest":
        newest.with_name(newest.name + ".sha256").unlink()
    else:
        newest.write_bytes(newest.read_bytes()[: 100 if damage == "truncate" else 0])
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
        store.save({"nimg": 2000, "bad": (item for item in ())}, nimg=2000, keep=3)
    assert len(list(tmp_path.iterdir())) == 2
    assert store.load_newest()["nimg"] == 1000


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


def test_averaged_generator_of_a_training_state_can_be_drawn_with(tmp_path):
    generator = build_generator(TINY)
    contents = {"nimg": 8, "config": TINY.to_dict(), "generator_ema": generator.state_dict()}
    path = CheckpointStore(tmp_path).save(contents, nimg=8, keep=1)
    loaded = load_generator(path)
    torch.testing.assert_close(loaded.generator.state_dict(), dict(generator.state_dict()))


def test_weights_that_do_not_fit_are_listed(tmp_path):
    other = dataclasses.replace(TINY, channel_max=4)
    contents = {
        "nimg": 8,
        "config": TINY.to_dict(),
        "generator_ema": build_generator(other).state_dict(),
    }
    path = CheckpointStore(tmp_path).save(contents, nimg=8, keep=1)
    with pytest.raises(UserError, match=r"instead of .* and \d+ more"):
        load_generator(path)
