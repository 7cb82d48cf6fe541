"""The notebook runs from its first cell to its last, and lies in the repository without outputs."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "scripts" / "examples" / "from_log_to_weights.ipynb"


def test_it_is_kept_without_outputs() -> None:
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 5
    assert not [cell for cell in cells if cell["outputs"] or cell["execution_count"] is not None]


@pytest.mark.slow
def test_it_ends_with_weights_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.environ.get("CI"):
        pytest.importorskip("ipykernel", reason="ipykernel is not installed (it comes with the dev extra)")
        pytest.importorskip("nbclient", reason="nbclient is not installed (it comes with the dev extra)")
    import nbformat
    from nbclient import NotebookClient

    for name, value in {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "IPYTHONDIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum(pictured(output) for output in outputs) == 4
    told = "".join(output.get("text", "") for output in outputs)
    assert re.search(r"300 of 600 rows judged", told) and re.search(r"600 weights, mean 1\.00", told)
    assert not list(tmp_path.glob("sie-notebook-*"))


def pictured(output: Any) -> bool:
    """Whether an output is a drawing."""
    return any("plotly" in kind for kind in output.get("data", {}))
