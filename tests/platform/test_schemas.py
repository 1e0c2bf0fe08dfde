"""The schemas that are committed are what the migrations make."""

import pytest

from bodega.platform.schemas import file_of, rooms, schema_of
from tests.conftest import engine

pytestmark = pytest.mark.service


@pytest.mark.parametrize("room", rooms())
def test_the_committed_schema_is_what_the_migrations_make(room: str) -> None:
    made = schema_of(engine("BODEGA_TEST_ADMIN_URL"), room)
    assert made in file_of(room).read_text(), "run python -m bodega.platform.schemas"
