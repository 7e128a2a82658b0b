"""The configuration of a run: every choice that makes one training differ from another.

`RUNS` lists the published runs, each naming only its difference from run 29. The same dataclass
makes the command-line flags, travels inside every checkpoint, and is compared on resume.
"""

import argparse
import dataclasses
import re
import typing
from dataclasses import dataclass

from constants import CONDITION_KINDS, LARGEST_SEED
from my_utils.errors import UserError

PADDINGS = ("zeros", "replicate")
PRECISIONS = ("auto", "float32", "tf32", "bf16")
GROUPS = ("architecture", "training", "runtime")
MAY_BE_ZERO = (
    "r1_gamma",
    "r2_gamma",
    "style_mixing",
    "augment",
    "texture_weight",
    "measure_kimg",
    "batch_gpu",
    "recoveries",
    "seed",
    "workers",
)

MOST = {
    "z_dim": 2**16,
    "w_dim": 2**16,
    "channel_max": 2**16,
    "channel_base": 2**24,
    "mapping_layers": 64,
    "workers": 1024,
    "style_mixing": 1,
    "augment": 1,
}


def option(default: object, group: str, text: str) -> typing.Any:
    """Declare a field with its group (what may change on resume) and its help text."""
    return dataclasses.field(default=default, metadata={"group": group, "help": text})


def added_option(default: object, group: str, text: str) -> typing.Any:
    """Declare a field that older checkpoints lack: their runs did as its default says."""
    field = option(default, group, text)
    field.metadata = field.metadata | {"added": True}
    return field


@dataclass(frozen=True)
class RunConfig:
    """All choices of a run; the defaults are run 29, the published full model.

    Fields tagged `architecture` must agree to load weights, `training` ones to resume a run,
    `runtime` ones may change at any time.
    """

    run_id: int = option(29, "architecture", "published run that this configuration started from")
    demo: bool = option(False, "architecture", "the embedded procedural head instead of FLAME")
    condition: str = option(
        "render+normal", "architecture", "what the networks see: " + ", ".join(CONDITION_KINDS)
    )
    resolution: int = option(256, "architecture", "image size in pixels, a power of two")
    render_size: int = option(256, "architecture", "size of the renderings in pixels")
    z_dim: int = option(512, "architecture", "length of the style vector z")
    w_dim: int = option(512, "architecture", "length of the mapped style vector w")
    mapping_layers: int = option(8, "architecture", "layers of the mapping network")
    channel_base: int = option(
        32768, "architecture", "channels at r pixels are N / r, but at most channel_max"
    )
    channel_max: int = option(512, "architecture", "most channels of a layer")
    antialiased_pyramid: bool = added_option(
        False,
        "architecture",
        "average the condition to lower resolutions; published GIF sampled",
    )
    condition_padding: str = added_option(
        "zeros",
        "architecture",
        "what the injected condition continues with beyond the border: " + ", ".join(PADDINGS),
    )
    feature_padding: str = added_option(
        "zeros",
        "architecture",
        "what the generator's features and colours continue with there: " + ", ".join(PADDINGS),
    )

    batch: int = option(16, "training", "images per step, over all devices")
    learning_rate: float = option(0.002, "training", "Adam step size before lazy scaling")
    r1_gamma: float = option(10.0, "training", "weight of the R1 gradient penalty")
    r1_interval: int = option(16, "training", "apply R1 every N steps")
    r1_lazy_gain: bool = option(
        False, "training", "multiply R1 by its interval (StyleGAN2); published GIF did not"
    )
    r2_gamma: float = added_option(
        0.0, "training", "weight of the same penalty on generated images (R3GAN), as often as R1"
    )
    relativistic: bool = added_option(
        False,
        "training",
        "compare photographs with generated faces of their conditions (R3GAN)",
    )
    texture_weight: float = option(
        16.0, "training", "weight of the texture-consistency loss; 0 turns it off"
    )
    texture_interval: int = option(
        1, "training", "apply the texture loss every N steps, with its weight multiplied by N"
    )
    fresh_styles: bool = option(
        False, "training", "a new style per sample; otherwise every training image keeps its own"
    )
    style_mixing: float = added_option(
        0.0, "training", "share of faces generated in two styles, the second from a random block on"
    )
    augment: float = added_option(
        0.0,
        "training",
        "probability of recolouring and of cutting out what the discriminator sees, photograph and "
        "renderings together",
    )
    ema_half_life_kimg: float = option(
        5.0, "training", "half-life of the averaged generator (kimg)"
    )
    ema_from_generator: bool = option(
        False,
        "training",
        "start the average at the generator; published GIF started at random",
    )
    seed: int = option(0, "training", "seed of weights, order, styles and losses")

    total_kimg: float = option(48000.0, "runtime", "stop after N thousand images (kimg)")
    tick_kimg: float = option(1.0, "runtime", "write a status line and statistics every N kimg")
    sample_kimg: float = option(16.0, "runtime", "write a grid of samples every N kimg")
    checkpoint_kimg: float = option(64.0, "runtime", "write a checkpoint every N kimg")
    keep_checkpoints: int = option(
        3, "runtime", "keep the newest N training states and exported generators"
    )
    keep_every_kimg: float = option(
        1000.0, "runtime", "also keep one exported generator of every N kimg"
    )
    measure_kimg: float = option(
        64.0, "runtime", "measure control and realism every N kimg; 0 turns it off"
    )
    batch_gpu: int = option(
        0, "runtime", "images computed at once by a process, to save memory; 0: all of its share"
    )
    precision: str = option(
        "auto",
        "runtime",
        f"arithmetic of the networks: {', '.join(PRECISIONS)}; auto is bf16 on a GPU that has it",
    )
    cuda_graphs: bool = added_option(
        True, "runtime", "record what every step repeats, and replay it, on one GPU of a process"
    )
    recoveries: int = option(
        0, "runtime", "go back to the newest checkpoint up to N times if the losses explode"
    )
    workers: int = option(2, "runtime", "processes that load data; 0 loads in the training process")

    def validate(self) -> "RunConfig":
        """Return self, or raise UserError naming the field that cannot work."""
        for name in ("resolution", "render_size"):
            value = getattr(self, name)
            if value < 16 or value > 1024 or value & (value - 1):
                raise UserError(f"--{name} {value} must be a power of two from 16 to 1024")
        if self.render_size < self.resolution:
            raise UserError(
                f"--render_size {self.render_size} is smaller than --resolution {self.resolution}:"
                " renderings are only ever shrunk, so pass a render_size at least as large"
            )
        for name, choices in (
            ("condition", CONDITION_KINDS),
            ("precision", PRECISIONS),
            ("condition_padding", PADDINGS),
            ("feature_padding", PADDINGS),
        ):
            value = getattr(self, name)
            if value not in choices:
                raise UserError(f"--{name} {value!r} is unknown: choose {', '.join(choices)}")
        for name in ("texture_weight", "augment"):
            if getattr(self, name) and self.condition == "vector":
                raise UserError(f"--{name} needs renderings: pass 0 with --condition vector")
        for name in ("batch", "batch_gpu"):
            value = getattr(self, name)
            if self.texture_weight and 0 < value < 3:
                raise UserError(f"--{name} {value} is too small for the texture loss: pass 3")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type not in (int, float) or field.name == "run_id":
                continue
            if field.name in MAY_BE_ZERO:
                if not value >= 0:
                    raise UserError(f"--{field.name} {value} must not be negative")
            elif not value > 0:
                raise UserError(f"--{field.name} {value} must be greater than zero")
            most = MOST.get(field.name, LARGEST_SEED)
            if value > most:
                raise UserError(f"--{field.name} {value} is too large: {most} at most")
        return self

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(values: object) -> "RunConfig":
        """Rebuild a configuration from a checkpoint, which may be anybody's.

        Names that are unknown here are an error, and so are missing ones, unless they only say how
        a training was run: older checkpoints take the defaults of these.
        """
        fields = {field.name: field for field in dataclasses.fields(RunConfig)}
        if not isinstance(values, dict):
            raise UserError("the checkpoint has no configuration of this project")
        needed = {
            name
            for name, field in fields.items()
            if field.metadata["group"] != "runtime" and "added" not in field.metadata
        }
        wrong = (values.keys() - fields.keys()) | (needed - values.keys())
        wrong |= {name for name in values.keys() & fields.keys() if not _fits(fields[name], values)}
        if wrong:
            raise UserError(
                f"the checkpoint's configuration does not fit here: {sorted(map(str, wrong))}"
            )
        return RunConfig(**values).validate()

    def differences(self, other: "RunConfig", *groups: str) -> list[tuple[str, object, object]]:
        """Fields of the given groups that differ: (name, value here, value there)."""
        return [
            (field.name, getattr(self, field.name), getattr(other, field.name))
            for field in dataclasses.fields(self)
            if field.metadata["group"] in groups
            and getattr(self, field.name) != getattr(other, field.name)
        ]


def _fits(field: dataclasses.Field, values: dict) -> bool:
    """Whether the value of a field has its type; a whole number may stand for any."""
    value = values[field.name]
    if field.type is bool or isinstance(value, bool):
        return field.type is bool and isinstance(value, bool)
    return isinstance(value, (int, float) if field.type is float else typing.cast(type, field.type))


_FULL = RunConfig()
# The recipe put right; the published one is kept in runs 3, 7, 8, 24 and 29 for comparison.
_MENDED: dict[str, typing.Any] = dict(
    r1_lazy_gain=True,
    fresh_styles=True,
    ema_from_generator=True,
    antialiased_pyramid=True,
    condition_padding="replicate",
    feature_padding="replicate",
    relativistic=True,
    r1_gamma=1.0,
    r2_gamma=1.0,
    r1_interval=8,
)
RUNS = {
    0: dataclasses.replace(_FULL, run_id=0, **_MENDED),
    3: dataclasses.replace(_FULL, run_id=3, condition="normal"),
    7: dataclasses.replace(_FULL, run_id=7, condition="render"),
    8: dataclasses.replace(_FULL, run_id=8, texture_weight=0.0),
    24: dataclasses.replace(_FULL, run_id=24, condition="vector", texture_weight=0.0),
    29: _FULL,
}

# What `--demo` and `--small` change in any run: a network and a schedule for two CPU cores.
DEMO: dict[str, typing.Any] = dict(
    demo=True,
    resolution=64,
    render_size=64,
    z_dim=64,
    w_dim=64,
    mapping_layers=2,
    channel_base=1024,
    channel_max=64,
    batch=4,
    learning_rate=0.003,
    texture_interval=8,
    ema_half_life_kimg=0.5,
    total_kimg=7.0,
    tick_kimg=1.0,
    sample_kimg=1.0,
    checkpoint_kimg=2.0,
    measure_kimg=0.0,  # its regressor takes minutes to train
    workers=0,
)


def run_number(text: str) -> int:
    """An argparse type: the number of a published run."""
    if text not in map(str, RUNS):
        raise argparse.ArgumentTypeError(_unknown_run(text))
    return int(text)


def experiment_name(text: str) -> str:
    """An argparse type: a part of a folder's name."""
    if not re.fullmatch(r"[\w.-]{1,40}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a name of letters, digits, points, dashes and underscores"
        )
    return text


def run_folder(text: str) -> str:
    """An argparse type: the number of a run, or NUMBER-NAME of an experiment that has a name."""
    number, dash, name = text.partition("-")
    run_number(number)
    return f"{number}-{experiment_name(name)}" if dash else number


def _unknown_run(run_id: object) -> str:
    return f"run id {run_id} is unknown: choose one of {', '.join(map(str, RUNS))}"


def run_config(run_id: int, *, demo: bool = False, small: bool = False) -> RunConfig:
    """The configuration of a published run; made small for the demo's data, or for any."""
    if run_id not in RUNS:
        raise UserError(_unknown_run(run_id))
    changes = DEMO | {"demo": demo} if demo or small else {}
    return dataclasses.replace(RUNS[run_id], **changes)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """One flag per field, grouped; a flag not given leaves the run's own value."""
    for group in GROUPS:
        options = parser.add_argument_group(f"{group} (overrides of the run)")
        for field in dataclasses.fields(RunConfig):
            if field.metadata["group"] != group or field.name in ("run_id", "demo"):
                continue
            text = f"{field.metadata['help']} (run 29: {field.default})"
            kind = typing.cast(type, field.type)
            keywords: dict = {"type": kind, "metavar": kind.__name__.upper()}
            if kind is bool:
                keywords = {"action": argparse.BooleanOptionalAction}
            options.add_argument(
                f"--{field.name}", default=None, help=text.replace("%", "%%"), **keywords
            )


def config_from_args(args: argparse.Namespace) -> RunConfig:
    """The run named by `--run_id` and `--demo`, with the given flags applied and checked."""
    base = run_config(args.run_id, demo=args.demo, small=getattr(args, "small", False))
    names = [field.name for field in dataclasses.fields(RunConfig)]
    given = {
        name: getattr(args, name)
        for name in names
        if name not in ("run_id", "demo") and getattr(args, name, None) is not None
    }
    return dataclasses.replace(base, **given).validate()
