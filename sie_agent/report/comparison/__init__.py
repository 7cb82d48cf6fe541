"""The page of a comparison of prompt variants: ``comparison.html``."""

from sie_agent.report.comparison.whole import PAGE, write_comparison_page

__all__ = ["PAGE", "write_comparison_page"]
