"""Train GIF on photographs paired with FLAME parameters.

    python train.py --run_id 29 --demo      # the embedded default, minutes on two CPU cores
    python train.py --run_id 29             # the full model, on the data in $GIF_RESOURCES
    torchrun --nproc_per_node=8 train.py --run_id 29

Runs: 0 full model with the recipe of today, 29 full model as published, 3 normal maps only,
7 textured renderings only, 8 without the texture loss, 24 parameter vector, no renderings.
Repeating the command continues the run from its newest checkpoint.
"""

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from my_utils.cli import (
    add_resource_options,
    resource_folder,
    run_script,
    script_parser,
)
from my_utils.runs.config import (
    add_config_options,
    config_from_args,
    experiment_name,
    run_number,
)

if TYPE_CHECKING:  # they bring torch, which --help does without
    from my_utils.training.state import TrainingJob, TrainingState


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument(
        "--run_id", type=run_number, default=0, help="which run to train (default: 0)"
    )
    parser.add_argument(
        "--ckpt",
        type=Path,
        metavar="FILE",
        help="continue from this training state (.pt) or released checkpoint (.model)",
    )
    parser.add_argument(
        "--small", action="store_true", help="the demo's small network and schedule, on any data"
    )
    parser.add_argument(
        "--name", type=experiment_name, help="train into folders of its own, RUN-NAME"
    )
    parser.add_argument("--dry_run", action="store_true", help="show what would happen, and stop")
    # `python -m torch.distributed.launch` passes it, and sets what counts in the environment.
    parser.add_argument("--local-rank", "--local_rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda:0 ... (auto)")
    add_resource_options(parser)
    add_config_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    config = config_from_args(args)

    from my_utils.data.dataset import FaceDataset
    from my_utils.data.resources import Resources
    from my_utils.runs.folder import RunDir
    from my_utils.runs.runtime import configure_process
    from my_utils.signals import Stopped
    from my_utils.training.processes import start_processes
    from my_utils.training.rehearsal import rehearse
    from my_utils.training.state import TrainingJob, TrainingState

    resources = Resources(resource_folder(args))
    resources.require(
        "flame_model",
        "template_mesh",
        "texture_space",
        "face_mask",
        "parameters",
        "photographs",
        "renderings",
    )
    dataset = FaceDataset(resources, config)
    run = RunDir(resources.paths.output_root, config.run_id, args.name or "")
    with start_processes(args.device) as processes:
        configure_process(processes.device, config.precision)
        job = TrainingJob(config, resources, dataset, run, processes)
        state = TrainingState.new(config, dataset, processes.device)
        if processes.is_first:
            describe(job, state)
        if args.dry_run:
            for sentence in rehearse(job, state, saved_state(job, args.ckpt)):
                if processes.is_first:
                    print(sentence, flush=True)
            return 0
        try:
            with run if processes.is_first else contextlib.nullcontext():
                train(job, state, args.ckpt)
        except Stopped as stopped:
            if processes.is_first:  # which alone says so
                raise
            return stopped.status
    return 0


def describe(job: "TrainingJob", state: "TrainingState") -> None:
    """Print what will be trained, on what, and what it will write where."""
    config, run = job.config, job.run
    for name, value in config.to_dict().items():
        print(f"  {name:20} {value}")
    counts = [
        sum(parameter.numel() for parameter in network.parameters())
        for network in (state.generator, state.discriminator)
    ]
    # A training state holds G, its average and Adam's two moments of G and D; float32.
    state_mb = (4 * counts[0] + 3 * counts[1]) * 4 / 1e6
    exports = config.keep_checkpoints + int(config.total_kimg // config.keep_every_kimg)
    print(f"data: {len(job.dataset)} faces")
    print(f"networks: generator {counts[0]:,} parameters, discriminator {counts[1]:,}")
    print(f"writes {run.checkpoints} and {run.samples}")
    print(
        f"disk: {config.keep_checkpoints} training states of {state_mb:,.0f} MB, and by the end "
        f"{exports} exported generators of {counts[0] * 4 / 1e6:,.0f} MB"
    )


def train(job: "TrainingJob", state: "TrainingState", ckpt: Path | None) -> None:
    """Start the run, or continue it from `ckpt` or its newest checkpoint."""
    from my_utils.training.run import train

    if saved := saved_state(job, ckpt):
        state.load_state_dict(saved)
        del saved  # as large as the networks
    say = print if job.processes.is_first else lambda line: None
    if state.nimg >= job.config.total_kimg * 1000:
        say(f"run {job.config.run_id} is complete: {state.nimg} images were seen")
        return
    say(f"continuing after {state.nimg} images" if state.nimg else "starting a new run")
    if job.processes.is_first:
        job.run.write_provenance(job.config.to_dict())
    train(job, state)


def saved_state(job: "TrainingJob", ckpt: Path | None) -> dict | None:
    """The training state that `--ckpt` names, or the run's newest one."""
    from my_utils.runs.checkpoint import CheckpointStore, load_training_state
    from my_utils.runs.released import released_training_state

    if ckpt is None:
        return CheckpointStore(job.run.checkpoints).load_newest()
    if ckpt.suffix == ".model":
        return released_training_state(ckpt, job.config)
    return load_training_state(ckpt)


if __name__ == "__main__":
    run_script(main, if_stopped="repeat the command to continue")
