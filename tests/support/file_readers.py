"""Every place that takes a file: a valid file for it, and the public function that reads it."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import torch

from model.flame import FLAME, FlameParams
from my_utils.data.flame_files import load_flame, save_flame
from my_utils.data.lmdb_images import LmdbImages
from my_utils.data.parameters import load_parameters
from my_utils.data.resources import Resources
from my_utils.data.trackers.conversion import convert_faces
from my_utils.data.trackers.reader import TOOLS, read_crops, tracked_faces
from my_utils.faces.params_file import load_params, save_params, save_published_params
from my_utils.faces.sequences import load_voca
from my_utils.files.atomic import file_sha256
from my_utils.metrics.control.regressor import ParameterRegressor, load_regressor, save_regressor
from my_utils.metrics.control.table3 import load_samples
from my_utils.metrics.fid.reference import load_statistics
from my_utils.metrics.records import append_measure, read_measures
from my_utils.runs.checkpoint import load_training_state
from my_utils.runs.config import RUNS, run_config
from my_utils.runs.generators import load_generator, save_generator
from my_utils.runs.networks import build_generator
from my_utils.runs.released import released_generator, released_training_state
from my_utils.study.manifest import read_manifest
from my_utils.study.pictures import check_settings
from my_utils.study.questions import pair_checks
from my_utils.study.results import read_results, write_amt_csv, write_page_csv
from my_utils.training.curves import read_stats
from tests.support.fid_stubs import stub_network
from tests.support.flame_fields import texel_fields
from tests.support.released_files import released_file, write_released
from tests.support.study_sessions import likert_trial, session
from tests.support.toy_resources import parameter_entry, write_toy_lmdbs, write_toy_resources
from tests.support.toy_study import write_pairwise_study
from tests.support.tracker_outputs import WRITERS, TrueFace, copy_recorded

IDS = [0, 3, 17]
TINY = dataclasses.replace(
    run_config(29, demo=True), resolution=16, render_size=16, z_dim=8, w_dim=8, channel_max=8
)
RELEASED = dataclasses.replace(
    TINY, resolution=32, render_size=32, mapping_layers=8, channel_base=128
)


class Reader(NamedTuple):
    """A file that strangers may have made, and what reads it."""

    path: Path
    read: Callable[[], object]
    has_digest: bool = False  # beside it, which a stranger makes as well

    def write(self, content: bytes) -> None:
        self.path.write_bytes(content)
        if self.has_digest:
            digest = self.path.with_name(f"{self.path.name}.sha256")
            digest.write_text(f"{file_sha256(self.path)}  {self.path.name}\n")


def file_readers(folder: Path) -> dict[str, Reader]:
    """All of them, by name, with valid files in a folder of its own for each part."""
    return {
        **_resources(folder / "resources"),
        **_parameters(folder),
        **_trackers(folder / "trackers"),
        **_checkpoints(folder / "checkpoints"),
        **_measures(folder),
        **_studies(folder / "studies"),
    }


def _resources(root: Path) -> dict[str, Reader]:
    paths = write_toy_resources(root, IDS)
    write_toy_lmdbs(paths, IDS, size=16)
    np.save(paths.texel_table, texel_fields(), allow_pickle=True)
    converted = root.parent / "converted"
    others = write_toy_resources(converted, IDS)
    save_flame(
        others.converted_flame_model,
        load_flame(paths.flame_model),
        source_sha256=file_sha256(others.flame_model),
    )
    lmdb = paths.photographs / "data.mdb"
    flame = load_flame(paths.flame_model)

    def resources() -> Resources:
        """New ones for every call, that have read the model already."""
        known = Resources(root)
        known.flame = flame
        return known

    def pictures() -> list:
        images = LmdbImages(paths.photographs)
        return [images.length, images.sizes(), images.ids(16), images.get("16-00003")]

    return {
        "FLAME model": Reader(paths.flame_model, lambda: Resources(root).flame),
        "converted FLAME model": Reader(
            others.converted_flame_model, lambda: Resources(converted).flame
        ),
        "template mesh": Reader(paths.template_mesh, lambda: resources().uv),
        "texture space": Reader(paths.texture_space, lambda: Resources(root).texture_space),
        "texel table": Reader(paths.texel_table, lambda: resources().texels),
        "face mask": Reader(paths.face_mask, lambda: Resources(root).face_mask),
        "parameters": Reader(paths.parameters, lambda: Resources(root).parameters),
        "bad images": Reader(paths.bad_images, lambda: Resources(root).bad_images),
        "LMDB": Reader(lmdb, pictures),
    }


def _parameters(folder: Path) -> dict[str, Reader]:
    rng = np.random.default_rng(0)
    params = FlameParams.from_vector(torch.from_numpy(rng.normal(size=(3, 236))).float())
    one = folder / "one face each"
    one.mkdir()
    np.save(one / "00003.npy", parameter_entry(rng), allow_pickle=True)
    save_params(folder / "params.npz", params, [1, 2, 3])
    save_published_params(folder / "params.npy", params, [1, 2, 3])
    frames = {
        "frame_pose_params": rng.normal(size=(4, 9)),
        "frame_exp_params": rng.normal(size=(4, 50)),
        "seq_shape_params": rng.normal(size=100),
    }
    np.savez(folder / "voca.npz", **frames)
    return {
        "file of one face": Reader(one / "00003.npy", lambda: load_parameters(one)),
        "params.npz": Reader(folder / "params.npz", lambda: load_params(folder / "params.npz")),
        "published params.npy": Reader(
            folder / "params.npy", lambda: load_samples(folder / "params.npy")
        ),
        "spoken sentence": Reader(
            folder / "voca.npz", lambda: load_voca(folder / "voca.npz", params[:1])
        ),
    }


def _trackers(folder: Path) -> dict[str, Reader]:
    paths = write_toy_resources(folder.parent / "head", IDS)
    flame = FLAME(load_flame(paths.flame_model))
    readers = {}
    for tool in TOOLS:
        root = folder / tool
        root.mkdir(parents=True)
        if tool in WRITERS:
            WRITERS[tool](root, 17, TrueFace())
        else:
            copy_recorded(tool, root)
        files = [path for path in sorted(root.rglob("*")) if path.suffix in TOOLS[tool].suffixes]
        path = next((file for file in files if file.stem in ("shape", "identity")), files[-1])

        def read(tool=tool, root=root) -> object:
            faces = list(tracked_faces(tool, root, "2020" if tool == "vhap" else None))
            # The eyes of the toy head are elsewhere than FLAME's, which others are centred by.
            return convert_faces(faces, flame) if faces[0].face.perspective else faces

        readers[f"tracker {tool}"] = Reader(path, read)
    scene = folder / "vhap" / "transforms.json"
    crops = folder / "crops.csv"
    crops.write_text("name,centre_x,centre_y,size,image_size\n00017.png,128,128,200,256\n")
    return readers | {
        "transforms.json": Reader(scene, readers["tracker vhap"].read),
        "crops": Reader(crops, lambda: read_crops(crops)),
    }


def _checkpoints(folder: Path) -> dict[str, Reader]:
    folder.mkdir()
    torch.manual_seed(0)
    exported, regressor = folder / "generator.safetensors", folder / "regressor.safetensors"
    save_generator(exported, build_generator(TINY), TINY, nimg=8)
    save_regressor(regressor, ParameterRegressor(8, width=2), faces=3)
    state = folder / "training-state-00000.008.pt"
    parts = dict.fromkeys(("generator", "discriminator", "optimizer_g", "optimizer_d"), {})
    weights = build_generator(TINY).state_dict()
    torch.save({**parts, "generator_ema": weights, "nimg": 8, "config": TINY.to_dict()}, state)
    model = write_released(folder / "29", released_file(RELEASED, styles=3)[0])
    old = write_released(folder / "old", torch.load(model, weights_only=True))
    torch.save(torch.load(model, weights_only=True), old, _use_new_zipfile_serialization=False)

    def small(read: Callable[[], object]) -> Callable[[], object]:
        """Where the published runs have few channels."""
        return lambda: mock.patch.dict(RUNS, {29: RELEASED})(read)()

    resumed = small(lambda: released_training_state(model, RELEASED))
    readers = {
        "exported generator": Reader(exported, lambda: load_generator(exported)),
        "regressor": Reader(regressor, lambda: load_regressor(regressor)),
        "training state": Reader(state, lambda: load_training_state(state), has_digest=True),
        "training state to draw with": Reader(state, lambda: load_generator(state), True),
        "released checkpoint": Reader(model, small(lambda: load_generator(model))),
        "old released checkpoint": Reader(old, small(lambda: released_generator(old, 29))),
        "released checkpoint to resume": Reader(model, resumed),
        "progress of a released checkpoint": Reader(model.with_suffix(".npz"), resumed),
    }
    readers["training state"].write(state.read_bytes())
    return readers


def _measures(folder: Path) -> dict[str, Reader]:
    own, published = folder / "stub.npz", folder / "ffhq_16X16_fid_stats.npz"
    network = stub_network()
    description = {
        "features": network.name,
        "resize": network.resize,
        "weights_sha256": network.weights_sha256,
        "resolution": 16,
    }
    moments = {"mu": np.zeros(12), "sigma": np.eye(12)}
    kept = np.zeros((13, 12), np.float32)
    np.savez(own, **moments, count=13, kept=kept, description=json.dumps(description))
    np.savez(published, **moments)
    measures, stats = folder / "measures.jsonl", folder / "stats.jsonl"
    append_measure(measures, measure="fid", value=3.5, protocol="fid10k", count=10_000, nimg=8)
    stats.write_text('{"nimg": 8, "loss/G": 0.5}\n{"nimg": 16, "loss/G": 0.25}\n')
    published_network = stub_network("inception-published")
    return {
        "statistics": Reader(own, lambda: load_statistics(own, network, 16)),
        "published statistics": Reader(
            published, lambda: load_statistics(published, published_network, 16)
        ),
        "measures.jsonl": Reader(measures, lambda: read_measures(measures)),
        "stats.jsonl": Reader(stats, lambda: read_stats(stats)),
    }


def _studies(folder: Path) -> dict[str, Reader]:
    study, results = folder / "study", folder / "results"
    pictures = write_pairwise_study(study)
    results.mkdir()
    trials = [likert_trial(n, style=n % 2, answer=n + 1) for n in range(4)]
    trials.append(likert_trial(4, style=1, answer=5, check="attention", expected=5))
    page = results / "a.json"
    page.write_text(json.dumps(session("likert", "p", trials)))
    answers = read_results([page], "likert")
    write_page_csv(results / "b.csv", answers)
    write_amt_csv(results / "c.csv", answers)
    (results / "c_key.csv").write_text("image_url,check,expected\nu/1_0.png,attention,5\n")
    settings = study / "settings.json"
    settings.write_text(json.dumps({"study": "pairwise", "seed": 2}))
    mesh = study / next(picture.file for picture in pictures if picture.kind == "mesh")
    readers = {
        "manifest": Reader(study / "manifest.csv", lambda: read_manifest(study)),
        "picture of a study": Reader(mesh, lambda: pair_checks(study, pictures, 2, 0)),
        "settings of a study": Reader(
            settings, lambda: check_settings(study, {"study": "pairwise", "seed": 2})
        ),
    }
    for name in ("a.json", "b.csv", "c.csv", "c_key.csv"):
        paths = [results / name] + [results / "c.csv"] * name.endswith("_key.csv")
        readers[f"results {name}"] = Reader(
            results / name, lambda paths=paths: read_results(paths, "likert")
        )
    return readers


READER_NAMES = (
    "FLAME model",
    "converted FLAME model",
    "template mesh",
    "texture space",
    "texel table",
    "face mask",
    "parameters",
    "bad images",
    "LMDB",
    "file of one face",
    "params.npz",
    "published params.npy",
    "spoken sentence",
    "tracker deca",
    "tracker emoca",
    "tracker smirk",
    "tracker mica",
    "tracker metrical-tracker",
    "tracker pixel3dmm",
    "tracker vhap",
    "tracker flame-head-tracker",
    "transforms.json",
    "crops",
    "exported generator",
    "regressor",
    "training state",
    "training state to draw with",
    "released checkpoint",
    "old released checkpoint",
    "released checkpoint to resume",
    "progress of a released checkpoint",
    "statistics",
    "published statistics",
    "measures.jsonl",
    "stats.jsonl",
    "manifest",
    "picture of a study",
    "settings of a study",
    "results a.json",
    "results b.csv",
    "results c.csv",
    "results c_key.csv",
)
