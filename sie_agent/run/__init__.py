"""A whole run: the suite, its draws, its files, its manifest."""

from sie_agent.run.draw_judges import mean_rank
from sie_agent.run.inputs import READERS
from sie_agent.run.manifest import Manifest, command_line, library_versions, write_json, write_text
from sie_agent.run.mixture import Mixture
from sie_agent.run.suite import Suite, dump_suite, load_distil_settings, load_suite
from sie_agent.run.suite_run import evaluate_run, run_suite

__all__ = [
    "READERS",
    "Manifest",
    "Mixture",
    "Suite",
    "command_line",
    "dump_suite",
    "evaluate_run",
    "library_versions",
    "load_distil_settings",
    "load_suite",
    "mean_rank",
    "run_suite",
    "write_json",
    "write_text",
]
