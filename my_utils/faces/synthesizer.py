"""From parameters and styles to faces: the one path that grids, plots, measures and studies use."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from constants import DEMO_GENERATOR, RENDER_SIZE, demo_root, resources_root
from model.camera import center_head, keep_framing
from model.condition import build_condition, shrink
from model.flame import FlameParams
from model.generator import Generator, SynthesisNetwork
from model.renderer import FaceRenderer, Rendering
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.faces.sampling import mean_face
from my_utils.runs.config import RunConfig
from my_utils.runs.generators import load_generator
from my_utils.runs.networks import network_to_device, to_device
from my_utils.runs.person import OWN_STYLE, Person

MESH_ALBEDO = 180.0  # of 255, grey
MESH_LIGHT = [1.2, 0, 0, 0.65, 0, 0, 0, 0, 0]  # harmonics: ambient, and along z from the viewer


@dataclass(frozen=True)
class Faces:
    """Generated photographs and the renderings they were conditioned on."""

    image: Tensor  # [N, 3, R, R] as the generator gives it: a little beyond [-1, 1] in places
    render: Tensor  # [N, 3, S, S] in [-1, 1], textured rendering
    normal_map: Tensor  # [N, 3, S, S] in [-1, 1]
    mask: Tensor  # [N, 1, S, S] in {0, 1}, where the mesh is
    params: FlameParams  # N rows

    @property
    def clamped(self) -> Tensor:
        """The photographs in [-1, 1], as a picture file holds them: [N, 3, R, R]."""
        return self.image.clamp(-1, 1)


class FaceSynthesizer:
    """Draws faces for FlameParams with one generator and the head model it was trained on."""

    def __init__(
        self,
        generator: Generator,
        renderer: FaceRenderer,
        config: RunConfig,
        resources: Resources,
        *,
        file: Path | None = None,  # of the generator
        nimg: int = 0,  # images that the generator has seen in training
        person: Person | None = None,  # whom it draws in the style OWN_STYLE
    ) -> None:
        self.generator = generator
        self.renderer = renderer
        self.config = config
        self.resources = resources
        self.file, self.nimg, self.person = file, nimg, person
        shipped = file is not None and file.resolve() == DEMO_GENERATOR
        # Folder of its pictures below output_files/sample; an experiment may have a name.
        parent = "" if file is None else file.resolve().parent.name
        named = parent.startswith(f"{config.run_id}-")
        self.label = "demo" if shipped else parent if named else str(config.run_id)
        self.name = "demo" if shipped else f"run {self.label}"  # in figures
        if person is not None and file is not None:
            self.name = self.label = parent

    @staticmethod
    def from_checkpoint(
        path: Path,
        *,
        resources: Path | None = None,
        device: str | torch.device = "cpu",
        run_id: int | None = None,
    ) -> "FaceSynthesizer":
        """Load a generator and the head model its configuration names.

        Args:
            path: An exported generator, a person, a training state or a released checkpoint.
            resources: Folder of the head model; by default the demo's for a generator of the
                demo, else the resources root.
            run_id: Of a released checkpoint whose folder does not tell it.
        """
        device = torch.device(device)
        loaded = load_generator(path, run_id=run_id)
        config = loaded.config
        folder = Resources(resources or (demo_root if config.demo else resources_root))
        renderer = folder.face_renderer(config.render_size)
        if loaded.person:
            loaded.person.check_head(renderer.flame, path)
        return FaceSynthesizer(
            network_to_device(loaded.generator, config, device),
            renderer.to(device),
            config,
            folder,
            file=Path(path),
            nimg=loaded.nimg,
            person=loaded.person,
        )

    @property
    def device(self) -> torch.device:
        return self.generator.mapping.mean_w.device

    @property
    def style_count(self) -> int:
        """Style ids to choose from at random: one per training image."""
        table = self.generator.style_table
        return len(self.resources.parameters.ids) if table is None else len(table)

    def dataset_params(self) -> FlameParams:
        """The faces of the data set, on the CPU."""
        return FlameParams.from_vector(torch.from_numpy(self.resources.parameters.vectors))

    @property
    def default_style(self) -> int:
        """The style that is drawn where nobody asks for another."""
        return OWN_STYLE if self.person else 0

    def default_face(self) -> FlameParams:
        """The face that figures start from, one row: the person's, or the data set's mean one."""
        return self.person.params if self.person else self.framed(mean_face(self.dataset_params()))

    @torch.no_grad()
    def grey_mesh(
        self,
        params: FlameParams,  # N rows
    ) -> Rendering:
        """The bare meshes in grey, lit from the front whatever the light of the faces."""
        renderer, params = self.renderer, params.to(self.device)
        light = torch.tensor(MESH_LIGHT)[None, :, None].expand(len(params), -1, 3)
        albedo = torch.full((1, 3, RENDER_SIZE, RENDER_SIZE), MESH_ALBEDO)
        vertices = renderer.flame(params)
        light, albedo = light.to(params.camera), albedo.to(params.camera)
        return renderer.mesh_renderer(vertices, params.camera, light, albedo)

    def framed(self, params: FlameParams) -> FlameParams:
        """These faces as large and where FFHQ crops have them, or the person's photograph."""
        flame = self.renderer.flame
        if self.person:
            return keep_framing(params, self.person.params, flame)
        return center_head(params, flame)

    def outdir(self, chosen: Path | None, name: str) -> Path:
        """Where a script's pictures go: the folder chosen, or `name` below the run's samples."""
        return chosen or self.resources.paths.output_root / "sample" / self.label / name

    def note(self, params: FlameParams | None = None) -> str:
        """What a file of these faces, or a film, says about itself: only a person's says anything.

        That is the digest of the generator before tuning, and the parameters.
        """
        if not self.person:
            return ""
        facts: dict[str, object] = {"generator": self.person.tuned_from}
        if params is not None:
            facts["parameters"] = params.to("cpu").to_vector().double().numpy().round(5).tolist()
        return json.dumps(facts)

    @torch.no_grad()
    def __call__(
        self,
        params: FlameParams,  # N rows
        seeds: Sequence[int] | None = None,  # N style seeds
        *,
        z: Tensor | None = None,  # [N, z_dim], instead of seeds
        truncation_psi: float = 1.0,
        neck: Tensor | None = None,  # [N, 3] axis-angle in radians; at rest where not given
        eyes: Tensor | None = None,  # [N, 6] likewise
    ) -> Faces:
        """Render and generate one batch. The style of a seed is the same in any batch."""
        if (seeds is None) == (z is None):
            raise ValueError("give the styles either as seeds or as z")
        params = params.to(self.device)
        rendering = self.renderer(params, neck=neck, eyes=eyes)
        condition = self.condition(rendering, params)
        if z is not None:
            image = self.generator(z.to(self.device), condition, truncation_psi=truncation_psi)
        else:
            assert seeds is not None
            image = self._in_styles(seeds, condition, truncation_psi)
        return Faces(
            image=image,
            render=rendering.image,
            normal_map=rendering.normal_map,
            mask=rendering.mask,
            params=params,
        )

    def condition(self, rendering: Rendering, params: FlameParams) -> Tensor:
        """What the generator is shown of these faces."""
        condition = build_condition(
            self.config.condition,
            render=shrink(rendering.image, self.config.resolution),
            normal_map=shrink(rendering.normal_map, self.config.resolution),
            params_vector=params.to_vector(),
        )
        return to_device(condition, self.config, self.device)

    def _in_styles(self, seeds: Sequence[int], condition: Tensor, truncation_psi: float) -> Tensor:
        self.check_styles(seeds)
        own = torch.tensor([seed == OWN_STYLE for seed in seeds], device=self.device)
        image = condition.new_empty(len(seeds), 3, *[self.config.resolution] * 2)
        if own.any():
            assert self.person is not None  # as check_styles has made sure
            style = self.person.style.to(self.device).expand(int(own.sum()), -1, -1)
            w = self.generator.mapping.truncate(style, truncation_psi)
            image[own] = self._own_synthesis(w, condition[own])
        if not own.all():
            z = self.generator.styles([seed for seed in seeds if seed != OWN_STYLE])
            others = self.generator(
                z.to(self.device), condition[~own], truncation_psi=truncation_psi
            )
            image[~own] = others
        return image

    @cached_property
    def _own_synthesis(self) -> SynthesisNetwork:
        assert self.person is not None
        return self.person.synthesis(self.generator)

    def check_styles(self, seeds: Sequence[int]) -> None:
        """UserError where the generator has no such style."""
        if OWN_STYLE in seeds and self.person is None:
            raise UserError(
                "these faces are drawn in the style of a person's photograph, which this generator "
                "does not know: pass the person's file with --ckpt, or another style"
            )
        table = self.generator.style_table
        if table is not None and max(seeds) >= len(table):
            raise UserError(
                f"style {max(seeds)} does not exist: this released generator has the styles 0 to "
                f"{len(table) - 1}"
            )

    def batches(
        self,
        params: FlameParams,  # N rows
        seeds: Sequence[int],
        *,
        batch: int,
        truncation_psi: float = 1.0,
    ) -> Iterator[Faces]:
        """The same, a few faces at a time."""
        for start in range(0, len(params), batch):
            rows = slice(start, start + batch)
            yield self(params[rows], seeds[rows], truncation_psi=truncation_psi)
