"""One HTML file that draws faces without a server, for anybody who opens it."""

import html
from collections.abc import Iterable
from pathlib import Path

from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.atomic import atomic_path
from my_utils.files.html import element_digest, fill_template
from my_utils.web.bundle import JAVASCRIPT, bundle
from my_utils.web.payload import PackingErrors, drawing_payload


def write_page(
    path: Path,
    synthesizer: FaceSynthesizer,
    *,
    title: str,
    head_licence: str | None,
    attribution: str | None,
    webgpu: bool = False,
) -> PackingErrors:
    """Write the page of a generator and its head.

    Raises:
        UserError: as `drawing_payload`.
    """
    payload = drawing_payload(
        synthesizer, head_licence=head_licence, attribution=attribution, webgpu=webgpu
    )
    script, old_browser = bundle("page.js", runtime=payload.runtime), own_text("old_browser.js")
    style = own_text("page.css") + own_text("sliders.css")
    texts = {"title": title, **{name: payload.settings[name] for name in ("name", "terms")}}
    page = fill_template(
        own_text("page.html"),
        {
            "policy": policy((script, old_browser), style),
            "payload": payload.html,
            "style": style,
            "script": script,
            "old_browser": old_browser,
            **{name: html.escape(text) for name, text in texts.items()},
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return payload.errors


def policy(
    scripts: Iterable[str],
    style: str,
    *,
    receiver: str = "'none'",  # the server that results are sent to
) -> str:
    """The Content-Security-Policy: nothing from elsewhere, and nothing to elsewhere.

    The page's own scripts and style are allowed by their digests, and what it makes itself (blob:).
    """
    rules = [
        "default-src 'none'",
        f"script-src {' '.join(map(element_digest, scripts))} 'wasm-unsafe-eval'",
        f"style-src {element_digest(style)}",
        f"connect-src {receiver}",
        "worker-src blob:",
        "img-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(rules)


def own_text(name: str) -> str:
    """A file of the folder javascript."""
    return (JAVASCRIPT / name).read_text(encoding="utf-8")
