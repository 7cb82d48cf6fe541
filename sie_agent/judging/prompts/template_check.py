"""What a prompt template may hold: looked at part by part, before anything of it is run.

Only what is listed here is taken. None of it calls what it is given, and none makes a long text of a short one.
"""

from __future__ import annotations

from jinja2 import TemplateSyntaxError, nodes

MOST_SOURCE = 100_000
MOST_PARTS, MOST_DEPTH, MOST_LOOPS = 500, 40, 4

SPELLING_FILTERS = ("capitalize", "lower", "replace", "title", "trim", "truncate", "upper", "wordcount")
FILTERS = ("default", "first", "float", "int", "join", "last", "length", "round", "string", *SPELLING_FILTERS)
TESTS = ("defined", "none", "odd", "even", "string", "number")
LISTS = ("split", "splitlines")
STRIPPING = ("lstrip", "removeprefix", "removesuffix", "rstrip", "strip")
METHODS = (*LISTS, *STRIPPING, "capitalize", "endswith", "isdigit", "lower", "startswith", "title", "upper")
OF_LOOPS = ("first", "index", "index0", "last", "length")
TEXTS = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.List, nodes.Tuple)
CONDITIONS = (nodes.If, nodes.CondExpr, nodes.Not, nodes.And, nodes.Or, nodes.Compare, nodes.Operand)
CALLING = (nodes.Filter, nodes.Test, nodes.Call)
OPERATIONS = (nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg, nodes.Slice, nodes.Keyword)
# in words, for messages, where the kind of a part is called otherwise
STATEMENTS = {"FromImport": "import", "CallBlock": "call", "FilterBlock": "filter", "Dict": "a dictionary"}
STATEMENTS |= {"Mul": "*", "Pow": "**", "Mod": "%", "Div": "/", "FloorDiv": "//", "AssignBlock": "set without a value"}


def check_tree(tree: nodes.Template) -> None:
    """Raise TemplateSyntaxError where a template holds anything but what is listed here; names the line."""
    check_size(tree)
    set_names = {one.target.name for one in tree.find_all(nodes.Assign) if isinstance(one.target, nodes.Name)}
    check(tree, None, False, frozenset(set_names))


def check_size(tree: nodes.Template) -> None:
    """Raise TemplateSyntaxError where a template has too many parts, or is nested too deep."""
    level: list[nodes.Node] = [tree]
    count = depth = 0
    while level:
        count, depth = count + len(level), depth + 1
        if count > MOST_PARTS:
            raise TemplateSyntaxError(f"it has more than {MOST_PARTS} parts", level[0].lineno or 1)
        if depth > MOST_DEPTH:
            raise TemplateSyntaxError(f"it is nested more than {MOST_DEPTH} deep", level[0].lineno or 1)
        level = [child for node in level for child in node.iter_child_nodes()]
    if len(list(tree.find_all(nodes.For))) > MOST_LOOPS:
        raise TemplateSyntaxError(f"it has more than {MOST_LOOPS} loops", 1)


def check(node: nodes.Node, above: nodes.Node | None, looped: bool, set_names: frozenset[str]) -> None:
    """Raise TemplateSyntaxError where a part of a template is not allowed.

    Parameters
    ----------
    above : the part it belongs to. looped : whether it is in a loop. set_names : the names that the template sets.
    """
    problem = trouble(node, above, looped, set_names)
    if problem:
        raise TemplateSyntaxError(problem, node.lineno or 1)
    inside = looped or isinstance(node, nodes.For)
    for child in node.iter_child_nodes():
        check(child, node, inside, set_names)


def trouble(node: nodes.Node, above: nodes.Node | None, looped: bool, set_names: frozenset[str]) -> str | None:
    """What is wrong with a part of a template, without the parts in it; None where nothing is."""
    found: str | None = None
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        found = f"the filter '{node.name}' is not allowed; there are {', '.join(FILTERS)}"
    elif isinstance(node, nodes.Test) and node.name not in TESTS:
        found = f"the test '{node.name}' is not allowed; there are {', '.join(TESTS)}"
    elif isinstance(node, nodes.Call):
        found = of_call(node)
    elif isinstance(node, nodes.Getattr):
        found = of_attribute(node, above)
    elif isinstance(node, nodes.Getitem) and not is_place(node.arg):
        found = "in square brackets, give whole numbers"
    elif isinstance(node, nodes.For):
        found = of_loop(node, looped)
    elif isinstance(node, nodes.Assign):
        found = of_assignment(node, looped, set_names)
    elif not isinstance(node, (*CALLING, nodes.Getitem, *TEXTS, *CONDITIONS, *OPERATIONS)):
        kind = type(node).__name__
        found = f"'{STATEMENTS.get(kind, kind.lower())}' is not allowed in a prompt"
    if found is None and isinstance(node, CALLING) and (node.dyn_args or node.dyn_kwargs):
        found = "arguments with a star are not allowed"
    if found is None and isinstance(node, nodes.Compare | nodes.Test) and any(node.find_all((nodes.Concat, nodes.Add))):
        found = "texts are not joined in a condition"
    return found


def of_call(node: nodes.Call) -> str | None:
    """What is wrong with a call."""
    if isinstance(node.node, nodes.Name):
        return f"the function '{node.node.name}' is not allowed; there are none"
    if not isinstance(node.node, nodes.Getattr) or node.kwargs:
        return f"only methods of texts are called; there are {', '.join(METHODS)}"
    return None


def of_attribute(node: nodes.Getattr, above: nodes.Node | None) -> str | None:
    """What is wrong with what follows a point."""
    if isinstance(above, nodes.Call) and above.node is node and node.attr in METHODS:
        return None
    if isinstance(node.node, nodes.Name) and node.node.name == "loop" and node.attr in OF_LOOPS:
        return None
    return f"'.{node.attr[:40]}' is not allowed; there are methods of texts: {', '.join(METHODS)}"


def of_loop(node: nodes.For, looped: bool) -> str | None:
    """What is wrong with a loop."""
    if looped:
        return "a loop in a loop is not allowed"
    source = node.iter.node if isinstance(node.iter, nodes.Getitem) else node.iter
    parts = isinstance(source, nodes.Call) and isinstance(source.node, nodes.Getattr) and source.node.attr in LISTS
    if node.recursive or not isinstance(node.target, nodes.Name) or not (parts or isinstance(source, nodes.List)):
        return "a loop goes through a list, or the parts of a text by '.split()' or '.splitlines()'"
    return None


def of_assignment(node: nodes.Assign, looped: bool, set_names: frozenset[str]) -> str | None:
    """What is wrong with giving a value a name: values made of one another grow without bound."""
    if looped or not isinstance(node.target, nodes.Name):
        return "'set' is for one name, outside of loops"
    # `find_all` looks below a part, not at the part itself
    values = [*node.node.find_all(nodes.Name), *([node.node] if isinstance(node.node, nodes.Name) else [])]
    if any(value.name in set_names for value in values):
        return "a name that was set is not used to set another"
    return None


def is_place(node: nodes.Node) -> bool:
    """Whether a part is a whole number, or a range of them."""
    if isinstance(node, nodes.Slice):
        return all(is_place(part) for part in (node.start, node.stop, node.step) if part is not None)
    inner = node.node if isinstance(node, nodes.Neg) else node
    return isinstance(inner, nodes.Const) and type(inner.value) is int
