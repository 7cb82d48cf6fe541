"""A German Excel export through the verbs: the same as the plain file."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.cli.conftest import Sie, log_rows
