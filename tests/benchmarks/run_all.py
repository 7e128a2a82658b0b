"""Every benchmark of this folder in turn, each in a process of its own.

    python tests/benchmarks/run_all.py
    python tests/benchmarks/run_all.py --json numbers.jsonl

Each prints its table, and those that time alternatives side by side append it to the file too.
"""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NO_BENCHMARKS = {"timing.py", "run_all.py"}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="also append the numbers to this file")
    args = parser.parse_args()
    scripts = sorted(path for path in FOLDER.glob("*.py") if path.name not in NO_BENCHMARKS)
    failed = []
    for script in scripts:
        command = [sys.executable, str(script)]
        if args.json and "add_timing_options" in script.read_text():
            command += ["--json", str(args.json)]
        print(f"\n$ {shlex.join(command)}", flush=True)
        if subprocess.run(command).returncode:
            failed.append(script.name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
