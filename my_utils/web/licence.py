"""Which heads may travel inside a page, for whoever opens the page receives the head's bases."""

from pathlib import Path

from my_utils.data.resources import Resources
from my_utils.errors import UserError

OPEN_LICENCES = ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "MIT", "BSD-3-Clause", "Apache-2.0")
DEMO_HEAD = "Procedural head of this project, MIT licence"
WHY = (
    "a page carries the head's bases to everybody who opens it, and the licences of FLAME 2017, "
    "2020 and 2023 and of their texture space do not allow to pass them on"
)


def head_terms(
    resources: Resources,
    *,
    is_demo: bool,
    licence: str | None,  # of model, texture space and layout, as their owner gave it
    attribution: str | None,
) -> str:
    """The line that a page shows about its head.

    Raises:
        UserError: the head may not be passed on, or nobody said that it may.
    """
    if is_demo:
        return DEMO_HEAD
    model = resources.path("flame_model")
    if licence is None or attribution is None:
        raise UserError(
            f"no page was written with {model}: {WHY}. For a head that is open, such as FLAME 2023 "
            "Open with a texture space of your own: --head_licence CC-BY-4.0 --attribution TEXT"
        )
    if licence not in OPEN_LICENCES:
        raise UserError(
            f"--head_licence {licence!r} is none of those that let anybody pass a head on: "
            f"{', '.join(OPEN_LICENCES)}"
        )
    if any(_is_licensed_flame(path) for path in (model, resources.paths.flame_model)):
        raise UserError(f"{model} is FLAME 2017 or 2020, whatever --head_licence says: {WHY}")
    return f"Head: {attribution} ({licence})"


def _is_licensed_flame(path: Path) -> bool:
    """Whether this is FLAME's file of 2017 or 2020: only these hold objects of chumpy."""
    return path.is_file() and b"chumpy" in path.read_bytes()
