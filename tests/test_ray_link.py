"""How the launcher `cluster` comes to a cluster, without Ray."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.engine.launchers import LaunchError
from harness.engine.ray_link import connected


@pytest.mark.parametrize(
    ("token", "mode", "expected"),
    [(True, None, "token"), (True, "disabled", "disabled"), (False, None, None)],
)
def test_a_cluster_that_asks_for_a_token_is_shown_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    token: bool,
    mode: str | None,
    expected: str | None,
) -> None:
    """`ray start` asks for one wherever there is one; `ray.init(address=HOST:PORT)` would not show
    it.
    """
    if token:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").touch()
    own = {"HOME": str(tmp_path)} | ({"RAY_AUTH_MODE": mode} if mode else {})
    monkeypatch.setattr(os, "environ", own)
    met: list[str | None] = []

    def init(**_: Any) -> None:
        met.append(os.environ.get("RAY_AUTH_MODE"))
        raise ConnectionError("nobody there\nat all")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    with pytest.raises(LaunchError) as caught, connected("head:6379", 1):
        pass
    assert str(caught.value) == "hydra.launcher.address=head:6379: nobody there"
    assert met == [expected]
