"""Settings that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from hypothesis import settings

# The server that workers are forked from outlives a test, so that it has every test's faults.
_TESTS = Path(__file__).parent
_paths = [str(_TESTS / "faults"), str(_TESTS.parent), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, _paths))

torch.set_num_threads(1)  # toy models gain nothing from more, and tests run side by side
settings.register_profile("default", deadline=None)
settings.load_profile("default")
