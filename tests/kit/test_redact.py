"""What must never be in a log is not in a log."""

import json

import pytest
from pydantic import BaseModel, SecretStr

from bodega.kit import telemetry
from bodega.kit.redact import redact

pytestmark = pytest.mark.unit


class Login(BaseModel):
    email: str
    password: SecretStr


def test_secrets_are_masked_by_type_name_and_form() -> None:
    hidden = redact(
        {
            "login": Login(email="ada@example.com", password=SecretStr("hunter22hunter22")),
            "headers": {"Authorization": "Bearer abc", "cookie": "a=b"},
            "note": "card 4242 4242 4242 4242 of ada@example.com with Bearer eyJhbGciOiJFUzI1NiJ9.e30.sig",
            "nested": [{"shipping_address": {"line1": "Torstrasse 1"}}],
            "key": "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
        }
    )
    text = json.dumps(hidden)
    for secret in ("ada@", "hunter22", "abc", "4242", "eyJ", "Torstrasse", "sk_test"):
        assert secret not in text


def test_what_operators_need_stays_readable() -> None:
    order = {
        "order": "ord_06F2B0K3T5V7W9X1Y3Z5A7B9C1",
        "amount": 2890,
        "number": "BDG-7K3M-9Q2X",
        "trace_id": "ab" * 16,
    }
    assert redact(order) == order


def test_a_logger_writes_json_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.setup("test")
    telemetry.log().info("signed in", email="ada@example.com", order="ord_1", error=ValueError("for ada@example.com"))
    line = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert line["event"] == "signed in"
    assert line["order"] == "ord_1"
    assert "ada@" not in json.dumps(line)
