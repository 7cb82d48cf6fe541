"""The public names are there, and those of the adjustment need nothing of the extra."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sie_agent.serving

from .conftest import ROOT


@pytest.mark.slow
def test_every_public_name_is_there() -> None:
    for name in sie_agent.serving.__all__:
        assert getattr(sie_agent.serving, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'fame'"):
        sie_agent.serving.__getattr__("fame")


@pytest.mark.slow
def test_the_adjustment_needs_no_web_framework() -> None:
    code = (
        "from sie_agent.drift import Adjustment, AdjustmentSettings, resume_adjustment, save_adjustment; import sys; "
        "print({'fastapi', 'starlette', 'uvicorn', 'prometheus_client'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "set()"
