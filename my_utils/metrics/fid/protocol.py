"""How generated images are drawn and prepared for a measure, and what it is then called."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """How generated images are drawn and prepared; a number is worth nothing without it."""

    name: str
    count: int = 10_000  # generated images
    photographs: int | None = None  # of the reference: the first so many, None for all
    published: bool = False  # GIF's own arithmetic instead of 8-bit images


PROTOCOLS = {
    "fid10k": Protocol("fid10k"),
    "fid50k": Protocol("fid50k", count=50_000),
    "published": Protocol("published", photographs=50_000, published=True),
}
