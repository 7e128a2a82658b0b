"""Results of the study page, as made-up participants would leave them."""

import json

import numpy as np


def pairwise_trial(number, *, full_first, full_chosen, ablation="vector_cond", **changes):
    files = [f"full_model/mdl1__{number:04d}.png", f"{ablation}/mdl2__{number:04d}.png"]
    models = ["full_model", ablation]
    order = 1 if full_first else -1
    return {
        "trial": number,
        "GT": f"full_model/mesh_{number:04d}.png",
        **dict(zip(("OPTION1", "OPTION2"), files[::order], strict=True)),
        **dict(zip(("model1", "model2"), models[::order], strict=True)),
        "condition": number,
        "answer": 1 if full_first == full_chosen else 2,
        "ms": 1500,
        "check": False,
        "expected": None,
        **changes,
    }


def likert_trial(number, *, style, answer, **changes):
    return {
        "trial": number,
        "image_url": f"textured_rendering/{style}_{number:04d}.png",
        "style": style,
        "condition": number,
        "answer": answer,
        "ms": 900,
        "check": False,
        "expected": None,
        **changes,
    }


def session(study, participant, trials, **changes):
    return {
        "format": "gif-study-result",
        "version": 1,
        "study": study,
        "study_id": "demo",
        "participant": participant,
        "prolific_pid": None,
        "seed": 7,
        "started": "2026-11-22T10:00:00Z",
        "finished": "2026-11-22T10:05:00Z",
        "complete": True,
        "user_agent": "test <b>",
        "trials": trials,
        **changes,
    }


def write_session(folder, result):
    path = folder / f"result-{result['participant']}.json"
    path.write_text(json.dumps(result))
    return path


def simulate_pairwise(folder, *, participants, trials, preference, seed):
    """Participants who prefer the full model to vector_cond with the given probability."""
    rng = np.random.default_rng(seed)
    chosen = rng.random((participants, trials)) < preference
    sides = rng.random((participants, trials)) < 0.5
    for person in range(participants):
        rows = zip(sides[person].tolist(), chosen[person].tolist(), strict=True)
        answers = [
            pairwise_trial(number, full_first=first, full_chosen=full)
            for number, (first, full) in enumerate(rows)
        ]
        write_session(folder, session("pairwise", f"p{person}", answers))
    return chosen
