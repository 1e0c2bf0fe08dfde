"""Where a page leads on to after signing in: nowhere but the shop, whatever a link says."""

import itertools
import json
import random
import subprocess
from urllib.parse import quote

import pytest

from bodega.platform import pages

ORIGIN = "https://shop.example"
# What URL parsers drop, trim or take for something else, and what ends a host.
ODD = [
    "", "\t", "\n", "\r", " ", "\x00", "\x0b", "\x1f", "\u2028", "\u200b", "\ufeff", "\\", "/", ".", "..", "%2f",
    "%5c", "@", ":", "?", "#",
]  # fmt: skip
_SCRIPT = """
import { nextPath } from "%s";
const given = JSON.parse(await new Promise((done) => {
  let text = "";
  process.stdin.on("data", (part) => (text += part)).on("end", () => done(text));
}));
const origin = "%s";
// As `location.assign` reads it, on a page of the shop.
console.log(JSON.stringify(given.map((search) => {
  const path = nextPath(search, origin);
  const page = origin + "/account/sign-in";
  return [path, URL.canParse(path, page) ? new URL(path, page).origin : "nowhere"];
})));
"""


def next_paths(*given: str) -> list[tuple[str, str]]:
    """For each `next`: the path that the page goes on to, and the origin at which a browser then is."""
    script = _SCRIPT % (pages.STOREFRONT / "src/shop/next-path.ts", ORIGIN)
    done = subprocess.run(
        [pages.node(), "--input-type=module", "-e", script],
        input=json.dumps([f"?next={quote(one, safe='')}" for one in given]), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [(path, origin) for path, origin in json.loads(done.stdout)]


@pytest.mark.parametrize("path", ["/checkout", "/account/orders?page=2#last", "/products/öl", "/search?q=a%2Fb"])
def test_a_path_of_the_shop_is_where_it_leads(path: str) -> None:
    [(led_to, origin)] = next_paths(path)
    assert origin == ORIGIN
    assert led_to.startswith(path.partition("ö")[0])


def test_no_next_leads_out_of_the_shop() -> None:
    chosen = random.Random(20261128)
    wild = ["".join(chosen.choice(ODD) for _ in range(6)) + "evil.example" for _ in range(3000)]
    between = [f"/{odd}/{more}evil.example/x" for odd, more in itertools.product(ODD, repeat=2)]
    schemes = ["https://evil.example", "javascript:alert(1)", "data:text/html,x", "//evil.example", "", "evil.example"]
    given = [*wild, *between, *schemes, *(f"/{one}" for one in wild)]
    outside = [(one, path) for one, (path, origin) in zip(given, next_paths(*given), strict=True) if origin != ORIGIN]
    assert outside == []
