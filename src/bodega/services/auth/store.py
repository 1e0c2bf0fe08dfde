"""Auth in PostgreSQL: the only file here that knows SQL. Ages and deadlines are by the database's clock."""

import json
from dataclasses import replace
from typing import Any

from bodega.kit.auth import EndedList
from bodega.kit.db import Row, Transaction
from bodega.kit.retention import DAY, HOUR, Prune, older_than
from bodega.services.auth.domain import Account, KeyState, Mailbox, Purpose, RefreshToken, Role, Session, SigningKey
from bodega.services.auth.errors import EventNotFound

_KEYS_LOCK = 0xA074  # one key: the lock is per database, and this one is ours


# --- accounts ---------------------------------------------------------------------------------------


async def insert_account(tx: Transaction, account: Account, box: Mailbox) -> bool:
    """False, if the mailbox has an account already."""
    return bool(
        await tx.fetchval(
            """INSERT INTO account (id, email, email_key, password_hash, roles, locale, verified_at, version)
               VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN now() END, $8)
               ON CONFLICT (email_key) DO NOTHING RETURNING true""",
            account.id, account.email, box.key, account.password_hash, list(account.roles), account.locale,
            account.verified, account.version,
        )
    )  # fmt: skip


async def find_account(tx: Transaction, email_key: str) -> Account | None:
    row = await tx.fetchrow("SELECT * FROM account WHERE email_key = $1", email_key)
    return _account(row) if row is not None else None


async def staff(tx: Transaction) -> list[Account]:
    """Whoever has rights, by e-mail. A shop's staff are few, so there are no pages."""
    rows = await tx.fetch("SELECT * FROM account WHERE roles && ARRAY['merchant', 'support'] ORDER BY email_key")
    return [_account(row) for row in rows]


async def find_locked(tx: Transaction, email_key: str) -> Account | None:
    row = await tx.fetchrow("SELECT * FROM account WHERE email_key = $1 FOR UPDATE", email_key)
    return _account(row) if row is not None else None


async def lock_account(tx: Transaction, account_id: str) -> Account:
    """Of an account that something else refers to, so it exists."""
    row = await tx.fetchrow("SELECT * FROM account WHERE id = $1 FOR UPDATE", account_id)
    assert row is not None
    return _account(row)


async def find_by_id(tx: Transaction, account_id: str) -> Account | None:
    row = await tx.fetchrow("SELECT * FROM account WHERE id = $1", account_id)
    return _account(row) if row is not None else None


async def delete_account(tx: Transaction, account_id: str) -> bool:
    """With its sessions and its links. False: there is none."""
    await delete_sessions(tx, account_id)
    return bool(await tx.execute("DELETE FROM account WHERE id = $1", account_id))


async def save_account(tx: Transaction, account: Account) -> Account:
    """The account with its next version. The row must be locked."""
    after = replace(account, version=account.version + 1)
    await tx.execute(
        """UPDATE account SET password_hash = $2, roles = $3, version = $4, updated_at = now(),
                  verified_at = CASE WHEN $5 THEN coalesce(verified_at, now()) END
            WHERE id = $1""",
        after.id, after.password_hash, list(after.roles), after.version, after.verified,
    )  # fmt: skip
    return after


async def save_rehashed(tx: Transaction, account: Account, password_hash: str) -> None:
    """The same password under today's parameters: nothing that anybody else could see."""
    await tx.execute("UPDATE account SET password_hash = $2 WHERE id = $1", account.id, password_hash)


# --- sessions ---------------------------------------------------------------------------------------


async def insert_session(
    tx: Transaction, session_id: str, account_id: str, token_hash: bytes, *, user_agent: str, lasts_seconds: float
) -> None:
    await tx.execute(
        """INSERT INTO session (id, account_id, user_agent, expires_at)
           VALUES ($1, $2, $3, now() + make_interval(secs => $4))""",
        session_id, account_id, user_agent, lasts_seconds,
    )  # fmt: skip
    await tx.execute("INSERT INTO refresh_token (hash, session_id) VALUES ($1, $2)", token_hash, session_id)


async def keep_latest_sessions(tx: Transaction, account_id: str, limit: int) -> int:
    """Ends those that were not used for longest; how many. The account's row must be locked."""
    return await _end(
        tx,
        """SELECT id FROM session WHERE account_id = $1 ORDER BY used_at DESC, id DESC OFFSET $2""",
        account_id, limit,
    )  # fmt: skip


async def session_of_token(tx: Transaction, token_hash: bytes) -> str | None:
    session_id: str | None = await tx.fetchval("SELECT session_id FROM refresh_token WHERE hash = $1", token_hash)
    return session_id


async def lock_session(tx: Transaction, session_id: str) -> Account | None:
    """Whose session it is, while it lasts. Until the end of the transaction nobody else refreshes or ends it."""
    row = await tx.fetchrow(
        """SELECT a.* FROM session s JOIN account a ON a.id = s.account_id
            WHERE s.id = $1 AND s.expires_at > now() FOR UPDATE OF s""",
        session_id,
    )
    return _account(row) if row is not None else None


async def get_token(tx: Transaction, token_hash: bytes) -> RefreshToken:
    """Of a session that is locked, so it is there."""
    row = await tx.fetchrow(
        """SELECT hash, sealed_successor, extract(epoch FROM clock_timestamp() - replaced_at)::float8 AS replaced_ago
             FROM refresh_token WHERE hash = $1""",
        token_hash,
    )
    assert row is not None
    return RefreshToken(
        hash=row["hash"], replaced_seconds_ago=row["replaced_ago"], sealed_successor=row["sealed_successor"]
    )


async def replace_token(
    tx: Transaction, session_id: str, old: bytes, new: bytes, sealed: bytes, *, idle_seconds: float, most_seconds: float
) -> None:
    """The first use of `old` deletes the seal that was kept for its predecessor. The session goes on for
    `idle_seconds`, and never for longer than `most_seconds` from its beginning."""
    await tx.execute(
        "UPDATE refresh_token SET sealed_successor = NULL WHERE session_id = $1 AND sealed_successor IS NOT NULL",
        session_id,
    )
    await tx.execute(
        "UPDATE refresh_token SET replaced_at = clock_timestamp(), sealed_successor = $2 WHERE hash = $1", old, sealed
    )
    await tx.execute("INSERT INTO refresh_token (hash, session_id) VALUES ($1, $2)", new, session_id)
    await tx.execute(
        """UPDATE session SET used_at = now(), expires_at = least(now() + make_interval(secs => $2),
                                                                  created_at + make_interval(secs => $3))
            WHERE id = $1""",
        session_id, idle_seconds, most_seconds,
    )  # fmt: skip


async def sessions_of(tx: Transaction, account_id: str) -> list[Session]:
    """Used last first; no more than the limit, so there are no pages."""
    rows = await tx.fetch(
        "SELECT * FROM session WHERE account_id = $1 AND expires_at > now() ORDER BY used_at DESC, id DESC", account_id
    )
    return [
        Session(
            id=row["id"],
            account_id=row["account_id"],
            user_agent=row["user_agent"],
            created_at=row["created_at"],
            used_at=row["used_at"],
        )
        for row in rows
    ]


async def is_young(tx: Transaction, session_id: str, account_id: str, seconds: float) -> bool:
    """Whether this session of the account was opened, by a password, so short a time ago."""
    return bool(
        await tx.fetchval(
            """SELECT EXISTS (SELECT FROM session WHERE id = $1 AND account_id = $2 AND expires_at > now()
                         AND created_at > now() - make_interval(secs => $3))""",
            session_id, account_id, seconds,
        )
    )  # fmt: skip


async def delete_session(tx: Transaction, session_id: str, account_id: str | None = None) -> bool:
    """Ends it; with an account, only if it is that one's."""
    mine = "SELECT id FROM session WHERE id = $1 AND ($2::text IS NULL OR account_id = $2)"
    return bool(await _end(tx, mine, session_id, account_id))


async def delete_sessions(tx: Transaction, account_id: str, *, but: str | None = None) -> int:
    """Ends all of an account, `but` one. How many there were."""
    return await _end(tx, "SELECT id FROM session WHERE account_id = $1 AND id IS DISTINCT FROM $2", account_id, but)


async def _end(tx: Transaction, which: str, *args: Any) -> int:
    """Deletes the sessions that `which` selects, and notes that they have ended: so their access tokens are refused
    from then on. How many there were."""
    ids = [row["id"] for row in await tx.fetch(f"{which} FOR UPDATE", *args)]
    await tx.execute(
        """WITH gone AS (DELETE FROM session WHERE id = ANY($1) RETURNING id)
           INSERT INTO ended_session (session_id) SELECT id FROM gone""",
        ids,
    )
    return len(ids)


async def ended_sessions(tx: Transaction, since: float | None, *, keep_seconds: float) -> EndedList:
    """Those that have ended since then; without it, those of which an access token may still be good."""
    row = await tx.fetchrow(
        """SELECT extract(epoch FROM clock_timestamp())::float8 AS as_of,
                  coalesce(array_agg(session_id), '{}') AS sessions
             FROM ended_session
            WHERE ended_at > coalesce(to_timestamp($1), clock_timestamp() - make_interval(secs => $2))""",
        since, keep_seconds,
    )  # fmt: skip
    assert row is not None
    return EndedList(as_of=row["as_of"], sessions=row["sessions"])


async def seconds_left(tx: Transaction, session_id: str) -> float:
    """How long a session goes on if it is not used again."""
    seconds: float = await tx.fetchval(
        "SELECT extract(epoch FROM expires_at - now())::float8 FROM session WHERE id = $1", session_id
    )
    return seconds


# --- links in mails ---------------------------------------------------------------------------------


async def insert_mail_link(tx: Transaction, event_id: str, account_id: str, purpose: Purpose) -> None:
    await tx.execute(
        "INSERT INTO mail_link (event_id, account_id, purpose) VALUES ($1::uuid, $2, $3)", event_id, account_id, purpose
    )


async def get_mail_link(tx: Transaction, event_id: str) -> tuple[Purpose, bool]:
    """What the link is for, and whether it is still of use. Raises EventNotFound."""
    row = await tx.fetchrow(
        """SELECT l.purpose, l.used_at IS NULL AND NOT (l.purpose = 'verify' AND a.verified_at IS NOT NULL) AS of_use
             FROM mail_link l JOIN account a ON a.id = l.account_id WHERE l.event_id = $1::uuid""",
        event_id,
    )
    if row is None:
        raise EventNotFound("no link belongs to this event")
    return row["purpose"], row["of_use"]


async def mint_mail_link(tx: Transaction, event_id: str, token_hash: bytes, seconds: int) -> Any:
    """When it runs out."""
    return await tx.fetchval(
        """UPDATE mail_link SET token_hash = $2, expires_at = now() + make_interval(secs => $3)
            WHERE event_id = $1::uuid RETURNING expires_at""",
        event_id, token_hash, float(seconds),
    )  # fmt: skip


async def find_link_owner(tx: Transaction, token_hash: bytes, *purposes: Purpose) -> Account | None:
    """Whose link it is, if it is for one of these and can be used."""
    row = await tx.fetchrow(
        """SELECT a.* FROM mail_link l JOIN account a ON a.id = l.account_id
            WHERE l.token_hash = $1 AND l.purpose = ANY($2) AND l.used_at IS NULL AND l.expires_at > now()""",
        token_hash, list(purposes),
    )  # fmt: skip
    return _account(row) if row is not None else None


async def use_link(tx: Transaction, token_hash: bytes, *purposes: Purpose) -> str | None:
    """Whose it was; None, if it cannot be used (any more). Of two at once, one gets it."""
    account_id: str | None = await tx.fetchval(
        """UPDATE mail_link SET used_at = now()
            WHERE token_hash = $1 AND purpose = ANY($2) AND used_at IS NULL AND expires_at > now()
           RETURNING account_id""",
        token_hash, list(purposes),
    )  # fmt: skip
    return account_id


async def use_all_links(tx: Transaction, account_id: str, *purposes: Purpose) -> None:
    await tx.execute(
        "UPDATE mail_link SET used_at = now() WHERE account_id = $1 AND purpose = ANY($2) AND used_at IS NULL",
        account_id, list(purposes),
    )  # fmt: skip


async def prove_later(tx: Transaction, account_id: str, seconds: float) -> None:
    """The mailbox counts as proven in so many seconds."""
    await tx.execute(
        "UPDATE account SET proof_due_at = clock_timestamp() + make_interval(secs => $2) WHERE id = $1",
        account_id, seconds,
    )  # fmt: skip


async def take_due_proofs(tx: Transaction, limit: int) -> list[Account]:
    """Accounts whose mailbox counts as proven by now, locked. Several replicas share them (SKIP LOCKED). `now()`, since
    no index is searched by a clock that goes on meanwhile."""
    rows = await tx.fetch(
        """UPDATE account SET proof_due_at = NULL WHERE id IN
             (SELECT id FROM account WHERE proof_due_at <= now() ORDER BY proof_due_at LIMIT $1
                 FOR UPDATE SKIP LOCKED)
           RETURNING *""",
        limit,
    )
    return [_account(row) for row in rows]


async def insert_reset_wish(tx: Transaction, email_key: str) -> None:
    await tx.execute("INSERT INTO reset_wish (email_key) VALUES ($1)", email_key)


async def delete_reset_wishes(tx: Transaction, email_key: str) -> None:
    await tx.execute("DELETE FROM reset_wish WHERE email_key = $1", email_key)


async def take_reset_wishes(tx: Transaction, limit: int) -> list[str]:
    """The mailboxes of the oldest wishes. Several replicas share them (SKIP LOCKED)."""
    rows = await tx.fetch(
        """DELETE FROM reset_wish WHERE position IN
             (SELECT position FROM reset_wish ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED)
           RETURNING email_key""",
        limit,
    )
    return [row["email_key"] for row in rows]


# --- guessing ---------------------------------------------------------------------------------------


async def count_attempt(tx: Transaction, key: str, *, memory_seconds: float) -> int | None:
    """Failures in a row, this one included; None, if the next attempt must still wait."""
    failures: int | None = await tx.fetchval(
        """INSERT INTO throttle AS t (key, failures, blocked_until, last_at)
           VALUES ($1, 1, clock_timestamp(), clock_timestamp())
           ON CONFLICT (key) DO UPDATE
              SET failures = CASE WHEN t.last_at < clock_timestamp() - make_interval(secs => $2) THEN 1
                                  ELSE t.failures + 1 END,
                  last_at = clock_timestamp()
            WHERE t.blocked_until <= clock_timestamp()
           RETURNING failures""",
        key, memory_seconds,
    )  # fmt: skip
    return failures


async def block(tx: Transaction, key: str, seconds: float) -> None:
    await tx.execute(
        "UPDATE throttle SET blocked_until = clock_timestamp() + make_interval(secs => $2) WHERE key = $1", key, seconds
    )


async def blocked_seconds(tx: Transaction, key: str) -> float:
    """How long the next attempt must still wait; 0 or less: not at all."""
    seconds: float = await tx.fetchval(
        "SELECT extract(epoch FROM blocked_until - clock_timestamp())::float8 FROM throttle WHERE key = $1", key
    )
    return seconds


async def forgive_one(tx: Transaction, key: str) -> None:
    """An attempt was none after all."""
    await tx.execute(
        "UPDATE throttle SET failures = greatest(failures - 1, 0), blocked_until = clock_timestamp() WHERE key = $1",
        key,
    )


async def forgive_all(tx: Transaction, key: str) -> None:
    await tx.execute("DELETE FROM throttle WHERE key = $1", key)


# --- signing keys -----------------------------------------------------------------------------------


async def lock_keys(tx: Transaction) -> None:
    """Until the end of the transaction nobody else makes or rotates keys."""
    await tx.execute("SELECT pg_advisory_xact_lock($1)", _KEYS_LOCK)


async def signing_keys(tx: Transaction) -> dict[KeyState, SigningKey]:
    rows = await tx.fetch(
        "SELECT *, extract(epoch FROM clock_timestamp() - since)::float8 AS age FROM signing_key ORDER BY since"
    )
    return {
        row["state"]: SigningKey(
            kid=row["kid"], state=row["state"], public=row["public"], sealed=row["sealed"], age_seconds=row["age"]
        )
        for row in rows
    }


async def insert_signing_key(tx: Transaction, state: KeyState, kid: str, public: dict[str, Any], sealed: bytes) -> None:
    await tx.execute(
        "INSERT INTO signing_key (kid, state, public, sealed) VALUES ($1, $2, $3::jsonb, $4)",
        kid, state, json.dumps(public), sealed,
    )  # fmt: skip


async def promote_keys(tx: Transaction) -> None:
    """`previous` goes, `current` becomes previous, `next` becomes current; there is no `next` then."""
    await tx.execute("DELETE FROM signing_key WHERE state = 'previous'")
    await tx.execute("UPDATE signing_key SET state = 'previous', since = clock_timestamp() WHERE state = 'current'")
    await tx.execute("UPDATE signing_key SET state = 'current', since = clock_timestamp() WHERE state = 'next'")


# --- tidying up -------------------------------------------------------------------------------------


async def delete_late_seals(tx: Transaction, successor_seconds: float) -> None:
    await tx.execute(
        """UPDATE refresh_token SET sealed_successor = NULL
            WHERE sealed_successor IS NOT NULL AND replaced_at < clock_timestamp() - make_interval(secs => $1)""",
        successor_seconds,
    )


def useless_after(*, session_seconds: float, attempt_memory_seconds: float) -> list[Prune]:
    """What nothing can refer to any more."""
    return [
        older_than(0, "session", "expires_at"),
        older_than(HOUR, "ended_session", "ended_at"),
        older_than(session_seconds, "refresh_token", "replaced_at"),
        older_than(attempt_memory_seconds, "throttle", "last_at"),
        older_than(14 * DAY, "mail_link", "created_at"),  # later no topic brings the event, so nobody asks for its link
    ]


def _account(row: Row) -> Account:
    roles: list[Role] = row["roles"]
    return Account(
        id=row["id"],
        email=row["email"],
        password_hash=row["password_hash"],
        roles=tuple(roles),
        locale=row["locale"],
        verified=row["verified_at"] is not None,
        version=row["version"],
    )
