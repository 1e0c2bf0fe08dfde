"""Security events: who signed in, who was refused, whose rights changed, and what staff have done.

Each is one line of the service's log, `"event": "security"`, so that an operator or a program that watches it finds
them. They bear ids, the client's address and the outcome, and nothing else about a person. `docs/guides/operating.md`
explains each name; those that the OWASP Logging Vocabulary has are spelt as there.
"""

from collections.abc import Mapping
from contextvars import ContextVar, Token
from functools import partial
from typing import Any, Literal, get_args

from bodega.kit.db import Transaction
from bodega.kit.telemetry import log

Name = Literal[
    "authn_login_success",
    "authn_login_fail",
    "authn_token_invalid",
    "authn_token_reuse",
    "authn_password_change",
    "authn_password_reset_requested",
    "authn_password_reset_started",
    "authn_link_sent",
    "authn_link_refused",
    "authn_mailbox_proven",
    "authn_identity_confirmed",
    "session_renewed",
    "session_ended",
    "excess_rate_limit_exceeded",
    "authz_fail",
    "authz_change",
    "authz_admin",
    "user_created",
    "user_exported",
    "user_deleted",
]
NAMES: tuple[Name, ...] = get_args(Name)
Outcome = Literal["success", "failure"]

_client: ContextVar[str | None] = ContextVar("client", default=None)
_log = log()


def set_client(address: str | None) -> Token[str | None]:
    """From now on this task answers a client at this address. Undo it with `unset_client`."""
    return _client.set(address)


def unset_client(token: Token[str | None]) -> None:
    _client.reset(token)


def record(name: Name, outcome: Outcome = "success", /, **facts: str | int | None) -> None:
    """Writes a security event. `facts`: `subject` (whose account it is about), `actor` (who did it, if somebody else),
    `session`, `reason`, `action` and other ids; what is None is left out. The client's address is added."""
    known = {key: value for key, value in {**facts, "source_ip": _client.get()}.items() if value is not None}
    write = _log.info if outcome == "success" else _log.warning
    write("security", security=name, outcome=outcome, **known)


def record_on_commit(tx: Transaction, name: Name, outcome: Outcome = "success", /, **facts: str | int | None) -> None:
    """As `record`, but only if the transaction commits: what was rolled back has not happened."""
    tx.after_commit(partial(record, name, outcome, **facts))


def action_of(scope: Mapping[str, Any]) -> str:
    """What a request asks for: its method and its route, `PATCH /admin/products/{product_ref}`."""
    return f"{scope['method']} {getattr(scope.get('route'), 'path', 'unmatched')}"
