"""What /openapi.json says of the shop is so, whoever asks: Schemathesis puts questions to every operation.

The same questions each time. A 429 is an answer as described: sign-in and checkout let few a second through.
Left out, each for its reason:

- `GET /checkout/{checkout_id}/events` and `GET /orders/{order_ref}/events`, which for what exists are streams without
  an end.
- For whoever is signed in, what might end that session: `POST /auth/logout`, `DELETE /auth/sessions/{session_id}` and
  `POST /auth/refresh`. Nobody asks them.
- The checks of rights and of what is refused (`ignored_auth`, `negative_data_rejection`, `positive_data_acceptance`,
  `unsupported_method`): the tests of the rooms and of the gateway know more of them.
- The phases `stateful` (the other journeys make sequences with sense) and, but for the merchant, who gets
  furthest, `coverage` (each limit of each value in turn: thousands of cases).

Ids are made up, and the examples are those of the demo shop, which is not here: whoever may delete finds nothing to
delete.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bodega.kit.testing import Caller
from tests.journeys.shop import Merchant, Shopper

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

CASES_PER_OPERATION = 4  # with the merchant's coverage, all three callers take a minute and a half on two cores
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
)  # fmt: skip
ENDLESS = r"^/(checkout/\{checkout_id\}|orders/\{order_ref\})/events$"
ENDS_SESSIONS = r"^/auth/(logout|refresh|sessions/\{session_id\})$"


async def is_as_described(
    api: Caller, root: Path, where: Path, leave_out: Sequence[str], phases: str = "examples,fuzzing"
) -> None:
    """Runs Schemathesis with the caller's headers; shows what it found."""
    arguments = [
        "run", f"{api.base}/openapi.json",
        "--checks", ",".join(CHECKS), "--phases", phases,
        "--max-examples", str(CASES_PER_OPERATION), "--generation-deterministic",
        "--no-shrink", "--continue-on-failure", "--suppress-health-check", "all",
        "--request-timeout", "10", "--workers", "1", "--warnings", "off", "--no-color",
        "--generation-with-security-parameters", "false",  # a made-up cookie would only meet the check of origins
    ]  # fmt: skip
    for pattern in leave_out:
        arguments += ["--exclude-path-regex", pattern]
    for name, value in api.headers.items():
        arguments += ["--header", f"{name}: {value}"]
    program = Path(sys.executable).with_name("schemathesis")
    running = await asyncio.create_subprocess_exec(
        program, *arguments, cwd=where,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.journeys.asking", "PYTHONPATH": str(root)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    if running.returncode != 0:
        pytest.fail(output.decode(errors="replace"), pytrace=False)


async def test_nobody_is_answered_as_described(api: Caller, root: Path, tmp_path: Path) -> None:
    await is_as_described(api, root, tmp_path, [ENDLESS])


async def test_a_customer_is_answered_as_described(customer: Shopper, root: Path, tmp_path: Path) -> None:
    await is_as_described(customer.api, root, tmp_path, [ENDLESS, ENDS_SESSIONS])


async def test_a_merchant_is_answered_as_described(merchant: Merchant, root: Path, tmp_path: Path) -> None:
    await is_as_described(merchant.api, root, tmp_path, [ENDLESS, ENDS_SESSIONS], phases="examples,coverage,fuzzing")
