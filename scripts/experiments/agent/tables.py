"""The figures of the experiment as tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def ends(one: Mapping[str, float], places: int = 3, sign: str = "") -> str:
    """A value with its interval."""
    return f"{one['value']:{sign}.{places}f} [{number(one['low'], places)}, {number(one['high'], places)}]"


def number(value: float | None, places: int) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else f"{value:.{places}f}"


def points(one: Mapping[str, float]) -> str:
    """A difference in points."""
    return ends({key: 100 * (value or 0.0) for key, value in one.items()}, 1, "+")


def tables(found: Mapping[str, Any]) -> str:
    """All of them."""
    lines: list[str] = []
    for data, about in found["data"].items():
        lines += [
            "",
            f"**{data}**: {about['pairs']['test']:,} test pairs of {about['queries']['test']} queries; maps and cuts",
        ]
        lines[-1] += f" {about['modes']['gold']}; second judge {about['judge']}"
        for name, chain in [*about["chains"].items(), ("simulated", about["simulated"])]:
            lines += chain_table(name, chain)
        lines += tool_table(data, about["tools"])
    lines += ["", "| tool | left out, in points within queries | alone | on by default |", "|---|---|---|---|"]
    for tool, row in found["tools"].items():
        cells = [points(row[kind]) if kind in row else "–" for kind in ("without", "only")]
        lines.append(f"| {tool} | {' | '.join(cells)} | {'yes' if row['on'] else 'no'} |")
    return "\n".join(lines).strip()


def chain_table(name: str, chain: Mapping[str, Any]) -> list[str]:
    """Judges that answer every pair, then equal cost."""
    lines = [
        "",
        f"Behind {name}",
        "",
        "| every pair by | within queries | kappa | tokens | calls |",
        "|---|---|---|---|---|",
    ]
    for judge, one in chain["all"].items():
        cells = [judge, ends(one["within"]), ends(one["kappa"]), f"{one['tokens']:.0f}", f"{one['calls']:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    for mode in ("gold", "free"):
        curve = chain[mode]
        lines += ["", f"| {mode}: tokens | strategy | share | within queries | kappa |", "|---|---|---|---|---|"]
        for one in curve["points"]:
            cells = [
                f"{one['tokens']:.0f}",
                one["strategy"],
                f"{one['share']:.0%}",
                ends(one["within"]),
                ends(one["kappa"]),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", f"| {mode}: budget | at equal cost | within queries, points | kappa |", "|---|---|---|---|"]
        for one in curve["differences"]:
            cells = [f"{one['budget']:g}", f"{one['of']} less {one['less']}", points(one["within"]), ends(one["kappa"])]
            lines.append(f"| {' | '.join(cells)} |")
        lines += [
            "",
            f"| {mode}: half of the pairs by | in its place | within queries | real less it, points |",
            "|---|---|---|---|",
        ]
        for one in curve["controls"]:
            cells = [one["judge"], one["control"], ends(one["within"]), points(one["real_less"]["within"])]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def tool_table(data: str, rows: Mapping[str, Any]) -> list[str]:
    """A row for each configuration."""
    lines = ["", f"| {data}: configuration | pairs | less | within queries, points | kappa | tokens | more | found |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for name, one in rows.items():
        found = ", ".join(f"{tool} {share:.0%}" for tool, share in one["found"].items())
        cells = [name, f"{one['pairs']:,}", one["less"], points(one["difference"]["within"])]
        cells += [ends(one["difference"]["kappa"], 3, "+"), f"{one['tokens']:.0f}", f"{one['less_tokens']:+.0f}", found]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
