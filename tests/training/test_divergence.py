import json
import math

import pytest
import torch

import my_utils.training.divergence as divergence
import my_utils.training.run as recovery
import my_utils.training.step as training_step
from my_utils.errors import UserError
from my_utils.runs.checkpoint import CheckpointStore
from my_utils.training.divergence import DivergenceError, LossWatch
from my_utils.training.state import TrainingJob, TrainingState
from tests.support.training_runs import ALONE, losses, stats, tiny, train
from tests.support.training_steps import batch_of, skin, step_of, weights

CONFIG = tiny(29, batch=4, r1_interval=1, texture_interval=1)


@pytest.mark.parametrize(
    ("spoilt", "network"),
    [
        ("discriminator_logistic_loss", "Discriminator"),
        ("r1_penalty", "Discriminator"),
        ("generator_nonsaturating_loss", "Generator"),
    ],
)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_update(monkeypatch, spoilt, network, value):
    step = step_of(CONFIG, skin)
    real = getattr(training_step, spoilt)
    monkeypatch.setattr(training_step, spoilt, lambda *rows: real(*rows) + value)
    changed = step.state.discriminator if network == "Generator" else None
    before = [parameter.detach().clone() for parameter in weights(step)]
    with pytest.raises(DivergenceError, match=f"gradient of {network} is not finite") as caught:
        step(batch_of(4), torch.Generator())
    kept = {id(parameter) for parameter in (changed.parameters() if changed else ())}
    networks = (step.state.generator, step.state.discriminator, step.state.generator_ema)
    parameters = [parameter for each in networks for parameter in each.parameters()]
    for old, new in zip(before, parameters, strict=True):
        assert id(new) in kept or torch.equal(old, new)
    assert any(isinstance(value, str) for value in caught.value.report["losses"].values())


def test_a_photograph_that_is_not_finite_stops_before_any_update():
    step, rows = step_of(CONFIG, skin), batch_of(4)
    rows.image[2, 0, 5, 5] = math.nan
    before = [parameter.clone() for parameter in weights(step)]
    with pytest.raises(DivergenceError) as caught:
        step(rows, torch.Generator())
    assert all(map(torch.equal, before, weights(step)))
    assert "nan" in caught.value.report["gradient_norms"].values()


def spoil(monkeypatch, factor, *, call):
    """Multiply the generator's loss in one call, counted from 1 on whenever the list is cleared."""
    real, calls = training_step.generator_nonsaturating_loss, []

    def spoilt(logits):
        calls.append(None)
        return real(logits) * (factor if len(calls) == call else 1)

    monkeypatch.setattr(training_step, "generator_nonsaturating_loss", spoilt)
    return calls


def test_what_diverged_is_reported_beside_intact_checkpoints(demo_folder, tmp_path, monkeypatch):
    spoil(monkeypatch, math.nan, call=3)
    with pytest.raises(DivergenceError, match="is not finite"):
        train(tiny(8, checkpoint_kimg=0.004), demo_folder, tmp_path)
    folder = tmp_path / "checkpoint" / "8"
    (report,) = [json.loads(path.read_text()) for path in folder.glob("diverged-*.json")]
    assert report["nimg"] == 8 and len(report["face_ids"]) == 4
    assert report["losses"]["G"] == "nan" and "is not finite" in report["message"]
    paths = CheckpointStore(folder).paths()
    assert [path.stem for path in paths] == ["training-state-00000.004", "training-state-00000.008"]


def test_a_loss_jumps_when_it_is_far_above_its_usual_value():
    watch = LossWatch({})
    for value in (0.7, 0.1, 4.0, 0.0, 9.0):
        watch.check(dict.fromkeys("DG", torch.tensor(value)), ALONE, nimg=8)
    usual = watch.usual["G"]
    assert 0.7 < usual < 1
    with pytest.raises(DivergenceError, match="loss G jumped from about 0.803 to 25 at image 8"):
        watch.check({"D": torch.tensor(1.0), "G": torch.tensor(25.0)}, ALONE, nimg=8)
    with pytest.raises(DivergenceError, match="loss D jumped"):
        watch.check(dict.fromkeys("DG", torch.tensor(math.nan)), ALONE, nimg=8)


def test_a_run_recovers_where_it_is_asked_to(demo_folder, tmp_path, monkeypatch, capsys):
    calls = spoil(monkeypatch, 1e4, call=4)
    config = tiny(8, checkpoint_kimg=0.008, recoveries=1)
    with pytest.raises(DivergenceError, match="jumped"):
        train(config, demo_folder, tmp_path / "once")
    calls.clear()
    monkeypatch.setattr("tests.support.training_runs.training_loop", recovery.train)
    state, run = train(config, demo_folder, tmp_path / "again")
    assert (state["nimg"], state["recoveries"]) == (16, 1)
    assert "recovery 1 of 1" in capsys.readouterr().out
    assert [row["nimg"] for row in stats(run)] == [8, 16]
    assert all(row["loss/G"] < 10 for row in stats(run))

    undisturbed, quiet = train(config, demo_folder, tmp_path / "quiet")
    assert losses(quiet)[0] == losses(run)[0] and losses(quiet)[1] != losses(run)[1]
    assert undisturbed["recoveries"] == 0


def test_numbers_are_reported_as_json_knows_them():
    values = [divergence.readable(value) for value in (1.5, math.inf, -math.inf, math.nan)]
    assert json.loads(json.dumps(values)) == [1.5, "inf", "-inf", "nan"]


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("CUDA out of memory. Tried to allocate 2 GiB", "--batch_gpu 4"),
        ("[enforce fail] DefaultCPUAllocator: can't allocate memory", "--batch_gpu 4"),
        ("DataLoader worker (pid 7) is killed by signal: Killed.", "fewer --workers"),
    ],
)
def test_what_the_machine_lacks_is_a_sentence_with_advice(monkeypatch, reason, advice):
    def fail(*_, **__):
        raise RuntimeError(f"{reason}\nmore that torch says")

    monkeypatch.setattr(recovery, "training_loop", fail)
    job = TrainingJob(tiny(29, batch=8), None, None, None, ALONE)
    state = TrainingState.new(job.config, None, ALONE.device)
    with pytest.raises(UserError, match=advice) as caught:
        recovery.train(job, state)
    assert "\n" not in str(caught.value)
    reason = "another bug"
    with pytest.raises(RuntimeError, match="another bug"):
        recovery.train(job, state)
