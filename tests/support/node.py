"""Runs the page's JavaScript modules in node; where it or its packages are missing, skips."""

import json
import subprocess

import pytest

from my_utils.errors import UserError
from my_utils.web.bundle import JAVASCRIPT, require_node_packages


def needs_node_packages() -> None:
    try:
        require_node_packages()
    except UserError as error:
        pytest.skip(str(error))


def run_module(code: str, **inputs):
    """What the code gives to `answer`, with `inputs` by name; modules are imported as "./x.js"."""
    needs_node_packages()
    prelude = "import { readFileSync } from 'node:fs';\n"
    prelude += f"const {{ {', '.join(inputs)} }} = JSON.parse(readFileSync(0));\n" if inputs else ""
    prelude += "const answer = (value) => console.log(JSON.stringify(value));\n"
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", prelude + code],
        cwd=JAVASCRIPT,
        input=json.dumps(inputs),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
