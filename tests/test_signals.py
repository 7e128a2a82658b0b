"""Ctrl-C and SIGTERM: at once, or between two steps."""

import os
import signal
import subprocess
import sys
import time

import pytest

from my_utils.signals import Stopped, StopRequest, stopping_at_once
from tests.support.script_runs import ROOT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_script_stops_where_it_is(number):
    previous = signal.getsignal(number)
    with pytest.raises(Stopped) as stopped, stopping_at_once():
        os.kill(os.getpid(), number)
        time.sleep(60)
    assert (stopped.value.status, stopped.value.name) == (128 + number, number.name)
    assert signal.getsignal(number) is previous


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_request_notes_a_signal_and_restores_the_handler(number):
    previous = signal.getsignal(number)
    with StopRequest() as stop:
        assert stop.signal is None
        os.kill(os.getpid(), number)
        assert stop.signal == number
    assert signal.getsignal(number) is previous
    with pytest.raises(Stopped, match=str(int(number))):
        stop.answer()
    StopRequest().answer()


@pytest.mark.parametrize("early", [True, False])
def test_a_request_is_answered_at_once_where_nothing_can_be_lost(early):
    with StopRequest() as stop:
        if early:
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stopped), stop.at_once():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)


def test_second_interrupt_stops_at_once():
    with StopRequest(), pytest.raises(Stopped):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_blocked_interrupt_comes_afterwards():
    """In a process of its own, of one thread: another would take the signal at once."""
    code = """
import os, signal, time
from my_utils.signals import Stopped, interrupt_blocked, stopping_at_once
from tests.support.script_runs import ROOT
try:
    with stopping_at_once():
        with interrupt_blocked():
            os.kill(os.getpid(), signal.SIGINT)
            print("reached", end=" ")
        time.sleep(60)
except Stopped:
    print("stopped", end="")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "reached stopped", done.stderr
