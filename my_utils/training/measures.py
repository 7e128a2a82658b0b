"""What training reports of its averaged generator: how well its faces obey, and how real they look.

The faces are held out of the regressor that reads them, each is drawn in a style of its own, and
they are the same every time, so a curve differs by the weights alone. Nothing here draws from a
random stream that training uses.
"""

import math
import time

import torch
from torch import Tensor

from model.flame import FlameParams
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.metrics.control.evaluation import held_out, regressor_path, train_regressor_for
from my_utils.metrics.control.measures import (
    component_correlations,
    error_name,
    factor_errors,
    neighbours,
    read_faces,
    varying_factors,
)
from my_utils.metrics.control.regressor import load_regressor
from my_utils.metrics.control.visible_factors import VisibleFactors
from my_utils.metrics.fid.distances import collect_statistics, frechet_distance
from my_utils.metrics.fid.feature_networks import inception, inception_weights
from my_utils.metrics.fid.measurement import Measurement
from my_utils.metrics.fid.protocol import Protocol
from my_utils.metrics.fid.reference import Photographs, reference_statistics
from my_utils.training.processes import Processes

FACES = 256
FID_FACES = 2500  # more than Inception has features, as its covariance needs
CORRELATIONS = ("yaw", "pitch", "roll", "jaw")


class TrainingMeasures:
    """Measures the generator of a synthesizer, the faces shared out among the processes.

    The first process trains the regressor where the resources folder has none yet. FID is added
    where Inception's weights are in torch's cache.

    Raises:
        UserError: the resources folder has too few photographs.
    """

    def __init__(self, synthesizer: FaceSynthesizer, processes: Processes, *, batch: int) -> None:
        self._synthesizer, self._processes, self._batch = synthesizer, processes, batch
        self._factors = VisibleFactors(synthesizer.renderer, synthesizer.resources.face_mask)
        self._factors.to(synthesizer.device)
        path = regressor_path(synthesizer)
        if processes.is_first and not path.exists():
            print(f"training {path} to measure with", flush=True)
            train_regressor_for(synthesizer, self._factors)
        while not path.exists():  # no barrier: it could be minutes, and could not be interrupted
            time.sleep(1)
        held = held_out(synthesizer, FACES)
        self._regressor = load_regressor(path).to(synthesizer.device)
        self._params = held.params.to(synthesizer.device)
        usual = factor_errors(self._factors, neighbours(self._params), self._params)
        varying = varying_factors(self._factors, self._params)
        self._usual = {factor: usual[factor] for factor in varying}
        if processes.is_first and (constant := usual.keys() - self._usual.keys()):
            print(f"not measured, as the data does not vary in it: {', '.join(sorted(constant))}")
        features = [
            self._regressor.features(images.to(synthesizer.device))
            for images in held.photographs.split(batch)
        ]
        self._reference = collect_statistics(features)
        self._fid = self._fid_measurement()

    def __call__(self) -> dict[str, float]:
        """Every measure by its name, the same in all processes; those without a value are left out.

        Of each factor the error in its unit, of the head's angles and the jaw the correlation, and
        those of `reports.RANKED`, where less is better: "control_error" is the mean over the
        factors of the error as a share of the difference between two people, "frechet_control" the
        Fréchet distance to the photographs of these faces in the regressor's features.
        """
        params, features = self._read_all()
        errors = factor_errors(self._factors, params, self._params)
        errors = {factor: errors[factor] for factor in self._usual}
        correlations = component_correlations(params, self._params)
        shares = [error / self._usual[factor] for factor, error in errors.items()]
        values = {
            "control_error": sum(shares) / len(shares) if shares else math.nan,
            "frechet_control": frechet_distance(collect_statistics([features]), self._reference),
        }
        values |= {error_name(factor): error for factor, error in errors.items()}
        values |= {f"{name}_correlation": correlations[name] for name in CORRELATIONS}
        if self._fid is not None:
            params, styles = self._fid.faces()
            mine = self._processes.share_of_rows(len(params))
            rows = torch.cat(list(self._fid.features(params[mine], styles[mine])))
            rows = self._processes.gather_rows(rows, len(params))
            values["fid"] = self._fid.distances([rows])["fid"]
        return {name: value for name, value in values.items() if math.isfinite(value)}

    def _read_all(self) -> tuple[FlameParams, Tensor]:
        """What is read off all faces, and the features: N rows each."""
        count = len(self._params)
        mine, styles = self._processes.share_of_rows(count), list(range(count))
        reading = read_faces(
            lambda params, styles: self._synthesizer(params, styles).clamped,
            self._regressor,
            self._params[mine],
            styles[mine],
            batch=self._batch,
        )
        vectors, features = (
            self._processes.gather_rows(rows, count)
            for rows in (reading.params.to_vector(), reading.features)
        )
        return FlameParams.from_vector(vectors), features

    def _fid_measurement(self) -> Measurement | None:
        """How FID is measured, where its weights are and photographs enough."""
        try:
            weights = inception_weights(None)
        except UserError:
            return None
        synthesizer = self._synthesizer
        network = inception(weights, synthesizer.device, published=False)
        photographs = Photographs(synthesizer.resources, synthesizer.config.resolution)
        if len(photographs) < network.minimum:
            return None
        reference = reference_statistics(
            photographs,
            network,
            folder=synthesizer.resources.paths.output_root / "statistics",
            batch=self._batch,
            device=synthesizer.device,
        )
        protocol = Protocol(f"fid-{FID_FACES}", count=FID_FACES)
        return Measurement(synthesizer, network, protocol, reference, batch=self._batch)
