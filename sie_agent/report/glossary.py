"""The terms of the report in plain language."""

from __future__ import annotations

from sie_agent.labels import WEAK_LABELS

BEFORE = (
    ("row", "one line of the log: a query, an item that was shown for it, and what the log says of the pair."),
    (
        "wrong",
        "of a label: the trusted grades say otherwise. A row counts as relevant from the grade that the suite names.",
    ),
    ("judge", "the language model that reads a query and an item and says how well they fit."),
    ("judged relevance", "the judge's answer: 0 is no use to this shopper, 1 is just what was asked for."),
    ("clarity", "how clear it is what a query asks for, from 0 (could mean anything) to 1."),
    ("weak label", "a number for a row, computed from the judge's answers and the log alone."),
)
AFTER = (
    ("scorer", "the small, fast model that learned the weak labels and scores the rest of the log without a judge."),
    ("recipe", "how the scores of a row become what a trainer takes: a target and a weight."),
    (
        "auto",
        "training by the mildest recipe, unless another is certainly better on graded tuning queries; or on the log as "
        "it is where neither helps.",
    ),
    ("auto, no grades", "training by the recipe chosen where nobody has graded anything."),
    ("judge's labels", "the judge's answers as targets: on the rows that it read, or distilled for every row."),
    ("clean labels", "human grades as targets: what training could reach if the log had no noise."),
    (
        "twin",
        "a judge whose knowledge was taken out: within each query and grade its answers are put on one scale, so they "
        "keep their ties to words and positions and lose what they say of relevance.",
    ),
    ("within queries", "the share of pairs of one query's items in the right order, as a mean over queries."),
    ("NDCG@10", "how good the first ten results of a query are, 1 being the best order there is."),
    (
        "pooled AUC",
        "how often a relevant item is placed above an irrelevant one of any query: 0.5 is a coin toss. It mixes in "
        "differences between queries.",
    ),
    ("point", "a hundredth: from 72 % to 77 % is a gain of 5 points."),
    ("gap recovered", "the share of the way from the log as it is to clean labels."),
    (
        "interval",
        "where the figure would probably fall with other queries of the same kind; "
        "found by resampling the queries (bootstrap).",
    ),
    ("target model", "the ranking model that is trained on the log, and whose data is being valued."),
    ("reference", "importance measured the expensive way, with gradients of the target model."),
    ("Spearman", "how alike two orderings are: 1 the same, 0 unrelated, −1 reversed."),
    ("bound", "the most that any label can agree with the reference, since the reference is itself uncertain."),
    (
        "no-judge control",
        "the same pipeline with the judge's answers shuffled among the rows: what it reaches is not the judge's doing.",
    ),
    (
        "contribution",
        "the agreement that is left when the control and the plain loss are taken out: the judge's own part.",
    ),
    ("plain loss", "how wrong a model trained on the log is about the row; needs no judge."),
    ("ceiling", "agreement when the human grade stands in for the judge."),
)
MODES = {
    "zero-shot": "the scorer saw the judge's answers and no human grade",
    "gold-calibrated": "human grades of tuning queries, as many as it says, put the judge's answers on a scale or gave "
    "the members of a panel their weights; labels and scorer saw no grade",
    "share-calibrated": "the judge's answers were shifted to a stated share of relevant pairs, without any human grade",
    "simulated": "the judge is a human grade with noise added: a ceiling, not a result",
}


def mode_words(mode: str) -> str:
    """What a mode means; empty where it is none."""
    return MODES.get(mode.partition(" (")[0], "")


def glossary() -> dict[str, str]:
    """Terms and their meanings; those of weak labels come from the registry."""
    labels = {label.name: f"{label.meaning}." for label in WEAK_LABELS.values()}
    return {**dict(BEFORE), **labels, **dict(AFTER), **{mode: f"{meaning}." for mode, meaning in MODES.items()}}
