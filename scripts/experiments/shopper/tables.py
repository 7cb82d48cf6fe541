"""The figures of the shopper as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def share(figure: Mapping[str, float]) -> str:
    """A mean with its interval."""
    return f"{figure['value']:.3f} [{figure['ci_low']:.3f}, {figure['ci_high']:.3f}]"


def points(figure: Mapping[str, float] | None) -> str:
    """A difference in points with its interval."""
    if figure is None:
        return "–"
    return f"{100 * figure['value']:+.1f} [{100 * figure['ci_low']:+.1f}, {100 * figure['ci_high']:+.1f}]"


def table(rows: Iterable[Mapping[str, Any]], head: str, rivals: Mapping[str, str]) -> list[str]:
    """One table: accuracy, NDCG, and the accuracy less that of each rival, by its title."""
    lines = [f"| {head} | within shopper | NDCG@8 | {' | '.join(rivals)} |"]
    lines.append(f"|---|---|---|{'---|' * len(rivals)}")
    for row in rows:
        differences = [points(row.get(f"within less {rival.format(way=row['way'])}")) for rival in rivals.values()]
        lines.append(f"| {' | '.join([row['way'], share(row['within']), share(row['ndcg']), *differences])} |")
    return [*lines, ""]


def tables(found: Mapping[str, Any]) -> str:
    """All tables."""
    draws = ", ".join(map(str, found["draws"]))
    lines = [
        f"{found['test_shoppers']:,} test shoppers, {found['log_shoppers']:,} of the log, draws {draws}; differences "
        "in points; 95 % over shoppers and draws\n"
    ]
    against = {
        "less popularity": "popularity",
        "less bought together": "bought together",
        "less no shopper": "scorer of minilm (no shopper)",
        "less twin": "judge: minilm's twin",
    }
    lines += table(found["orderings"], "items ordered by", against)
    own = {"less the log": "log", "less its twin": "{way}'s twin", "less random weights": "random weights"}
    for name in ("purchases", "clicks"):
        lines += table(found[name], f"two towers, {name}, weighed by", own)
    if (asked := found.get("asked")) is not None:
        lines += [f"| {asked['shoppers']} shoppers, asked by `sie label` | within shopper | less bought together |"]
        lines += ["|---|---|---|"]
        for row in asked["rows"]:
            rival = None if row["way"] == "bought together" else row["within less bought together"]
            lines.append(f"| {row['way']} | {share(row['within'])} | {points(rival)} |")
    return "\n".join(lines)
