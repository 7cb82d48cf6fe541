"""What target and weights do to the ranker: a picture beside simpler rivals, and what would change the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sie_agent.downstream import AUTO, BASELINES, CLEAN, SAME_RECIPE, queries_needed
from sie_agent.report import pick
from sie_agent.report.headline import own_row, unbeaten
from sie_agent.report.number_words import Ends, ends_of, is_gain, number, points, share
from sie_agent.report.read import RunFolder
from sie_agent.results import Agreement, Downstream, Measured

# judges that cost nothing, by kind, and what the picture calls them
SIMPLE = {
    "lexical": "word overlap as the judge",
    "positions": "the log's own positions as the judge",
    "random": "a judge that answers at random",
}
# a loss this many times the greatest gain would flatten everything else
FURTHEST_BELOW = 2.0
LEAST_SPAN = 0.01
# half of the last digit that is shown of a point
HAIR = 0.0005


@dataclass(frozen=True)
class GainBar:
    """One line of the picture; places are in percent of its width."""

    name: str
    points: str
    dot: float
    left: float
    width: float
    kind: str


@dataclass(frozen=True)
class Picture:
    """Gains over the log with intervals; *zero* is the place of the log, in percent. *summary* says it in words."""

    bars: list[GainBar]
    zero: float
    summary: str


def told_words(run: RunFolder) -> str:
    """What was tested, and what came out for the judge."""
    own, log = own_row(run), pick.log_within(run.agreement)
    if own is None or log is None or own.value is None:
        return (
            "Not tested: what training gains can be seen only on queries that people have graded. The run still has "
            "scores and weights."
        )
    told = (
        "A ranker was trained with the target and weights that this run would choose, and the same ranker on the log "
        f"as it is. On queries that it had not seen, the first puts {share(own.value)} of the pairs of a query in the "
        f"right order, the second {share(log)}"
    )
    value, low, high = ends_of(own.minus_log)
    if value is None:
        return f"{told}."
    if value == low == high == 0:
        return f"{told}. They are the same model: the rule found no reason to change the log, and left it."
    certain = "not a certain"
    if low is not None and high is not None and not low <= 0 <= high:
        # what is shown has one digit: an end that looks like zero is not to be called certain without a word
        certain = "only just a certain" if min(abs(low), abs(high)) < HAIR else "a certain"
    told += f": {points(own.minus_log)} points, {certain} difference."
    less = None if run.agreement.headline is None else run.agreement.headline.less_twin
    if less is None or less.value is None:
        return told
    some = "that much comes" if is_gain(less) else "it is not certain that any of it comes"
    control = "The gain less that of the same answers with the judge's knowledge removed"
    return f"{told} {control}: {points(less)}; {some} from what the judge knows."


def simple_judges(agreement: Agreement, judge: str | None) -> list[tuple[str, Downstream]]:
    """What `auto` reaches within queries with the judges that cost nothing, *judge* left out; and what they are."""
    names = {one.kind: one.judge for one in reversed(agreement.judges) if one.judge != judge}
    rows = pick.within_queries(agreement)
    found = [(told, rows.get((AUTO, names[kind], False))) for kind, told in SIMPLE.items() if kind in names]
    return [(told, row) for told, row in found if row is not None]


def picture_of(agreement: Agreement, judge: str | None) -> Picture | None:
    """Gains within queries of the main ranker: the judge, what is simpler, its control, and human grades."""
    rows = {key: row for key, row in pick.within_queries(agreement).items() if pick.has_gain(row)}
    own, clean = rows.get((AUTO, judge, False)), rows.get((CLEAN, None, False))
    twin = rows.get((SAME_RECIPE, judge, True), rows.get((AUTO, judge, True)))
    texts = [row for row in rows.values() if not row.judge and row.strategy not in BASELINES]
    best = max(texts, key=lambda row: row.value or 0.0, default=None)
    wanted: list[tuple[str, str, Downstream | None]] = [
        (f"with this judge: {judge}", "own", own),
        *((told, "", row) for told, row in simple_judges(agreement, judge)),
        (f"no training, text score {best.strategy}" if best else "", "", best),
        ("this judge with its knowledge removed, same recipe", "", twin),
        ("the grades as labels", "clean", clean),
    ]
    held = [(name, kind, row.minus_log) for name, kind, row in wanted if row is not None and pick.has_gain(row)]
    if not any(kind == "own" for _, kind, _ in held):
        return None
    low, high = span_of([ends_of(gain) for _, _, gain in held])

    def place(value: float) -> float:
        return round(100 * (min(max(value, low), high) - low) / (high - low), 2)

    bars = []
    for name, kind, gain in held:
        value, start, end = ends_of(gain)
        told = "the same as the log" if value == start == end == 0 else points(gain)
        value = value or 0.0
        left, right = place(value if start is None else start), place(value if end is None else end)
        bars.append(GainBar(name, told, place(value), left, round(right - left, 2), kind))
    told = "; ".join(f"{one.name} {one.points}" for one in bars)
    return Picture(bars, place(0.0), f"Points gained over the log as it is, with 95 % intervals: {told}.")


def span_of(gains: Sequence[Ends]) -> tuple[float, float]:
    """Ends of the picture: all gains, and losses as far as they leave the gains apart."""
    values = [end for gain in gains for end in gain if end is not None]
    top = max(LEAST_SPAN, *values)
    bottom = max(min(-LEAST_SPAN, *values), -FURTHEST_BELOW * top)
    margin = 0.04 * (top - bottom)
    return bottom - margin, top + margin


def change_words(run: RunFolder) -> list[str]:
    """What would change the verdict, with numbers where known; empty if it is "use"."""
    use = run.agreement.verdict.use
    if use == "use":
        return []
    if use == "unknown":
        return [run.agreement.verdict.text, "“What to do next” has a file with the queries to grade first."]
    better = better_judge(run) if use != "cannot tell" else ""
    found = [what_gains(run.agreement), more_queries(run.agreement, use), better, poorer_log(run.agreement)]
    return [sentence for sentence in found if sentence]


def what_gains(agreement: Agreement) -> str:
    """What certainly gains over the log at no cost; empty if nothing does."""
    for told, row in simple_judges(agreement, agreement.verdict.judge):
        if is_gain(row.minus_log):
            return f"Something else does gain here, and costs nothing: {told}, {points(row.minus_log)} points."
    return ""


def more_queries(agreement: Agreement, use: str) -> str:
    """How many graded queries would settle the question if differences stay as they are."""
    taught, rival = pick.taught(agreement), unbeaten(agreement.verdict)
    asked: Measured | None = next((one for one in agreement.verdict.against if one.rival == rival), None)
    what = f"that the judge is ahead of {rival}"
    if use == "cannot tell" and taught is not None:
        asked, what = taught.clean_minus_text, "that labels matter here at all"
    elif use == "log loses nothing" and taught is not None:
        asked, what = taught.clean_minus_log, "that this log loses something"
    if asked is None or asked.value is None or asked.ci_low is None:
        return ""
    there = agreement.n_test_queries
    needed = queries_needed(asked.value, asked.ci_low, there)
    if needed is None or needed <= there:
        return f"More graded queries would help only if the difference grew: on these {there:,} it is not above zero."
    return f"More graded queries: about {needed:,} would show {what}, if the difference stays; there are {there:,}."


def better_judge(run: RunFolder) -> str:
    """How good a judge would have to be to have something to teach."""
    quality = pick.judge_quality(run.agreement, pick.primary_judge(run))
    log = pick.log_within(run.agreement)
    if quality is None or quality.within is None or log is None:
        return ""
    compared = (
        f"this one puts {share(quality.within)} of the pairs of a query in the right order, the ranker that learns "
        f"from the log alone {share(log)}"
    )
    if quality.within < log:
        gap = number(100 * (log - quality.within), 1)
        poorer = "A judge that knows less than the ranker can teach it little."
        return f"A better judge, by {gap} points or more: {compared}. {poorer}"
    advice = "Compare judges and prompts with sie compare-prompts before you pay for a whole log."
    return f"A better judge: {compared}. {advice}"


def poorer_log(agreement: Agreement) -> str:
    """What the log leaves to gain."""
    taught = pick.taught(agreement)
    if taught is None or taught.clean_minus_log is None:
        return ""
    return (
        f"A poorer log: grades in place of its labels gain {points(taught.clean_minus_log)} points here, which is "
        "about the most to be had. A log with fewer clicks or more wrong labels leaves more to gain."
    )
