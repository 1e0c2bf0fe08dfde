"""Every promise, operation and event has a test; and the reading of tests tells when one has not."""

from pathlib import Path

import pytest

from bodega.platform.coverage import Suite, gaps, operations, sections

pytestmark = pytest.mark.unit

TESTS = """
CART = "/cart"

async def add(api, sku):
    return await api.post(CART, {"sku": sku})

async def test_adding(api):
    await add(api, "MUG")

class TestLines:
    @pytest.mark.parametrize(("method", "path"), [("GET", "/cart?x=1")])
    def test_reading(self, method, path): ...

    def test_changing(self, api):
        path = f"{CART}/lines/{sku}"
        api.request("PATCH", path)

TestOrders = Orders.TestCase
"""
RULE = """title = "1. Carts"
[[rule]]
id = "cart.adds"
says = "What is added is there."
tests = [{tests}]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("tests/cart", "tests/specification"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "tests/cart/test_cart.py").write_text(TESTS)
    return tmp_path


def test_nothing_that_is_promised_is_without_a_test() -> None:
    assert gaps() == []


def test_each_section_of_the_specification_is_there() -> None:
    titles = [section.title.partition(".")[0] for section in sections()]
    assert titles == ["0", "0a", "0b", *(str(number) for number in range(1, 18))]


@pytest.mark.parametrize("name", ["", "::test_adding", "::TestLines", "::TestLines::test_reading", "::TestOrders"])
def test_a_test_a_class_and_a_file_can_be_named(root: Path, name: str) -> None:
    assert Suite(root).has(f"tests/cart/test_cart.py{name}")


@pytest.mark.parametrize(
    "name",
    [
        f"tests/cart/test_{name}"
        for name in ("cart.py::test_renamed", "cart.py::test_reading", "cart.py::add", "gone.py")
    ],
)
def test_a_test_that_is_not_there_is_named(root: Path, name: str) -> None:
    (root / "tests/specification/01_carts.toml").write_text(RULE.format(tests=f'"{name}"'))
    with pytest.raises(ValueError, match=f"cart.adds: there is no {name}"):
        sections(root)


def test_a_rule_without_a_test_and_an_operation_that_nobody_asks_for_are_gaps(root: Path) -> None:
    (root / "tests/specification/01_carts.toml").write_text(RULE.format(tests=""))
    found = gaps(root)
    assert found[0] == "rule cart.adds"
    assert {"DELETE /cart", "POST /checkout", "OrderPaid"} <= set(found)
    assert not {"GET /cart", "POST /cart", "PATCH /cart/lines/{sku}"} & set(found)


def test_who_asks_by_a_function_of_their_own_folder_asks(root: Path) -> None:
    asked = {str(operation): [test.name for test in tests] for operation, tests in operations(root).items()}
    assert asked["POST /cart"] == ["test_adding"]
    assert asked["GET /cart"] == ["TestLines::test_reading"]
    assert asked["PATCH /cart/lines/{sku}"] == ["TestLines::test_changing"]
