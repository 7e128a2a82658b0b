"""What a measured distance is called, and the options of the scripts that measure it."""

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path

from my_utils.cli import positive_int, whole_number
from my_utils.errors import UserError


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


def add_protocol_options(parser: argparse.ArgumentParser) -> None:
    """Options that say how to measure."""
    parser.add_argument(
        "--protocol", choices=PROTOCOLS, default="fid10k", help="how to measure (%(default)s)"
    )
    parser.add_argument(
        "--count", type=positive_int, help="generated images, where not as many as the protocol's"
    )
    parser.add_argument(
        "--features",
        choices=["inception", "control"],
        default="inception",
        help="what to compare (%(default)s)",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="of the feature network, if not in its place"
    )
    parser.add_argument(
        "--statistics", type=Path, metavar="FILE", help="of the photographs, computed elsewhere"
    )
    parser.add_argument("--seed", type=whole_number, default=0, help="of the faces drawn (0)")


def chosen_protocol(args: argparse.Namespace) -> Protocol:
    """The protocol that the options name; one with another count gets another name."""
    protocol = PROTOCOLS[args.protocol]
    if args.features != "inception":
        if protocol.published:
            raise UserError("--protocol published is FID: it needs --features inception")
        protocol = dataclasses.replace(protocol, name=protocol.name.replace("fid", "control"))
    if args.count and args.count != protocol.count:
        name = protocol.name.removesuffix(f"{protocol.count // 1000}k") + f"-{args.count}"
        protocol = dataclasses.replace(protocol, name=name, count=args.count)
    return protocol
