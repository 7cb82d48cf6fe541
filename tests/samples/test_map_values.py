"""Values in a column map that would make all numbers wrong without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, load_samples, stream_samples

TEXTS = "query: query, item_id: item_id, title: title"
MAPS: dict[str, tuple[str, str]] = {
    "infinite maximum": (
        f"columns: {{{TEXTS}}}\ngrade: {{column: g, minimum: 0, maximum: .inf}}",
        "finite number",
    ),
    "infinite minimum": (
        f"columns: {{{TEXTS}}}\nlabel: {{column: g, minimum: -.inf, maximum: 3}}",
        "finite number",
    ),
    "no number": (
        f"columns: {{{TEXTS}}}\nlabel: {{column: g, minimum: .nan, maximum: 3}}",
        "finite number",
    ),
    "all too far apart": (
        f"columns: {{{TEXTS}}}\nlabel: {{column: g, minimum: -1.7e+308, maximum: 1.7e+308}}",
        "map.yaml, field 'label': minimum and maximum are more than 1e+300 apart",
    ),
    "no number for a word": (
        f"columns: {{{TEXTS}}}\ngrade: {{column: g, values: {{a: .nan}}}}",
        "finite number",
    ),
    "infinite for a word": (
        f"columns: {{{TEXTS}}}\ngrade: {{column: g, values: {{a: .inf}}}}",
        "finite number",
    ),
    "an infinite constant": (
        f"columns: {{{TEXTS}}}\nconstants: {{label: .inf}}",
        "finite number",
    ),
    "label and grade by columns": (
        f"columns: {{{TEXTS}, label: g, grade: g}}",
        "map.yaml, field 'the map': the column 'g' is mapped to the label and to the grade: what was learned from it",
    ),
    "label and grade by scales": (
        f"columns: {{{TEXTS}}}\nlabel: {{column: g, minimum: 0, maximum: 3}}\n"
        "grade: {column: g, values: {1: 0, 3: 1}}",
        "the column 'g' is mapped to the label and to the grade",
    ),
    "label by name and grade by scale": (
        f"columns: {{{TEXTS}, label: g}}\ngrade: {{column: g, minimum: 0, maximum: 3}}",
        "the column 'g' is mapped to the label and to the grade",
    ),
    "grade in a text that the judge reads": (
        f"columns: {{{TEXTS}, description: [d, g], grade: g}}",
        "the column 'g' is mapped to the grade and to 'description', which the judge reads",
    ),
    "grade among the attributes": (
        f"columns: {{{TEXTS}}}\nattributes: {{stars: g}}\ngrade: {{column: g, minimum: 0, maximum: 3}}",
        "the column 'g' is mapped to the grade and to 'attributes', which the judge reads",
    ),
    "a separator of two signs": (
        f"columns: {{{TEXTS}}}\nfiles: {{main: a.csv, separator: '::'}}",
        "map.yaml, field 'files.separator': expected a text of length 1 or less, found '::'",
    ),
}


@pytest.mark.parametrize("case", MAPS)
def test_a_map_that_would_make_numbers_wrong_is_refused(case: str, tmp_path: Path) -> None:
    text, message = MAPS[case]
    (tmp_path / "map.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "log.csv").write_text("query,item_id,title,d,g\nlamp,i,A lamp,x,1\n", encoding="utf-8")
    for load in (load_samples, stream_samples):
        with pytest.raises(InputError) as caught:
            load(tmp_path / "log.csv", column_map=tmp_path / "map.yaml")
        assert message in str(caught.value) and str(caught.value).startswith(str(tmp_path / "map.yaml"))


def test_two_columns_with_the_same_numbers_are_two(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("query,item_id,title,a,b\nlamp,i,A lamp,1,1\n", encoding="utf-8")
    columns = {"query": "query", "item_id": "item_id", "title": "title", "label": "a", "grade": "b"}
    chosen = ColumnMap.model_validate({"columns": columns, "keep": ["b"], "constants": {"position": 1}})
    row = load_samples(tmp_path / "log.csv", column_map=chosen).iloc[0]
    assert (row["label"], row["grade"], row["position"]) == (1.0, 1.0, 1)
