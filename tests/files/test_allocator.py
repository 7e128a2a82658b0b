"""Whether freed memory stays with the process."""

import platform
import subprocess
import sys

import pytest

from constants import REPOSITORY

ALLOCATE_TWICE = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from my_utils.files.allocator import keep_freed_memory
keep_freed_memory()
block = b"x" * 2**26
del block
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
block = b"x" * 2**26
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_memory_that_was_freed_is_used_again_without_page_faults():
    command = [sys.executable, "-c", ALLOCATE_TWICE, str(REPOSITORY)]
    faults = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert faults < 100  # of 16384 pages
