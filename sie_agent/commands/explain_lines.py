"""Explanations as lines for a terminal: words coloured where there are colours, figures with their sign everywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

    from sie_agent.report import Line, Piece

COLOURS = {"up": "cyan", "down": "red"}
STEPS = {"step-1": "", "step-2": "bold", "step-3": "bold reverse"}
BAR = 12
# of a weight, in the digits that are printed
LEAST_CUT = 0.0005


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """All that is printed, row by row; what is longer than the terminal runs on."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    explained = {one["sample_id"] for one in result["explanations"]}
    for one in result["lost"]:
        yield lost_line(one, explained)
    if result["lost"]:
        yield "" if result["explanations"] else "No other row was asked for: there is nothing to explain"
    weighed = {one["sample_id"]: one for one in result["weights"]}
    for place, one in enumerate(result["explanations"]):
        yield from [""] if place else []
        with console.capture() as captured:
            for line in row_lines(one, result["top"], coloured=console.color_system is not None):
                # texts are foreign: nothing in them may count as markup
                console.print(line, markup=False)
        yield from captured.get().splitlines()
        yield from weight_lines(weighed.get(one["sample_id"]))
    if result["html"]:
        yield f"Page: {result['html']}"


def weight_lines(weighed: Mapping[str, Any] | None) -> Iterator[str]:
    """What a row's weight is made of, where the shopper has a part in it."""
    if weighed is None or "preference_support" not in {part["by"] for part in weighed["parts"]}:
        return
    from sie_agent.report.number_words import signed

    known = [part for part in weighed["parts"] if part["place"] == part["place"]]
    told = [f"{signed(part['adds'])} by {part['by']} (place {part['place']:.3f} in the log)" for part in known]
    cut = [f"{signed(weighed['cut'])} to stay in range"] if abs(weighed["cut"]) >= LEAST_CUT else []
    yield f"Weight {weighed['weight']:.3f}: 1 {' '.join([*told, *cut])}"


def lost_line(one: Mapping[str, Any], explained: Collection[str]) -> str:
    """What became of a row that is in the log, but not among the rows that are used."""
    known = {"unusable": "was left out as unusable", "folded": "has no score of its own"}
    told = known.get(one["reason"], "was left out")
    after = "; the pair is explained below" if one["pair"] in explained else ""
    line = f"row {one['sample_id']} ({one['place']}) {told}: {one['problem']}{after}"
    # ids and texts are foreign: no control characters
    return "".join(letter for letter in line if letter.isprintable())


def row_lines(explained: Mapping[str, Any], top: int, *, coloured: bool) -> Iterator[Text | str]:
    """One row's explanation."""
    from sie_agent.report import shown_explanation

    shown = shown_explanation(explained, top)
    yield f"row    {shown.sample_id}"
    yield marked("query", shown.query, coloured=coloured)
    yield marked("title", shown.title, coloured=coloured)
    yield shown.opening
    yield from bars(shown.features)
    yield f"{shown.about_words}:" if shown.words else shown.about_words
    yield from bars(shown.words, "{} ({})")
    yield from [sentence for sentence in (shown.left_out, shown.what_if) if sentence]


def marked(name: str, pieces: Sequence[Piece], *, coloured: bool) -> Text:
    """A text with its telling words in colour, or with their effects behind them."""
    from rich.text import Text

    text = Text(f"{name:<7}")
    for piece in pieces:
        direction, _, step = piece.kind.partition(" ")
        if piece.kind and coloured:
            text.append(piece.text, style=f"{STEPS[step]} {COLOURS[direction]}".strip())
        else:
            text.append(f"{piece.text} ({piece.effect})" if piece.kind else piece.text)
    return text


def bars(effects: Sequence[Line], form: str = "{}: {}") -> Iterator[str]:
    """Each effect with its sign, a bar, and what has it."""
    for line in effects:
        bar = ("█" if line.kind == "up" else "▒") * max(1, round(line.width * BAR / 100))
        told = form.format(line.name, line.meaning) if line.meaning else line.name
        yield f"  {line.effect:>6}  {bar:<{BAR}}  {told}"
