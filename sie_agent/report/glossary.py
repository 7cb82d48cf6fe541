"""Each word of the report, once, in plain language."""

from __future__ import annotations

GLOSSARY: tuple[tuple[str, str], ...] = (
    (
        "row",
        "one line of the log: a query, an item that was shown for it, and what the log says of the pair.",
    ),
    ("judge", "the language model that reads a query and an item and says how well they fit, from 0 to 1."),
    ("relevance", "the judge's answer: 0 is no use to this shopper, 1 is just what was asked for."),
    ("clarity", "how plain it is what a query asks for, from 0 (could mean anything) to 1."),
    ("value", "whether training on the row helps the model (above zero) or sets it back (below zero)."),
    ("support", "how far the judge backs the log's label, held back where the query is vague; −0.5 to 0.5."),
    (
        "hardness",
        "how far the log's label lies from the judge's answer: how strongly the row pulls, right or wrong.",
    ),
    ("weak label", "one of the three numbers above, worked out from the judge's answers and the log alone."),
    (
        "scorer",
        "the small, fast model that learned the weak labels and scores the rest of the log with no judge.",
    ),
    ("target model", "the ranking model that is trained on the log, and whose data is being valued."),
    ("reference", "importance measured the expensive way, with gradients of the target model."),
    ("Spearman", "how alike two orderings are: 1 the same, 0 unrelated, −1 reversed."),
    (
        "interval",
        "where the figure would probably fall with other queries of the same kind; "
        "found by drawing the queries again and again (bootstrap).",
    ),
    (
        "bound",
        "the most that any label can agree with the reference, since the reference is itself uncertain.",
    ),
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
    ("AUC", "how often a relevant item is placed above an irrelevant one: 0.5 is a coin toss, 1 is perfect."),
    ("NDCG@10", "how good the first ten results of a query are, 1 being the best order there is."),
    (
        "curve of judge quality",
        "what simulated judges of known AUC reach; a real judge on it does what its own AUC promises.",
    ),
    ("gap recovered", "the share of what label noise cost the target model that a strategy wins back."),
    ("zero-shot", "the scorer saw the judge's answers and no human grade."),
    ("gold-calibrated", "the judge's scale was fitted on a stated number of human grades."),
    ("reference-calibrated", "the scorer also saw the reference importance of a stated number of rows."),
    ("simulated", "the judge is a human grade with noise added: for ceilings and tests, never a result."),
)
