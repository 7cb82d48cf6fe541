"""``sie prompts``: the prompt variants, what they send, what is wrong with them, and how they differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.commands.prompt_lines import check_lines, diff_lines, list_lines, new_lines, render_lines, show_lines
from sie_agent.commands.verb import Option, Verb
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, InputError
from sie_agent.utils.counts import counted
from sie_agent.utils.values import check_values

# rows behind the one that is shown, among which its opponents are found
MORE_ROWS = 500
CHECKED_ROWS = 20_000


def prompts_list(*, aspect: str | None = None) -> dict[str, Any]:
    """Say which prompt variants ship, of which method, and what for.

    Parameters
    ----------
    aspect : Only those of relevance, clarity, profile or preference.

    Returns
    -------
    ``variants``: ``variant, aspect, method, about, examples, questions`` (asked for one judgment) of each.

    Raises
    ------
    InputError : no such aspect.

    Examples
    --------
    >>> import sie_agent as sie
    >>> [one["variant"] for one in sie.prompts_list(aspect="profile")["variants"]]
    ['profile/item']
    """
    from sie_agent.judging import asked_variants, list_variants, load_variant

    check_values(aspect=aspect)
    aspects = list(dict.fromkeys(name.partition("/")[0] for name in list_variants()))
    if aspect is not None and aspect not in aspects:
        raise InputError(f"no aspect {aspect[:40]!r}", where="--aspect", hint=f"Choose one of {', '.join(aspects)}")
    told = []
    for variant in map(load_variant, list_variants(aspect)):
        questions = variant.opponents or len(asked_variants(variant))
        counts = {"examples": len(variant.examples), "questions": questions}
        named = {"variant": variant.name, "aspect": variant.aspect, "method": variant.method}
        told.append({**named, "about": variant.about, **counts})
    return {"variants": told, "exit_code": EXIT_DONE}


def prompts_show(variant: str | Path) -> dict[str, Any]:
    """Print the file of a prompt variant.

    Parameters
    ----------
    variant : aspect/name, or a YAML file.

    Returns
    -------
    ``variant``, ``path``, ``text`` of the file, and ``questions``: the names of the plain variants that are asked.

    Raises
    ------
    InputError : there is none, or it is broken.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.prompts_show("relevance/lexical")["text"].splitlines()[-1]
    'user: "{{ title }}"'
    """
    from sie_agent.judging import asked_variants, find_variant, load_variant

    check_values(variant=variant)
    loaded, path = load_variant(variant), find_variant(variant)
    text = path.read_text(encoding="utf-8-sig")
    questions = [part.name for part in asked_variants(loaded).values()]
    return {"variant": loaded.name, "path": str(path), "text": text, "questions": questions, "exit_code": EXIT_DONE}


def prompts_render(
    variant: str | Path,
    data: str | Path = "sample",
    *,
    row: int = 1,
    column_map: str | Path | None = None,
) -> dict[str, Any]:
    """Print the messages that would be sent about one row, and about how many tokens they are. Asks nobody.

    Parameters
    ----------
    variant : aspect/name, or a YAML file.
    data, column_map : as `load_samples` takes them; the data need no labels.
    row : Which pair of the data, counted from 1, as they are read.

    Returns
    -------
    ``variant``, ``sample_id``, ``questions`` (each: ``variant, method, messages, characters, tokens``), and the sums
    ``characters`` and ``tokens`` (4 characters each). Of a profile that is shown, the names of its attributes stand in
    its place; an item is compared with others of its query among the 500 rows behind it.

    Raises
    ------
    InputError : no such variant, data or row.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.prompts_render("relevance/plain", "sample", row=3)
    >>> [message["role"] for message in result["questions"][0]["messages"]]
    ['system', 'user']
    """
    from sie_agent.judging import history_titles, load_variant, rendered, with_history_titles
    from sie_agent.samples import load_samples, rows_policy, without_grade

    check_values(variant=variant, data=data, row=row, column_map=column_map)
    loaded = load_variant(variant)
    more = MORE_ROWS if loaded.method == "pairwise" else 0
    policy = rows_policy(None, skip_invalid=True)
    rows = load_samples(data, column_map=column_map, limit=row + more, allow_missing_labels=True, invalid=policy)
    if len(rows) < row:
        raise InputError(f"there is no row {row}: {counted(len(rows), 'row')} can be used", where=f"{data}, --row")
    chosen = rows.iloc[row - 1]
    alike = without_grade(rows[rows["query"] == chosen["query"]]).drop_duplicates("sample_id")
    if loaded.aspect == "preference":
        alike = with_history_titles(alike, history_titles(data, column_map, None, [rows]))
    questions = rendered(loaded, alike.reset_index(drop=True), str(chosen["sample_id"]))
    sums = {name: sum(one[name] for one in questions) for name in ("characters", "tokens")}
    named = {"variant": loaded.name, "sample_id": str(chosen["sample_id"])}
    return {**named, "questions": questions, **sums, "exit_code": EXIT_DONE}


def prompts_check(
    variant: str | Path, data: str | Path | None = None, *, column_map: str | Path | None = None
) -> dict[str, Any]:
    """Look for what is wrong with a prompt variant, by itself and beside your data. Asks nobody.

    Grades of several tokens, or that begin alike; levels that are not explained; fields that are of no use; examples
    that stand in the data, exactly or nearly; grades that leak into the text; a likelihood without a calibration. Exit
    code 3 where there is a problem, 2 where the file is broken.

    Parameters
    ----------
    variant : aspect/name, or a YAML file.
    data, column_map : as `load_samples` takes them; the data may have grades.

    Returns
    -------
    ``variant``, ``findings`` (each: ``kind, level, where, told``; level ``problem`` or ``note``), ``problems`` (how
    many), ``rows`` of the data that were read, ``tokens_by`` (``tokenizer`` of the embedded model, or ``rule``), and
    ``exit_code`` (3: there are problems).

    Raises
    ------
    InputError : no such variant or it is broken; the data are wrong.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.prompts_check("relevance/graded")["problems"]
    0
    """
    from dataclasses import asdict

    from sie_agent.judging import DataAudit, audit, load_variant
    from sie_agent.models import embedded_token_count
    from sie_agent.samples import load_column_map, rows_policy, stream_samples

    check_values(variant=variant, data=data, column_map=column_map)
    loaded, count = load_variant(variant), embedded_token_count()
    scales = () if column_map is None else (load_column_map(column_map).grade, load_column_map(column_map).label)
    names = [scale.column for scale in scales if scale is not None and scale.column]
    findings, watch = audit(loaded, count, names), DataAudit(loaded)
    if data is not None:
        policy = rows_policy(None, skip_invalid=True)
        source: dict[str, Any] = {"column_map": column_map, "allow_missing_labels": True, "invalid": policy}
        for chunk in stream_samples(data, chunk_rows=CHECKED_ROWS, **source):
            watch.add(chunk)
        findings += watch.findings()
    problems = sum(one.level == "problem" for one in findings)
    return {
        "variant": loaded.name,
        "findings": [asdict(one) for one in sorted(findings, key=lambda one: one.level, reverse=True)],
        "problems": problems,
        "rows": watch.rows,
        "tokens_by": "rule" if count is None else "tokenizer",
        "exit_code": EXIT_PARTIAL if problems else EXIT_DONE,
    }


def prompts_diff(variant: str | Path, other: str | Path) -> dict[str, Any]:
    """Say what two prompt variants ask otherwise: the keys that differ, and a diff of what is sent.

    Parameters
    ----------
    variant : aspect/name, or a YAML file.
    other : The other one.

    Returns
    -------
    ``variant``, ``other``, ``changed`` (each: ``key, before, after``), ``diff`` (lines, a field as its name in
    capitals), and ``same_questions``: whether both are answered by the same answers in the cache.

    Raises
    ------
    InputError : there is none of them, or one is broken.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.prompts_diff("relevance/query-likelihood", "relevance/query-likelihood-terse")
    >>> "examples" in [one["key"] for one in result["changed"]], result["same_questions"]
    (True, False)
    """
    from sie_agent.judging import differences, load_variant

    check_values(variant=variant, other=other)
    one, two = load_variant(variant), load_variant(other)
    changed, diff = differences(one, two)
    # of what is kept with an answer, all but this is in what is sent
    kept = {"method", "scale", "attributes", "rationale", "max_output_tokens", "facets"}
    limits = {name for name in type(one).model_fields if name.startswith("max_")}
    same = not diff and not {entry["key"] for entry in changed} & (kept | limits)
    named = {"variant": one.name, "other": two.name}
    return {**named, "changed": changed, "diff": diff, "same_questions": same, "exit_code": EXIT_DONE}


def prompts_new(
    name: str, base: str | Path, out: str | Path | None = None, *, overwrite: bool = False
) -> dict[str, Any]:
    """Copy a prompt variant into a file of your own, comments and all, to change it.

    Parameters
    ----------
    name : The name under which it stands in tables.
    base : Prompt variant to start from: aspect/name, or a YAML file.
    out : YAML file to write; NAME.yaml where none is given.
    overwrite : replace whatever lies at *out*.

    Returns
    -------
    ``variant`` (its name), ``path``, and ``base``.

    Raises
    ------
    InputError : no such variant, a name that is none, or a file that is there already.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.prompts_new("shorter", "relevance/plain", "shorter.yaml")["path"]
    'shorter.yaml'
    >>> sie.load_variant("shorter.yaml").name
    'shorter'
    """
    from sie_agent.commands.prompt_files import copied_text, file_of
    from sie_agent.files.writing import failures_in_words
    from sie_agent.judging import find_variant, load_variant
    from sie_agent.outputs import File, Work, outputs

    check_values(name=name, base=base)
    loaded, source = load_variant(base), find_variant(base)
    place = File("--out", file_of(name, out))
    text = copied_text(source.read_text(encoding="utf-8-sig"), name, loaded.name)
    work = Work("prompts new", {"--from": source}, {"name": name})
    with outputs(work, place, overwrite=overwrite, own=lambda path: False), failures_in_words(place.path):
        place.path.write_text(text, encoding="utf-8")
    return {
        "variant": load_variant(place.path).name,
        "path": str(place.path),
        "base": loaded.name,
        "calibrated": loaded.method == "likelihood" and bool(loaded.calibration.fitted_on),
        "exit_code": EXIT_DONE,
    }


PROMPT = Option(help="Prompt variant: aspect/name, or a YAML file.", argument=True)
LIST = Verb(prompts_list, list_lines, examples=("sie prompts list", "sie prompts list --aspect clarity"))
SHOW = Verb(prompts_show, show_lines, examples=("sie prompts show relevance/facets",), options={"variant": PROMPT})
RENDER = Verb(
    prompts_render,
    render_lines,
    examples=(
        "sie prompts render relevance/graded --data sample --row 3",
        "sie prompts render mine.yaml --data log.csv --map map.yaml --row 100 --output json",
    ),
    options={"variant": PROMPT, "row": Option("N")},
)
CHECK = Verb(
    prompts_check,
    check_lines,
    examples=("sie prompts check relevance/graded", "sie prompts check mine.yaml --data graded.csv --map map.yaml"),
    options={"variant": PROMPT},
)
DIFF = Verb(
    prompts_diff,
    diff_lines,
    examples=("sie prompts diff relevance/graded relevance/rubric", "sie prompts diff relevance/plain mine.yaml"),
    options={"variant": PROMPT, "other": Option(help="The other one.", argument=True)},
)
NEW = Verb(
    prompts_new,
    new_lines,
    examples=("sie prompts new mine --from relevance/graded --out mine.yaml",),
    options={
        "name": Option(argument=True),
        "base": Option("VARIANT", flag="--from"),
        "out": Option("FILE.yaml"),
    },
)
