"""A shop that is open is brought to the next release: buyers meet no trouble meanwhile, and nothing is lost.

Needs git and the tags of the repository: `git fetch --tags`.
"""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bodega import __version__
from bodega.platform import state
from tests.long.checkout import Checkout, git
from tests.long.selling import Sold, sold_while

pytestmark = [pytest.mark.long, pytest.mark.alone, pytest.mark.timeout(2400)]

RELEASE = "v0.1.0"
ENGINES = ("postgres", "valkey", "mongo", "kafka", "opensearch", "seaweedfs")
LOST_BY_0_1 = 3
"""Services of 0.1 close idle connections at once when they end (docs/guides/operating.md, "Upgrades")."""
_UPGRADE_SECONDS = 900


@pytest.fixture
def checkout(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Checkout]:
    checkout = Checkout(tmp_path / "checkout", replicas=request.param)
    yield checkout
    if (checkout.folder / "platform.toml").exists():
        checkout.close()


def is_here(release: str) -> bool:
    try:
        return bool(git("tag", "--list", release).strip())
    except (OSError, subprocess.CalledProcessError):
        return False


async def upgraded_while_selling(checkout: Checkout) -> tuple[Sold, str]:
    """What came of it, and what the command said."""
    said: list[str] = []

    async def upgrade() -> None:
        process = checkout.begin("upgrade")
        output, _ = await asyncio.to_thread(process.communicate, timeout=_UPGRADE_SECONDS)
        said.append(output)
        print(output)
        assert process.returncode == 0, output

    return await sold_while(checkout.instance, checkout.home, upgrade), said[0]


def pids(checkout: Checkout) -> dict[str, int | None]:
    report = state.running(checkout.instance)
    assert report is not None
    return {name: part.pid for name, part in report.parts.items()}


def holds(sold: Sold, *, lost: int = 0) -> None:
    """What an upgrade promises. `lost`: how many requests may meet a connection that is being closed."""
    print(dict(sold.ledger.answers.most_common()))
    print(*sold.troubles, sep="\n")
    met = [one for one in sold.ledger.troubles if (one.kind, "does not answ" in one.what) == ("503 unavailable", True)]
    assert len(met) <= lost
    assert len(sold.troubles) == len(met)
    assert [one.what for one in sold.ledger.violations] == []
    assert [finding.sentence for finding in sold.judged.findings] == []
    assert sold.orders_meanwhile > 0, "it was not open"


@pytest.mark.parametrize("checkout", [1], indirect=True)
async def test_a_shop_of_one_process_a_service_goes_on_selling_while_all_of_them_are_replaced(
    checkout: Checkout,
) -> None:
    checkout.folder.mkdir()
    checkout.at_the_code_under_test()
    checkout.furnish()
    checkout.bodega("up", "--no-seed")
    before = pids(checkout)
    checkout.change("src/bodega/kit/__init__.py", "\n# Of the next release.\n")
    checkout.change("src/bodega/gateway/routes.py", "\nIMPORT_SECONDS += 1  # a configuration of the next release\n")
    sold, _ = await upgraded_while_selling(checkout)
    holds(sold)
    after = pids(checkout)
    same = {name for name in after if after[name] is not None and after[name] == before[name]}
    assert same >= {*ENGINES, "sandbox", "storefront"}
    assert not same & {*checkout.instance.system.services, "services", "envoy"}


@pytest.mark.skipif(not is_here(RELEASE), reason=f"the tag {RELEASE} is not in this clone (git fetch --tags)")
@pytest.mark.parametrize("checkout", [2], indirect=True)
async def test_the_last_release_is_replaced_while_it_sells(checkout: Checkout) -> None:
    checkout.folder.mkdir()
    checkout.at(RELEASE)
    checkout.furnish()
    checkout.bodega("up", "--no-seed")
    before = pids(checkout)
    checkout.at_the_code_under_test()
    sold, said = await upgraded_while_selling(checkout)
    holds(sold, lost=LOST_BY_0_1)
    after = pids(checkout)
    assert {name for name in after if after[name] == before[name]} >= set(ENGINES)
    assert not [name for name in checkout.instance.system.services if after[name] == before[name]]
    assert "down" in said, "what is still of the old release is named"
    assert __version__ != RELEASE.removeprefix("v")
