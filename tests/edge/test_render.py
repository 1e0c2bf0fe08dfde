"""The edge's program as a document."""

import pytest

from bodega.edge.render import edge_vcl
from bodega.platform.system import System

pytestmark = pytest.mark.unit
GIVEN = "from-outside._~0"
"""Of the characters that a secret from outside may have (bodega.platform.secrets)."""


def test_the_shops_edge_distrusts_its_memory_after_five_seconds_and_takes_any_secret_that_can_be_given() -> None:
    shop = System.load(local=False).instance("shop")
    vcl = edge_vcl(shop, gateway_secret=GIVEN, purge_secret="another" + GIVEN)
    assert vcl.count('std.real(var.global_get("heartbeat"), 0.0) > 5.000)') == 2
    assert f'req.http.X-Edge-Secret = "{GIVEN}"' in vcl


def test_a_secret_that_would_end_its_string_is_refused() -> None:
    shop = System.load(local=False).instance("shop")
    for secret in ("short", 'long-enough-but-"quoted"'):
        with pytest.raises(ValueError, match="a secret of the edge"):
            edge_vcl(shop, gateway_secret=GIVEN, purge_secret=secret)
