"""Pages of one HTML file: templates, and the policy that lets a page run its own script alone."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping


def fill_template(template: str, parts: Mapping[str, str]) -> str:
    """The template with every {{name}} exchanged for its part, which goes in as it is."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def element_digest(content: str) -> str:
    """The source of a Content-Security-Policy that allows a script or style element.

    In the templates, the element's text begins with the line break after its tag.
    """
    digest = hashlib.sha256(f"\n{content}".encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def json_in_html(value: object) -> str:
    """JSON that ends no script element."""
    return json.dumps(value).replace("<", "\\u003c")
