"""The edge's program as a document."""

import re

import pytest

from bodega.edge.render import edge_vcl
from bodega.platform.pages import STOREFRONT
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


def test_the_edge_knows_which_pages_read_parameters() -> None:
    """A page that reads one and is not named in platform.toml would never be given it."""
    engine = System.load(local=False).engines["storefront"]
    app = STOREFRONT / "src/app"
    reading = {
        "/" + page.parent.relative_to(app).as_posix()
        for page in app.rglob("page.tsx")
        if re.search(r"\b(searchParams|useSearchParams)\b", page.read_text())
    }
    shared = {path for path in reading if not path.startswith(engine.personal)}
    assert {re.sub(r"/\[.*", "", path) for path in shared} == set(engine.parameters)


def test_where_the_site_is_https_every_answer_says_so_for_a_year() -> None:
    def rendered(name: str) -> str:
        instance = System.load(local=False).instance(name)
        return edge_vcl(instance, gateway_secret="a-secret-of-the-tests", purge_secret="another-of-the-tests")

    header = 'set resp.http.Strict-Transport-Security = "max-age=31536000; includeSubDomains";'
    assert rendered("containers").count(header) == 1
    assert "Strict-Transport-Security" not in rendered("shop")
