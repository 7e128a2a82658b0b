"""What a page carries to draw faces: worker, runtime, generator, head and settings, as text.

Each part is base64 around xz in a script element of its own that no browser runs, so any server and
any mail carries them.
"""

import base64
import lzma
from typing import Any, NamedTuple

from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.html import json_in_html
from my_utils.web.bundle import bundle, require_node_packages, runtime_bytes
from my_utils.web.head import pack_head
from my_utils.web.licence import head_terms
from my_utils.web.onnx_export import difference_from_torch, export_generator, require_packages
from my_utils.web.settings import page_settings
from my_utils.web.weights import WEIGHTS_FILE, part_weights, round_weights

XZ_PRESET = 9 | lzma.PRESET_EXTREME


class PackingErrors(NamedTuple):
    """What packing has changed, in the worst case."""

    generator: float  # levels of 255, mean over images of noise
    vertex: float  # metres, of a direction at one standard deviation
    texture: float  # levels of 255, likewise

    def __str__(self) -> str:
        return (
            f"packing moves a vertex by at most {1e6 * self.vertex:.1f} micrometres and a texel by "
            f"{self.texture:.2f} levels per standard deviation, and generated colours by "
            f"{self.generator:.2f} levels of 255 in the mean"
        )


class Payload(NamedTuple):
    """The elements of a page that draws faces."""

    html: str
    settings: dict[str, Any]  # which are in `html` too
    runtime: str  # wasm or webgpu, for the page's own script
    errors: PackingErrors


def drawing_payload(
    synthesizer: FaceSynthesizer,
    *,
    head_licence: str | None,
    attribution: str | None,
    webgpu: bool = False,
) -> Payload:
    """Pack a generator and its head.

    Raises:
        UserError: the head may not be passed on, something is not installed, or the generator is
            one that a page cannot hold.
    """
    is_demo = synthesizer.config.demo
    terms = head_terms(
        synthesizer.resources, is_demo=is_demo, licence=head_licence, attribution=attribution
    )
    require_packages()
    require_node_packages()
    if synthesizer.generator.style_table is not None:
        raise UserError("a page draws styles from seeds, and a released generator has a table")
    runtime = "webgpu" if webgpu else "wasm"
    model, _ = export_generator(synthesizer.generator, precision="float16")
    round_weights(model)
    difference = difference_from_torch(model.SerializeToString(), synthesizer.generator).mean()
    generator, head = part_weights(model), pack_head(synthesizer.renderer)
    settings = page_settings(synthesizer, terms=terms)
    settings |= {"weights_file": WEIGHTS_FILE, "webgpu": webgpu}
    parts = {
        "settings": json_in_html(settings),
        "worker": bundle("worker.js", runtime=runtime),
        "runtime": _packed(runtime_bytes(runtime)),
        "graph": _packed(generator.graph),
        "weights": _packed(generator.weights, halves=True),
        "head": _packed(head.data),
    }
    html = "\n".join(
        f'<script type="text/plain" id="{name}">{text}</script>' for name, text in parts.items()
    )
    errors = PackingErrors(127.5 * float(difference), head.vertex_error, head.texture_error)
    return Payload(html, settings, runtime, errors)


def _packed(data: bytes, *, halves: bool = False) -> str:
    """base64 around xz; halves: of numbers of two bytes, which compress better for knowing it."""
    positions = {"lp": 1, "pb": 1} if halves else {}
    chain = [{"id": lzma.FILTER_LZMA2, "preset": XZ_PRESET, **positions}]
    packed = lzma.compress(data, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=chain)
    return base64.b64encode(packed).decode()
