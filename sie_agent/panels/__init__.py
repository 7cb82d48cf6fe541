"""Several judges as one: panels, how far their members' errors go together, and how many judges they are worth."""

from sie_agent.panels.combining import PANELS, PanelKind, PanelMembers, combined, panel_kind
from sie_agent.panels.correlation import answer_correlation, effective_judges, error_correlation, mean_correlation
from sie_agent.panels.weighing import member_weights

__all__ = [
    "PANELS",
    "PanelKind",
    "PanelMembers",
    "answer_correlation",
    "combined",
    "effective_judges",
    "error_correlation",
    "mean_correlation",
    "member_weights",
    "panel_kind",
]
