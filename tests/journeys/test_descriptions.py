"""What /openapi.json says of the shop is so, whoever asks: Schemathesis puts questions to every operation.

The same questions each time. All three callers ask at the same time, each from an address of its own: limits are
counted by address. A 429 is an answer as described: sign-in and checkout let few a second through.
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
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bodega.kit.testing import Caller
from tests.journeys.conftest import registered
from tests.journeys.shop import Merchant

pytestmark = [pytest.mark.journey, pytest.mark.alone, pytest.mark.timeout(900)]

CASES_PER_OPERATION = 4  # with the merchant's coverage, all three callers take three quarters of a minute on two cores
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
)  # fmt: skip
ENDLESS = r"^/(checkout/\{checkout_id\}|orders/\{order_ref\})/events$"
ENDS_SESSIONS = r"^/auth/(logout|refresh|sessions/\{session_id\})$"


Asking = dict[str, asyncio.Task[str | None]]
"""By caller: what Schemathesis has found that is not as described."""


async def not_as_described(
    api: Caller, address: str, root: Path, where: Path, leave_out: Sequence[str], phases: str = "examples,fuzzing"
) -> str | None:
    """Runs Schemathesis with the caller's headers, from a loopback address; gives what it found, if anything."""
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
    told = {"SCHEMATHESIS_HOOKS": "tests.journeys.asking", "ASKING_FROM": address, "PYTHONPATH": str(root)}
    running = await asyncio.create_subprocess_exec(
        program, *arguments, cwd=where, env={**os.environ, **told},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    return output.decode(errors="replace") if running.returncode else None


@pytest.fixture(scope="module")
async def asking(
    api: Caller, merchant: Merchant, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Asking]:
    customer = (await registered(api)).api
    where = tmp_path_factory.mktemp
    leave_out = [ENDLESS, ENDS_SESSIONS]
    callers = {
        "nobody": not_as_described(api, "127.0.0.2", root, where("nobody"), [ENDLESS]),
        "customer": not_as_described(customer, "127.0.0.3", root, where("customer"), leave_out),
        "merchant": not_as_described(
            merchant.api, "127.0.0.4", root, where("merchant"), leave_out, phases="examples,coverage,fuzzing"
        ),
    }
    tasks = {name: asyncio.create_task(caller) for name, caller in callers.items()}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


async def is_as_described(found: "asyncio.Task[str | None]") -> None:
    if faults := await found:
        pytest.fail(faults, pytrace=False)


async def test_nobody_is_answered_as_described(asking: Asking) -> None:
    await is_as_described(asking["nobody"])


async def test_a_customer_is_answered_as_described(asking: Asking) -> None:
    await is_as_described(asking["customer"])


async def test_a_merchant_is_answered_as_described(asking: Asking) -> None:
    await is_as_described(asking["merchant"])
