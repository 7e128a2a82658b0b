"""Ctrl-C and SIGTERM: at once, or between two steps."""

import os
import signal
import time

import pytest

from my_utils.signals import Stopped, StopRequest, interrupt_blocked, stopping_at_once


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


def test_an_interrupt_is_blocked_for_processes_started_meanwhile():
    with interrupt_blocked():
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
