"""The generated maps are those of the code as it is."""

from pathlib import Path

import pytest

from bodega.platform.maps import FILES
from bodega.platform.system import ROOT

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("path", FILES, ids=str)
def test_the_committed_map_is_the_codes(path: Path) -> None:
    assert (ROOT / path).read_text() == FILES[path]().rstrip() + "\n", "run python -m bodega.platform.maps"
