"""One page for all tests of it: the demo head, and a generator that was never trained."""

from pathlib import Path
from typing import NamedTuple

import pytest

from my_utils.faces.synthesizer import FaceSynthesizer
from tests.support.node import needs_node_packages


class BuiltPage(NamedTuple):
    path: Path
    synthesizer: FaceSynthesizer
    payload: object


@pytest.fixture(scope="session")
def page(resources, tmp_path_factory) -> BuiltPage:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="needs `pip install -r requirements-web.txt`")
    needs_node_packages()
    from my_utils.web import page as page_module
    from my_utils.web import payload

    (checkpoint,) = resources.rglob("generator-*.safetensors")
    synthesizer = FaceSynthesizer.from_checkpoint(checkpoint, resources=resources)
    path = tmp_path_factory.mktemp("page") / "face.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(payload, "XZ_PRESET", 0)  # the best takes ten times as long
        made = payload.drawing_payload(synthesizer, head_licence=None, attribution=None)
        patch.setattr(page_module, "drawing_payload", lambda *_, **__: made)
        page_module.write_page(
            path, synthesizer, title="A <face>", head_licence=None, attribution=None
        )
    return BuiltPage(path, synthesizer, made)
