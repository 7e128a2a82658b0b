"""A generator whose images onnxruntime computes, for the viewer on a CPU: one face takes less."""

import numpy as np
import torch
from torch import Tensor, nn

from model.generator import Generator
from my_utils.errors import UserError
from my_utils.web.onnx_export import export_generator, require_packages


class OnnxGenerator(Generator):
    """Takes the place of the generator that it is made of; its images have no gradient."""

    def __init__(self, generator: Generator) -> None:
        require_packages()
        if generator.mapping.mean_w.device.type != "cpu":
            raise UserError("--backend onnx is for the CPU: add --device cpu")
        import onnxruntime

        nn.Module.__init__(self)  # the parts are those of `generator`
        self.resolution, self.condition_kind = generator.resolution, generator.condition_kind
        self.mapping, self.synthesis = generator.mapping, generator.synthesis
        self.register_buffer("style_table", generator.style_table)
        model, _ = export_generator(generator, precision="float32")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def forward(
        self,
        z: Tensor,  # [N, z_dim]
        condition: Tensor,  # [N, C, R, R]; [N, 236] for the kind "vector"
        truncation_psi: float = 1.0,
    ) -> Tensor:  # [N, 3, R, R], unbounded
        inputs = {
            "z": z.numpy(),
            "condition": condition.contiguous().numpy(),
            "truncation_psi": np.array(truncation_psi, np.float32),
        }
        known = {given.name for given in self._session.get_inputs()}
        if "truncation_psi" not in known:
            self.mapping.truncate(z, truncation_psi)  # refuses, as torch's
        image = self._session.run(None, {name: inputs[name] for name in known})[0]
        return torch.from_numpy(image)
