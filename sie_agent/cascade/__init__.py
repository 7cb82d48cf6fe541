"""Selective judging: who settles which pair, with a guarantee on what was settled."""

from sie_agent.cascade.agreement_test import agreement_p, growth, log_capital, more_queries, query_gains
from sie_agent.cascade.choosing import Chosen, LevelPairs, choose_threshold, path_of
from sie_agent.cascade.confidence import MEASURES, Answers, DecisionScale, Opinion, measure_named, opinion_of
from sie_agent.cascade.figures import SettledFigures, settled_figures
from sie_agent.cascade.levels import (
    ENSEMBLES,
    LEVEL_KINDS,
    PERSON,
    AgentLevel,
    CascadeSettings,
    JudgeLevel,
    Level,
    PersonLevel,
    ScorerLevel,
    levels_hash,
    load_levels,
)
from sie_agent.cascade.saved import LevelReading, cascade_file, load_cascade, reading_of

__all__ = [
    "ENSEMBLES",
    "LEVEL_KINDS",
    "MEASURES",
    "PERSON",
    "AgentLevel",
    "Answers",
    "CascadeSettings",
    "Chosen",
    "DecisionScale",
    "JudgeLevel",
    "Level",
    "LevelPairs",
    "LevelReading",
    "Opinion",
    "PersonLevel",
    "ScorerLevel",
    "SettledFigures",
    "agreement_p",
    "cascade_file",
    "choose_threshold",
    "growth",
    "levels_hash",
    "load_cascade",
    "load_levels",
    "log_capital",
    "measure_named",
    "more_queries",
    "opinion_of",
    "path_of",
    "query_gains",
    "reading_of",
    "settled_figures",
]
