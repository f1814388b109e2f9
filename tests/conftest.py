"""Settings that all tests share."""

from __future__ import annotations

import torch
from hypothesis import settings

torch.set_num_threads(1)  # toy models gain nothing from more, and tests run side by side
settings.register_profile("default", deadline=None)
settings.load_profile("default")
