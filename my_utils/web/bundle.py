"""The page's scripts, each bundled with what it imports into one text.

The runtime (onnxruntime-web), xz, zip and the bundler (esbuild) come from npm, by exact version and
checksum: javascript/package.json and its lock file.
"""

import json
import shutil
import subprocess
from pathlib import Path

from my_utils.errors import UserError

JAVASCRIPT = Path(__file__).with_name("javascript")
PACKAGES = JAVASCRIPT / "node_modules"
RUNTIMES = {  # onnxruntime-web's own names: on the CPU alone, and on the GPU where there is one
    "wasm": "ort-wasm-simd-threaded.wasm",
    "webgpu": "ort-wasm-simd-threaded.asyncify.wasm",
}


def require_node_packages() -> None:
    """UserError unless node is there and the packages are those of the lock file."""
    install = f"npm ci --ignore-scripts --prefix {JAVASCRIPT}"
    if shutil.which("node") is None:
        raise UserError(
            f"building a page needs node and npm (Debian: apt install nodejs npm), then `{install}`"
        )
    wanted = json.loads((JAVASCRIPT / "package-lock.json").read_text())["packages"]
    for name in (*wanted[""]["dependencies"], *wanted[""]["devDependencies"]):
        manifest = PACKAGES / name / "package.json"
        found = json.loads(manifest.read_text())["version"] if manifest.exists() else "none"
        expected = wanted[f"node_modules/{name}"]["version"]
        if found != expected:
            raise UserError(f"building a page needs {name} {expected}, found {found}: `{install}`")


def bundle(entry: str, *, runtime: str) -> str:
    """The text of javascript/`entry` with everything that it imports."""
    command = [
        *("node", str(PACKAGES / "esbuild" / "bin" / "esbuild"), entry),
        *("--bundle", "--minify", "--format=iife", "--target=es2022", "--log-level=error"),
        f"--alias:onnxruntime=onnxruntime-web/{runtime}",
    ]
    done = subprocess.run(command, cwd=JAVASCRIPT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{entry} could not be bundled:\n{done.stderr}")
    return done.stdout.replace("</script", r"<\/script")  # which would end its element


def runtime_bytes(runtime: str) -> bytes:
    """The compiled runtime."""
    return (PACKAGES / "onnxruntime-web" / "dist" / RUNTIMES[runtime]).read_bytes()
