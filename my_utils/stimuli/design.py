"""The design of a stimulus set: who is shown, what varies, and how the pictures are finished.

`design_file.read_design` reads it from TOML; `docs/stimuli.md` lists every key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from my_utils.faces.named_factors import Value

GROUPS = ("shape", "expression", "pose", "camera", "texture", "lighting", "style")  # of a face
COMPUTED = ("average", "caricature")  # kinds of people that are made of others
IDENTITY = ("shape", "texture")  # what a continuum varies where it does not say
CAMERAS = ("person", "eyes")
MASKS = ("none", "head", "oval")
REGIONS = ("face", "picture")
PROPERTIES = ("luminance", "contrast", "histogram", "spectrum")
LABELS = ("landmarks", "depth", "normals", "segmentation", "mesh")
LARGEST_SEED = 2**31
PEOPLE_FILE = "people.json"  # in the folder of a finished set, beside its design


@dataclass(frozen=True)
class Person:
    """Where a face comes from; exactly one source is given."""

    name: str
    kind: str  # seed, row, params, average or caricature
    number: int = 0  # the seed, or the row of the data set or of the file
    file: Path | None = None  # params
    members: tuple[str, ...] = ()  # average
    original: str = ""  # caricature
    reference: str = ""  # caricature: the face from which the distance is measured
    amount: float = 1.0  # caricature: 0 the reference, 1 the original, -1 its anti-face
    style: int | None = None  # a seed, instead of the person's own
    factors: tuple[tuple[str, Value], ...] = ()  # set on the face, whatever its source
    where: str = ""  # file and line that describe the person


@dataclass(frozen=True)
class Continuum:
    """Steps of equal size between two people, and beyond them."""

    name: str
    start: str
    end: str
    steps: int
    range: tuple[float, float]  # percent of the way
    vary: tuple[str, ...]  # of GROUPS; the others stay those of the start


@dataclass(frozen=True)
class Output:
    """How a finished picture looks."""

    size: int | None  # pixels; as the generator draws where not given
    mask: str
    background: int  # grey level, 0..255, where the mask hides
    alpha: bool
    greyscale: bool


@dataclass(frozen=True)
class Matching:
    """What is made equal over the set, and where; a target of None is the mean of the set."""

    properties: tuple[str, ...] = ()
    region: str = "face"
    luminance: float | None = None
    contrast: float | None = None


@dataclass(frozen=True)
class Design:
    """A design as read and checked."""

    path: Path
    where: str  # file and line of the factors, or of the first
    name: str
    seed: int
    people: Mapping[str, Person]
    continua: Mapping[str, Continuum]
    show: tuple[str, ...]  # names of people and continua
    camera: str
    truncation: float  # 1 keeps styles, 0 is the mean style
    factors: Mapping[str, tuple[Value, ...]]
    zipped: tuple[tuple[str, ...], ...]  # groups of factors that vary together
    hold: Mapping[str, Value]  # factors set to one value in all pictures
    output: Output
    match: Matching
    smooth_window: int  # steps; 0 leaves continua as they are
    labels: tuple[str, ...]
