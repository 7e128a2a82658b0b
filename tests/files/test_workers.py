"""Worker processes give their results, end with the main process, and never hang it."""

import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from my_utils.errors import UserError
from my_utils.files.workers import WorkerProcesses, ordered_map

ROOT = Path(__file__).resolve().parents[2]


def alive(process: int) -> bool:
    """Whether it runs; what waits to be collected by its parent does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(processes: list[int]) -> bool:
    for _ in range(100):
        if not any(map(alive, processes)):
            return True
        time.sleep(0.05)
    return False


def test_results_come_in_order_from_other_processes_which_end():
    with WorkerProcesses(2) as pool:
        assert list(ordered_map(pool, abs, range(-20, 0), ahead=4)) == list(range(20, 0, -1))
        workers = {pool.submit(os.getpid).result() for _ in range(8)}
        assert len(workers) == 2 and os.getpid() not in workers
    assert ends(list(workers))


def test_what_a_worker_raises_is_raised_here_and_the_worker_goes_on():
    with WorkerProcesses(1) as pool:
        worker = pool.submit(os.getpid).result()
        with pytest.raises(FileNotFoundError, match="not there"):
            pool.submit(os.stat, "not there").result()
        assert pool.submit(os.getpid).result() == worker


def test_workers_compute_in_one_thread():
    before = os.environ.get("OMP_NUM_THREADS")
    with WorkerProcesses(1) as pool:
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
    assert os.environ.get("OMP_NUM_THREADS") == before


def test_a_worker_that_is_killed_is_an_error():
    with WorkerProcesses(1) as pool:
        worker = pool.submit(os.getpid).result()
        for call in [(os.kill, worker, signal.SIGKILL), (os.getpid,)]:
            with pytest.raises(UserError, match="a worker process was killed"):
                pool.submit(*call).result(timeout=20)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_main_process_that_is_killed(number):
    code = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from my_utils.files.workers import WorkerProcesses
if __name__ == "__main__":
    with WorkerProcesses(2) as pool:
        waiting = [pool.submit(time.sleep, 0.2) for _ in range(2)]
        print(*{{pool.submit(os.getpid).result() for _ in range(8)}}, flush=True)
        time.sleep(60)
"""
    main = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert main.stdout is not None
    workers = [int(word) for word in main.stdout.readline().split()]
    assert workers
    main.send_signal(number)
    assert main.wait() == -number
    assert ends(workers)


ALLOCATE_TWICE = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from my_utils.files.workers import keep_freed_memory
keep_freed_memory()
block = b"x" * 2**26
del block
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
block = b"x" * 2**26
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_memory_that_was_freed_is_used_again_without_page_faults():
    command = [sys.executable, "-c", ALLOCATE_TWICE, str(ROOT)]
    faults = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert faults < 100  # of 16384 pages
