"""Sample importance for e-commerce search and recommendation, estimated with a language model.

Every verb of the command line is a function here: ``sie_agent.label``, ``calibrate``, ``distill``, ``score``,
``select``, ``weights``, ``behaviour``, ``rank``, ``explain``, ``attribute``, ``run_suite``, ``evaluate_run``,
``compare_prompts``,
``improve_prompt``, ``benchmark``, ``push_scorer``, ``push_labels``, ``prompts_list`` and its kin, ``serve``, ``init``,
``doctor``.
``select``, ``weights``, ``rank``, ``explain``, ``attribute``, ``run_suite``, ``evaluate_run``, ``compare_prompts``,
``improve_prompt``, ``benchmark``, ``push_scorer``, ``push_labels``, ``prompts_list`` and its kin, ``serve``, ``init``,
``doctor``, ``run_campaign``.
Every verb of the command line is a function here: ``sie_agent.label``, ``run_agent``, ``calibrate``,
``calibrate_cascade``, ``distill``, ``score``, ``select``, ``weights``, ``rank``, ``explain``, ``attribute``,
``run_suite``, ``evaluate_run``, ``compare_prompts``, ``improve_prompt``, ``benchmark``, ``run_campaign``,
``push_scorer``, ``push_labels``, ``prompts_list`` and its kin, ``serve``, ``init``, ``doctor``.
Names are loaded when they are first used, so that ``import sie_agent`` is quick.
"""

from __future__ import annotations

from sie_agent.version import __version__

# in place of the one in typing, whose import takes longer than all of this
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from sie_agent.commands.adjust import adjust
    from sie_agent.commands.agent import run_agent
    from sie_agent.commands.attribute import attribute
    from sie_agent.commands.behaviour import behaviour
    from sie_agent.commands.benchmark import benchmark
    from sie_agent.commands.cache import cache_export, cache_prune, cache_stats
    from sie_agent.commands.calibrate import calibrate
    from sie_agent.commands.calibrate_cascade import calibrate_cascade
    from sie_agent.commands.campaign import run_campaign
    from sie_agent.commands.compare_prompts import compare_prompts
    from sie_agent.commands.distill import distill
    from sie_agent.commands.doctor import doctor
    from sie_agent.commands.explain import explain
    from sie_agent.commands.improve_prompt import improve_prompt
    from sie_agent.commands.init import init
    from sie_agent.commands.judges import Judge
    from sie_agent.commands.label import label, plan
    from sie_agent.commands.load import load_samples
    from sie_agent.commands.mcp import mcp
    from sie_agent.commands.prompts import (
        prompts_check,
        prompts_diff,
        prompts_list,
        prompts_new,
        prompts_render,
        prompts_show,
    )
    from sie_agent.commands.push import push_labels, push_scorer
    from sie_agent.commands.rank import rank
    from sie_agent.commands.run import evaluate_run, run_suite
    from sie_agent.commands.score import score
    from sie_agent.commands.select import select
    from sie_agent.commands.serve import serve
    from sie_agent.commands.weights import weights
    from sie_agent.drift import AdjustmentSettings
    from sie_agent.errors import EnvironmentFailure, InputError, MissingExtraError, SieError
    from sie_agent.features import TextFeatures
    from sie_agent.judging import (
        Backend,
        EndpointList,
        JudgmentCache,
        PricePart,
        Session,
        Variant,
        judge,
        list_variants,
        load_endpoints,
        load_variant,
        make_backend,
        with_history_titles,
    )
    from sie_agent.labels import StudentSettings
    from sie_agent.samples import ColumnMap, EventsMap, InvalidRows, rows_policy
    from sie_agent.scorer import (
        Explanation,
        Scorer,
        ScorerSession,
        WeightExplanation,
        distill_scorer,
        explain_rows,
        explain_weights,
        load_scorer,
        save_scorer,
    )
    from sie_agent.scorer.estimator import ImportanceScorer
    from sie_agent.selection import Recipe, select_rows, weigh_rows
    from sie_agent.serving import Limits
    from sie_agent.shoppers import ShopEvents, behaviour_features, generate_events
    from sie_agent.suite import Suite, load_suite

__all__ = [
    "AdjustmentSettings",
    "Backend",
    "ColumnMap",
    "EndpointList",
    "EnvironmentFailure",
    "EventsMap",
    "Explanation",
    "ImportanceScorer",
    "InputError",
    "InvalidRows",
    "Judge",
    "JudgmentCache",
    "Limits",
    "MissingExtraError",
    "PricePart",
    "Recipe",
    "Scorer",
    "ScorerSession",
    "Session",
    "ShopEvents",
    "SieError",
    "StudentSettings",
    "Suite",
    "TextFeatures",
    "Variant",
    "WeightExplanation",
    "__version__",
    "adjust",
    "attribute",
    "behaviour",
    "behaviour_features",
    "benchmark",
    "cache_export",
    "cache_prune",
    "cache_stats",
    "calibrate",
    "calibrate_cascade",
    "compare_prompts",
    "distill",
    "distill_scorer",
    "doctor",
    "evaluate_run",
    "explain",
    "explain_rows",
    "explain_weights",
    "generate_events",
    "improve_prompt",
    "init",
    "judge",
    "label",
    "list_variants",
    "load_endpoints",
    "load_samples",
    "load_scorer",
    "load_suite",
    "load_variant",
    "make_backend",
    "mcp",
    "plan",
    "prompts_check",
    "prompts_diff",
    "prompts_list",
    "prompts_new",
    "prompts_render",
    "prompts_show",
    "push_labels",
    "push_scorer",
    "rank",
    "rows_policy",
    "run_agent",
    "run_campaign",
    "run_suite",
    "save_scorer",
    "score",
    "select",
    "select_rows",
    "serve",
    "weigh_rows",
    "weights",
    "with_history_titles",
]

_HOMES = {
    "sie_agent.errors": ("EnvironmentFailure", "InputError", "MissingExtraError", "SieError"),
    "sie_agent.judging": (
        "Backend",
        "EndpointList",
        "JudgmentCache",
        "PricePart",
        "Session",
        "Variant",
        "judge",
        "list_variants",
        "load_endpoints",
        "load_variant",
        "make_backend",
        "with_history_titles",
    ),
    "sie_agent.labels": ("StudentSettings",),
    "sie_agent.suite": ("Suite", "load_suite"),
    "sie_agent.features": ("TextFeatures",),
    "sie_agent.samples": ("ColumnMap", "EventsMap", "InvalidRows", "rows_policy"),
    "sie_agent.shoppers": ("ShopEvents", "behaviour_features", "generate_events"),
    "sie_agent.scorer": (
        "Explanation",
        "Scorer",
        "ScorerSession",
        "WeightExplanation",
        "distill_scorer",
        "explain_rows",
        "explain_weights",
        "load_scorer",
        "save_scorer",
    ),
    "sie_agent.selection": ("Recipe", "select_rows", "weigh_rows"),
    "sie_agent.scorer.estimator": ("ImportanceScorer",),
    "sie_agent.commands.serve": ("serve",),
    "sie_agent.drift": ("AdjustmentSettings",),
    "sie_agent.serving": ("Limits",),
    "sie_agent.commands.agent": ("run_agent",),
    "sie_agent.commands.adjust": ("adjust",),
    "sie_agent.commands.attribute": ("attribute",),
    "sie_agent.commands.behaviour": ("behaviour",),
    "sie_agent.commands.benchmark": ("benchmark",),
    "sie_agent.commands.cache": ("cache_export", "cache_prune", "cache_stats"),
    "sie_agent.commands.calibrate": ("calibrate",),
    "sie_agent.commands.campaign": ("run_campaign",),
    "sie_agent.commands.calibrate_cascade": ("calibrate_cascade",),
    "sie_agent.commands.compare_prompts": ("compare_prompts",),
    "sie_agent.commands.distill": ("distill",),
    "sie_agent.commands.doctor": ("doctor",),
    "sie_agent.commands.explain": ("explain",),
    "sie_agent.commands.improve_prompt": ("improve_prompt",),
    "sie_agent.commands.init": ("init",),
    "sie_agent.commands.judges": ("Judge",),
    "sie_agent.commands.label": ("label", "plan"),
    "sie_agent.commands.load": ("load_samples",),
    "sie_agent.commands.mcp": ("mcp",),
    "sie_agent.commands.prompts": (
        "prompts_check",
        "prompts_diff",
        "prompts_list",
        "prompts_new",
        "prompts_render",
        "prompts_show",
    ),
    "sie_agent.commands.push": ("push_labels", "push_scorer"),
    "sie_agent.commands.rank": ("rank",),
    "sie_agent.commands.run": ("evaluate_run", "run_suite"),
    "sie_agent.commands.score": ("score",),
    "sie_agent.commands.select": ("select",),
    "sie_agent.commands.weights": ("weights",),
}
# names of earlier versions
_RENAMED = {"distil": "distill", "distil_scorer": "distill_scorer"}
_FUNCTION = type(lambda: None)
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name where it is first asked for."""
    name = _RENAMED.get(name, name)
    if name not in _HOME_OF:
        raise AttributeError(f"module 'sie_agent' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(_HOME_OF[name]), name)
    if type(value) is _FUNCTION:
        from sie_agent.utils.signatures import checked

        # in this module it is public, and by this name others find it again
        value = checked(value)
        value.__module__ = __name__
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, also those that are not loaded yet."""
    return sorted(__all__)
