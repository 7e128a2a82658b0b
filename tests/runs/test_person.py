import copy
import dataclasses

import pytest
import torch

from my_utils.demo.parameters import sample_parameters
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.tensors import load_tensors, save_tensors
from my_utils.runs.generators import load_generator
from my_utils.runs.person import (
    OWN_STYLE,
    PERSON_FILE,
    Person,
    generator_digest,
    round_to_half,
    save_person,
)


@pytest.fixture(scope="module")
def generator_file(resources):
    return next((resources / "output_files" / "checkpoint" / "29").glob("*.safetensors"))


@pytest.fixture(scope="module")
def folder(generator_file, resources, tmp_path_factory):
    """A person whose style differs from block to block, with a constant tuned to it."""
    synthesizer = FaceSynthesizer.from_checkpoint(generator_file, resources=resources)
    digest = generator_digest(synthesizer.generator)
    blocks = synthesizer.generator.synthesis.num_blocks
    style = torch.randn(blocks, 64, generator=torch.Generator().manual_seed(0))
    generator = round_to_half(synthesizer.generator)
    weights = {"constant": (1.5 * generator.synthesis.constant).half().float()}
    person = Person.of(sample_parameters([3]), style, synthesizer.renderer.flame, digest, weights)
    path = tmp_path_factory.mktemp("person") / PERSON_FILE
    save_person(path, person, generator, synthesizer.config, nimg=3)
    return path.parent, person, generator


def test_a_person_is_a_generator_with_a_style_of_its_own(folder, generator_file, resources):
    path, person, generator = folder[0] / PERSON_FILE, *folder[1:]
    synthesizer = FaceSynthesizer.from_checkpoint(path, resources=resources)
    assert synthesizer.default_style == OWN_STYLE and synthesizer.label == folder[0].name
    assert torch.equal(synthesizer.default_face().to_vector(), person.params.to_vector())
    faces = synthesizer(person.params[[0, 0]], [OWN_STYLE, 5])
    condition = synthesizer.condition(synthesizer.renderer(person.params), person.params)
    other = generator(generator.styles([5]), condition)  # as the generator always drew it
    tuned = copy.deepcopy(generator.synthesis)
    tuned.constant.copy_(person.weights["constant"])
    own = tuned(person.style[None], condition)
    torch.testing.assert_close(faces.image, torch.cat([own, other]), atol=1e-4, rtol=0)
    assert (own - generator.synthesis(person.style[None], condition)).abs().max() > 0.01
    mean = synthesizer(person.params, [OWN_STYLE], truncation_psi=0.0).image
    torch.testing.assert_close(
        mean, tuned(generator.mapping.mean_w[None], condition), atol=1e-4, rtol=0
    )
    assert load_generator(path).person.tuned_from == generator_digest(
        load_generator(generator_file).generator
    )


def test_a_person_takes_no_more_room_than_the_generator(folder, generator_file):
    assert (folder[0] / PERSON_FILE).stat().st_size < 0.6 * generator_file.stat().st_size


def test_only_a_person_has_a_style_of_its_own(generator_file, resources):
    synthesizer = FaceSynthesizer.from_checkpoint(generator_file, resources=resources)
    with pytest.raises(UserError, match="style of a person's photograph"):
        synthesizer(sample_parameters([3]), [OWN_STYLE])


def test_another_head_is_one_sentence(folder, resources):
    path = folder[0] / PERSON_FILE
    person, flame = folder[1], FaceSynthesizer.from_checkpoint(path, resources=resources).renderer
    person.check_head(flame.flame, path)
    moved = dataclasses.replace(person, vertices=person.vertices + 0.001)
    with pytest.raises(UserError, match=r"another head: .* up to 1\.7 mm"):
        moved.check_head(flame.flame, path)
    fewer = dataclasses.replace(person, vertices=person.vertices[1:])
    with pytest.raises(UserError, match="another head: its mesh has other vertices"):
        fewer.check_head(flame.flame, path)


@pytest.mark.parametrize("name", ["params", "style", "vertices", "weights.constant"])
def test_an_incomplete_or_endless_person_is_one_sentence(folder, tmp_path, name):
    tensors, facts = load_tensors(folder[0] / PERSON_FILE, "a person", ())
    facts = {key: value for key, value in facts.items() if key != "sha256"}
    tensor = tensors[f"person.{name}"]
    missing = tensor[..., :1] if name.startswith("weights.") else None  # or misshapen
    for value in (missing, tensor * torch.nan):
        changed = {key: part for key, part in tensors.items() if key != f"person.{name}"}
        if value is not None:
            changed[f"person.{name}"] = value
        save_tensors(tmp_path / PERSON_FILE, changed, facts)
        with pytest.raises(UserError, match="what it holds of a person"):
            load_generator(tmp_path / PERSON_FILE)
