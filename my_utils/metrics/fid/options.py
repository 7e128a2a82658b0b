"""The flags of the scripts that measure how real faces look, and what they choose."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from my_utils.cli import positive_int, whole_number
from my_utils.errors import UserError
from my_utils.faces.options import synthesizers_from_args
from my_utils.metrics.fid.protocol import PROTOCOLS, Protocol

if TYPE_CHECKING:  # they bring torch, which --help does without
    import torch

    from my_utils.faces.synthesizer import FaceSynthesizer
    from my_utils.metrics.fid.distances import FeatureStatistics
    from my_utils.metrics.fid.feature_networks import FeatureNetwork
    from my_utils.metrics.fid.measurement import Measurement


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
    parser.add_argument("--seed", type=whole_number, default=0, help="of the faces generated (0)")


def measurements_from_args(args: argparse.Namespace) -> "list[Measurement]":
    """One for each generator that the options name; all must draw images of one size."""
    from my_utils.metrics.fid.measurement import Measurement

    protocol, synthesizers = chosen_protocol(args), synthesizers_from_args(args)
    network = chosen_network(args, protocol, synthesizers[0].device)
    sizes = sorted({synthesizer.config.resolution for synthesizer in synthesizers})
    if len(sizes) > 1:
        raise UserError(
            f"the generators draw images of {' and '.join(map(str, sizes))} pixels, whose "
            "distances cannot be compared: measure them one at a time"
        )
    return [
        Measurement(
            synthesizer,
            network,
            protocol,
            chosen_reference(args, synthesizer, network, protocol),
            seed=args.seed,
            batch=args.batch,
            truncation=args.truncation,
        )
        for synthesizer in synthesizers
    ]


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


def chosen_network(
    args: argparse.Namespace, protocol: Protocol, device: "torch.device"
) -> "FeatureNetwork":
    """The network of `--features`, with its weights.

    Raises:
        UserError: its weights are missing or wrong, or the protocol's images are too few for it.
    """
    from my_utils.metrics.fid.feature_networks import control, inception, inception_weights

    if args.features == "inception":
        path = inception_weights(args.weights)
        network = inception(path, device, published=protocol.published)
    elif args.weights is None:
        raise UserError(
            "--features control needs --weights FILE, the regressor that plots/evaluate_control.py "
            "trained (output_files/reinference/regressor-<size>.safetensors)"
        )
    else:
        network = control(args.weights, device)
    if protocol.count < network.minimum:
        raise UserError(
            f"{protocol.count} images are too few: the {network.name} features need --count "
            f"{network.minimum} at least"
        )
    return network


def chosen_reference(
    args: argparse.Namespace,
    synthesizer: "FaceSynthesizer",
    network: "FeatureNetwork",
    protocol: Protocol,
) -> "FeatureStatistics":
    """What a generator is compared with: `--statistics`, published ones, or its photographs."""
    from my_utils.metrics.fid.reference import (
        Photographs,
        load_statistics,
        reference_statistics,
    )

    size, paths = synthesizer.config.resolution, synthesizer.resources.paths
    published = paths.fid_statistics / f"ffhq_{size}X{size}_fid_stats.npz"
    if args.statistics:
        return load_statistics(args.statistics, network, size)
    if protocol.published and published.exists():
        return load_statistics(published, network, size)
    return reference_statistics(
        Photographs(synthesizer.resources, size, limit=protocol.photographs),
        network,
        folder=paths.output_root / "statistics",
        batch=args.batch,
        device=synthesizer.device,
    )
