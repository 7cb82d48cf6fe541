"""A whole run: the suite, its draws, its files, its manifest."""

from sie_agent.suite.draw.double_judging import DoubleJudging
from sie_agent.suite.inputs import READERS
from sie_agent.suite.run import evaluate_run, run_suite
from sie_agent.suite.settings import Suite, load_distill_settings, load_suite

__all__ = [
    "READERS",
    "DoubleJudging",
    "Suite",
    "evaluate_run",
    "load_distill_settings",
    "load_suite",
    "run_suite",
]
