"""Programs built from Go's modules. That stripe-mock is built is seen where it is used."""

from pathlib import Path

import pytest

from bodega.platform import gotools

pytestmark = pytest.mark.unit


def test_what_cannot_be_fetched_is_said_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, home = tmp_path / "user", tmp_path / "home"
    user.mkdir()
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(user))
    monkeypatch.setenv("BODEGA_HOME", str(home))
    monkeypatch.setenv("GOPROXY", "off")  # the caller's own setting holds
    with pytest.raises(gotools.GoToolError, match=r"stripe-mock@v[\d.]+: module lookup disabled by GOPROXY=off"):
        gotools.go_tool(*gotools.STRIPE_MOCK)
    assert not gotools.is_built(*gotools.STRIPE_MOCK)
    assert list((home / "go" / "bin").iterdir()) == []
    assert list(user.iterdir()) == []
