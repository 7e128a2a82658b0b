"""One HTML file that draws faces without a server: scripts, runtime, generator and head.

The page may reach nothing: its policy allows its own script and style, by their digests, and what
it makes itself (blob:). Its parts are base64 around xz, so any server and any mail carries them.
"""

import base64
import html
import lzma
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.atomic import atomic_path
from my_utils.files.html import element_digest, fill_template, json_in_html
from my_utils.web.bundle import JAVASCRIPT, bundle, require_node_packages, runtime_bytes
from my_utils.web.head import pack_head
from my_utils.web.licence import head_terms
from my_utils.web.onnx_export import difference_from_torch, export_generator, require_packages
from my_utils.web.settings import page_settings
from my_utils.web.weights import WEIGHTS_FILE, GeneratorParts, part_weights, round_weights

XZ_PRESET = 9 | lzma.PRESET_EXTREME


class WrittenPage(NamedTuple):
    """What packing has changed, in the worst case."""

    generator_error: float  # levels of 255, mean over images of noise
    vertex_error: float  # metres, of a direction at one standard deviation
    texture_error: float  # levels of 255, likewise

    def report(self) -> str:
        return (
            f"packing moves a vertex by at most {1e6 * self.vertex_error:.1f} micrometres and a "
            f"texel by {self.texture_error:.2f} levels per standard deviation, and generated "
            f"colours by {self.generator_error:.2f} levels of 255 in the mean"
        )


def write_page(
    path: Path,
    synthesizer: FaceSynthesizer,
    *,
    title: str,
    head_licence: str | None,
    attribution: str | None,
    webgpu: bool,
) -> WrittenPage:
    """Write the page of a generator and its head.

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
    model, _ = export_generator(synthesizer.generator, precision="float16")
    round_weights(model)
    difference = difference_from_torch(model.SerializeToString(), synthesizer.generator).mean()
    head = pack_head(synthesizer.renderer)
    settings = page_settings(synthesizer, title=title, terms=terms)
    page = build_page(part_weights(model), head.data, settings, webgpu=webgpu)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return WrittenPage(127.5 * float(difference), head.vertex_error, head.texture_error)


def build_page(
    parts: GeneratorParts,
    head: bytes,
    settings: Mapping[str, Any],
    *,
    webgpu: bool,
) -> str:
    """The whole page as text."""
    runtime = "webgpu" if webgpu else "wasm"
    settings = {**settings, "weights_file": WEIGHTS_FILE, "webgpu": webgpu}
    payload = {
        "settings": json_in_html(settings),
        "worker": bundle("worker.js", runtime=runtime),
        "runtime": _packed(runtime_bytes(runtime)),
        "graph": _packed(parts.graph),
        "weights": _packed(parts.weights, halves=True),
        "head": _packed(head),
    }
    scripts = {"script": bundle("page.js", runtime=runtime), "old_browser": _own("old_browser.js")}
    style = _own("page.css")
    texts = {name: html.escape(settings[name]) for name in ("title", "name", "terms")}
    blocks = [
        f'<script type="text/plain" id="{name}">{text}</script>' for name, text in payload.items()
    ]
    return fill_template(
        _own("page.html"),
        {
            "policy": _policy(scripts.values(), style),
            "payload": "\n".join(blocks),
            "style": style,
            **scripts,
            **texts,
        },
    )


def _policy(scripts: Iterable[str], style: str) -> str:
    """The Content-Security-Policy: nothing from elsewhere, and nothing to elsewhere."""
    script_digests = " ".join(map(element_digest, scripts))
    rules = [
        "default-src 'none'",
        f"script-src {script_digests} 'wasm-unsafe-eval'",
        f"style-src {element_digest(style)}",
        "worker-src blob:",
        "img-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(rules)


def _own(name: str) -> str:
    return (JAVASCRIPT / name).read_text(encoding="utf-8")


def _packed(data: bytes, *, halves: bool = False) -> str:
    """base64 around xz; halves: of numbers of two bytes, which compress better for knowing it."""
    positions = {"lp": 1, "pb": 1} if halves else {}
    chain = [{"id": lzma.FILTER_LZMA2, "preset": XZ_PRESET, **positions}]
    packed = lzma.compress(data, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=chain)
    return base64.b64encode(packed).decode()
