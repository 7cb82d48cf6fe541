"""The agent for hard cases: it looks things up, asks again with the evidence, or hands over."""

from sie_agent.agent.cases import TRACE_COLUMNS
from sie_agent.agent.plan import planned_questions
from sie_agent.agent.run import AgentResult, judge_hard_cases
from sie_agent.agent.settings import AgentSettings
from sie_agent.agent.tools import DEFAULT_TOOLS, TOOLS

__all__ = [
    "DEFAULT_TOOLS",
    "TOOLS",
    "TRACE_COLUMNS",
    "AgentResult",
    "AgentSettings",
    "judge_hard_cases",
    "planned_questions",
]
