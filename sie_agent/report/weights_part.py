"""What target and weights do to the ranker: a picture beside simpler rivals, and what would change the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sie_agent.downstream import AUTO, BASELINES, CLEAN, SAME_RECIPE, WITHIN, queries_needed
from sie_agent.report import bench_words, pick, words
from sie_agent.report.headline import own_row, unbeaten
from sie_agent.report.read import RunFolder
from sie_agent.results import Agreement, Downstream, Measured

# judges that cost nothing, by kind, and what the picture calls them
SIMPLE = {
    "lexical": "word overlap as the judge",
    "positions": "the places in the list as the judge",
    "random": "a judge that guesses",
}
# a loss this many times the greatest gain would flatten everything else
FURTHEST_BELOW = 2.0
LEAST_SPAN = 0.01
# half of the last digit that is shown of a point
HAIR = 0.0005


@dataclass(frozen=True)
class Bar:
    """One line of the picture: places in percent of its width, None where that end is not known."""

    name: str
    points: str
    dot: float
    left: float
    width: float
    kind: str


@dataclass(frozen=True)
class Picture:
    """Gains over the log with intervals; *zero* is the place of the log, in percent. *summary* says it in words."""

    bars: list[Bar]
    zero: float
    summary: str


@dataclass(frozen=True)
class Weights:
    """All that the page says of the weights."""

    told: str
    picture: Picture | None
    change: list[str]


def weights_of(run: RunFolder, use: str) -> Weights:
    """The part about the weights; *use* is the verdict."""
    return Weights(told_words(run), picture_of(run.agreement, pick.primary_judge(run)), change_words(run, use))


def told_words(run: RunFolder) -> str:
    """What was tested, and what came out for the judge."""
    own, log = own_row(run), pick.log_within(run.agreement)
    if own is None or log is None or own.value is None:
        return (
            "Not tested: what training gains can be seen only on queries that people have graded. The scores and "
            "weights are there all the same."
        )
    gain = own.minus_log
    told = (
        "A ranker was trained with the target and weights that this run would choose, and the same ranker on the log "
        f"as it is. On queries that it had not seen, the first puts {bench_words.share(own.value, None, None)} of the "
        f"pairs of a query in the right order, the second {bench_words.share(log, None, None)}"
    )
    if gain is None or gain.value is None:
        return f"{told}."
    if gain.value == 0 and gain.ci_low == gain.ci_high == 0:
        return f"{told}. They are the same model: the rule found no reason to change the log, and left it."
    sure = gain.ci_low is not None and gain.ci_high is not None and not gain.ci_low <= 0 <= gain.ci_high
    # what is shown has one digit: an end that looks like zero is not to be called certain without a word
    hair = sure and min(abs(gain.ci_low or 0.0), abs(gain.ci_high or 0.0)) < HAIR
    certain = "only just a certain" if hair else "a certain" if sure else "not a certain"
    found = f"{told}: {bench_words.points(gain)} points, {certain} difference."
    return f"{found} {twin_words(run.agreement)}".strip()


def twin_words(agreement: Agreement) -> str:
    """How much of the gain comes from what the judge knows."""
    less = None if agreement.headline is None else agreement.headline.less_twin
    if less is None or less.value is None:
        return ""
    if less.ci_low is not None and less.ci_low > 0:
        said = "that much comes from what the judge knows"
    else:
        said = "it is not certain that any of it comes from what the judge knows"
    control = "The gain less that of the same answers with the judge's knowledge removed"
    return f"{control}: {bench_words.points(less)}; {said}."


def picture_of(agreement: Agreement, judge: str | None) -> Picture | None:
    """Gains within queries of the main ranker: the judge, what is simpler, its control, and human grades."""
    rows = {
        (row.strategy, row.judge, row.twin): row
        for row in pick.of_main_ranker(agreement)
        if row.metric == WITHIN and row.minus_log is not None and row.minus_log.value is not None
    }
    names = {one.kind: one.judge for one in reversed(agreement.judges)}
    text = max(
        (row for key, row in rows.items() if not row.judge and row.strategy not in BASELINES),
        key=lambda row: row.value or 0.0,
        default=None,
    )
    wanted: list[tuple[str, str, Downstream | None]] = [
        (f"with this judge: {judge}", "own", rows.get((AUTO, judge, False))),
        *(
            (said, "", rows.get((AUTO, names.get(kind), False)))
            for kind, said in SIMPLE.items()
            if names.get(kind) not in (None, judge)
        ),
        (f"no training, text score {text.strategy}" if text else "", "", text),
        (
            "this judge with its knowledge removed, same recipe",
            "",
            rows.get((SAME_RECIPE, judge, True), rows.get((AUTO, judge, True))),
        ),
        ("the grades as labels", "clean", rows.get((CLEAN, None, False))),
    ]
    held = [(name, kind, row.minus_log) for name, kind, row in wanted if row is not None and row.minus_log is not None]
    if not any(kind == "own" for _, kind, _ in held):
        return None
    low, high = span_of([gain for _, _, gain in held])

    def place(value: float) -> float:
        return round(100 * (min(max(value, low), high) - low) / (high - low), 2)

    bars = []
    for name, kind, gain in held:
        value = gain.value or 0.0
        ends = (value if gain.ci_low is None else gain.ci_low, value if gain.ci_high is None else gain.ci_high)
        left, right = place(ends[0]), place(ends[1])
        bars.append(Bar(name, gain_words(gain), place(value), left, round(right - left, 2), kind))
    told = "; ".join(f"{one.name} {one.points}" for one in bars)
    return Picture(bars, place(0.0), f"Points gained over the log as it is, with 95 % intervals: {told}.")


def gain_words(gain: Measured) -> str:
    """A gain in points; words where the ranker came out the same."""
    same = gain.value == 0 and gain.ci_low == gain.ci_high == 0
    return "the same as the log" if same else bench_words.points(gain)


def span_of(gains: Sequence[Measured]) -> tuple[float, float]:
    """Ends of the picture: all gains, and losses as far as they leave the gains apart."""
    values = [end for gain in gains for end in (gain.value, gain.ci_low, gain.ci_high) if end is not None]
    top = max(LEAST_SPAN, *values)
    bottom = max(min(-LEAST_SPAN, *values), -FURTHEST_BELOW * top)
    margin = 0.04 * (top - bottom)
    return bottom - margin, top + margin


def change_words(run: RunFolder, use: str) -> list[str]:
    """What would change the verdict, with numbers as far as there are some; empty where it is "use"."""
    if use == "use":
        return []
    if use == "unknown":
        return [run.agreement.verdict.text, "“What to do next” has a file with the queries to grade first."]
    found = [
        what_gains(run.agreement),
        more_queries(run, use),
        better_judge(run) if use != "cannot tell" else "",
        poorer_log(run),
    ]
    return [sentence for sentence in found if sentence]


def what_gains(agreement: Agreement) -> str:
    """What gains over the log for certain and costs nothing; empty where nothing does."""
    rows = {(row.strategy, row.judge, row.twin): row for row in pick.of_main_ranker(agreement) if row.metric == WITHIN}
    names = {one.kind: one.judge for one in reversed(agreement.judges) if one.judge != agreement.verdict.judge}
    for kind, said in SIMPLE.items():
        row = rows.get((AUTO, names.get(kind), False))
        gain = None if row is None else row.minus_log
        if gain is not None and gain.ci_low is not None and gain.ci_low > 0:
            return f"Something else does gain here, and costs nothing: {said}, {bench_words.points(gain)} points."
    return ""


def more_queries(run: RunFolder, use: str) -> str:
    """How many graded queries would settle what is open, should the differences stay as they are."""
    agreement, ranker = run.agreement, pick.main_ranker(run.agreement)
    teaches = next((one for one in agreement.teaches if (one.ranker, one.metric) == (ranker, WITHIN)), None)
    asked: Measured | None = None
    if use == "cannot tell" and teaches is not None:
        asked, what = teaches.clean_minus_text, "that labels matter here at all"
    elif use == "log loses nothing" and teaches is not None:
        asked, what = teaches.clean_minus_log, "that this log loses something"
    else:
        rival = unbeaten(agreement.verdict)
        asked = next((one for one in agreement.verdict.against if one.rival == rival), None)
        what = f"that the judge is ahead of {rival}"
    if asked is None or asked.value is None or asked.ci_low is None:
        return ""
    there = agreement.n_test_queries
    needed = queries_needed(asked.value, asked.ci_low, there)
    if needed is None or needed <= there:
        return f"More graded queries would help only if the difference turned: on these {there:,} it is not above zero."
    return f"More graded queries: about {needed:,} would show {what}, if the difference stays; there are {there:,}."


def better_judge(run: RunFolder) -> str:
    """How good a judge would have to be to have something to teach."""
    quality = pick.judge_quality(run.agreement, pick.primary_judge(run))
    log = pick.log_within(run.agreement)
    if quality is None or quality.within is None or log is None:
        return ""
    own, bar = (bench_words.share(value, None, None) for value in (quality.within, log))
    if quality.within < log:
        gap = words.number(100 * (log - quality.within), 1)
        return (
            f"A better judge, by {gap} points or more: this one puts {own} of the pairs of a query in the right order, "
            f"the ranker that learns from the log alone {bar}. Who knows less than the ranker can teach it little."
        )
    return (
        f"A better judge: this one puts {own} of the pairs of a query in the right order, the ranker that learns from "
        f"the log alone {bar}. Compare judges and prompts with sie compare-prompts before you pay for a whole log."
    )


def poorer_log(run: RunFolder) -> str:
    """What the log leaves to gain."""
    ranker = pick.main_ranker(run.agreement)
    teaches = next((one for one in run.agreement.teaches if (one.ranker, one.metric) == (ranker, WITHIN)), None)
    if teaches is None or teaches.clean_minus_log is None:
        return ""
    gain = teaches.clean_minus_log
    return (
        f"A poorer log: grades in place of its labels gain {bench_words.points(gain)} points here, which is "
        "about what can be had. Where fewer rows were clicked, or more labels are wrong, there is more."
    )
