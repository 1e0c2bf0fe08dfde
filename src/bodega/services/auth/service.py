"""What auth does. Each use case runs in the one transaction that its door has opened.

Where a password is involved there are two, and these use cases take the database: between the two the password is
hashed, and 26 ms of CPU, perhaps in a queue, must hold neither a row nor a connection.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar
from uuid import UUID

from bodega.contracts.auth import ConfirmIdentity, IdentityConfirmed, MailLink
from bodega.contracts.envelope import event
from bodega.contracts.ids import new_id
from bodega.contracts.users import CustomerRegistered, CustomerVerified, PasswordChanged, PasswordResetRequested
from bodega.kit import security
from bodega.kit.auth import EndedList, Identity
from bodega.kit.db import Database, Transaction
from bodega.services.auth import domain, store
from bodega.services.auth.domain import Account, Allowance, KeyState, Mailbox, Purpose, Role, SigningKey
from bodega.services.auth.domain.passwords import Hasher, refuse_weak
from bodega.services.auth.domain.seals import (
    Vault,
    access_token,
    digest,
    new_token,
    open_successor,
    seal_successor,
)
from bodega.services.auth.errors import (
    AccountNotFound,
    BadCredentials,
    EmailTaken,
    EventNotFound,
    LinkUsed,
    ProofMissing,
    SessionNotFound,
    TooManyAttempts,
)
from bodega.services.auth.settings import Settings

_LATE_CLOCKS_SECONDS = 60
_ENDED_EVERYWHERE_SECONDS = 2.0
"""After so long no service takes an access token of a session that has ended: twice what `kit.auth` promises."""
_SPENT = "This link has been used or has expired. Please ask for a new one."
_WRONG = "The e-mail or password is wrong."

Fact = TypeVar("Fact", CustomerRegistered, CustomerVerified, PasswordResetRequested, PasswordChanged)


@dataclass(frozen=True, slots=True)
class Tools:
    """What the use cases work with."""

    settings: Settings
    hasher: Hasher
    vault: Vault


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from."""

    address: str
    user_agent: str
    device: str | None = None
    """What a sign-in before has left on this device (`Vault.device_token`)."""
    earlier: str | None = None
    """The refresh token of a session that this browser still has."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session, with the tokens that are told once."""

    account: Account
    session_id: str
    access_token: str
    refresh_token: str
    access_seconds: int
    session_seconds: int
    """Until it ends, if it is not used again."""


# --- coming in --------------------------------------------------------------------------------------


async def register(
    db: Database, tools: Tools, box: Mailbox, password: str, *, name: str, locale: str, visitor: Visitor
) -> Opened:
    """A new account, signed in.

    If the mailbox has an account already and the password is its password, it is signed in as by a login: whoever
    did not get the answer may ask again. With any other password this says EmailTaken, and counts as a wrong guess:
    what login and "forgot" keep to themselves cannot be kept where the right answer is an account.

    Raises: WeakPassword, EmailTaken, TooManyAttempts.
    """
    refuse_weak(password, box.key, name, tools.settings.shop_name)
    while True:
        existing = await _attempt(db, tools, box, visitor)
        if existing is not None:
            if not await tools.hasher.check(password, existing.password_hash):
                security.record("authn_login_fail", "failure", subject=existing.id, reason=EmailTaken.code)
                raise EmailTaken("there is already an account with this e-mail; sign in, or set a new password")
            return await _come_in(db, tools, box, existing, password, visitor)
        account = Account(
            id=new_id("cus"), email=box.address, password_hash=await tools.hasher.hash(password),
            roles=("customer",), locale=locale, verified=False, version=1,
        )  # fmt: skip
        async with db.transaction() as tx:
            await _forgive(tx, _allowances(tools, box, visitor, None))
            made = await store.insert_account(tx, account, box)
            if made:
                await _count(tx, tools.settings, [_sign_ups(tools.settings, visitor)])
                await _tell_registered(tx, account, name)
                opened = await _open_session(tx, tools, account, visitor)
        if made:
            await _end_earlier(db, visitor)
            return opened
        # Somebody else has registered it in the meantime: then it is there now.


async def log_in(db: Database, tools: Tools, box: Mailbox, password: str, visitor: Visitor) -> Opened:
    """Raises: BadCredentials, after the same work whether there is such an account or not; TooManyAttempts."""
    account = await log_in_check(db, tools, box, password, visitor)
    return await _come_in(db, tools, box, account, password, visitor)


async def log_in_check(db: Database, tools: Tools, box: Mailbox, password: str, visitor: Visitor) -> Account:
    """The account that the password opens. Raises as `log_in` does."""
    account = await _attempt(db, tools, box, visitor)
    if not await tools.hasher.check(password, account.password_hash if account else None) or account is None:
        raise _bad_credentials(account)
    return account


def _bad_credentials(account: Account | None) -> BadCredentials:
    security.record("authn_login_fail", "failure", subject=account.id if account else None, reason=BadCredentials.code)
    return BadCredentials(_WRONG)


async def _attempt(db: Database, tools: Tools, box: Mailbox, visitor: Visitor) -> Account | None:
    """The account whose password is about to be tried. The attempt counts as failed until it has succeeded, or a
    hundred at once would all be the first."""
    async with db.transaction() as tx:
        account = await store.find_account(tx, box.key)
        await _count(tx, tools.settings, _allowances(tools, box, visitor, account), account)
        return account


async def _come_in(
    db: Database, tools: Tools, box: Mailbox, account: Account, password: str, visitor: Visitor
) -> Opened:
    """After the password was found right. Raises BadCredentials, if it has been changed in that moment."""
    outdated = tools.hasher.is_outdated(account.password_hash)
    rehashed = await tools.hasher.hash(password) if outdated else account.password_hash
    async with db.transaction() as tx:
        await _forgive(tx, _allowances(tools, box, visitor, account))
        now = await store.find_locked(tx, box.key)
        if now is None or now.password_hash != account.password_hash:
            raise _bad_credentials(account)
        if outdated:
            await store.save_rehashed(tx, now, rehashed)
        opened = await _open_session(tx, tools, now, visitor)
    await _end_earlier(db, visitor)
    return opened


async def _end_earlier(db: Database, visitor: Visitor) -> None:
    """Ends the session that this browser had before it signed in anew: nobody could sign it out any more."""
    if visitor.earlier is not None:
        async with db.transaction() as tx:
            await _end_session_of(tx, visitor.earlier, reason="signed_in_again")


async def _open_session(tx: Transaction, tools: Tools, account: Account, visitor: Visitor) -> Opened:
    session_id, token = new_id("ses"), new_token()
    await store.insert_session(
        tx, session_id, account.id, digest(token), user_agent=visitor.user_agent,
        lasts_seconds=min(_lasting(tools.settings, account)),
    )  # fmt: skip
    security.record_on_commit(tx, "authn_login_success", subject=account.id, session=session_id)
    ended = await store.keep_latest_sessions(tx, account.id, tools.settings.session_limit)
    _note_ended(tx, account.id, ended, "too_many")
    return await _opened(tx, tools, account, session_id, token)


async def refresh(tx: Transaction, tools: Tools, token: str) -> Opened | None:
    """The session goes on with new tokens; None, if it has ended.

    It is for the door to say so, after the commit: if the token was a used one, the session has just ended for it,
    and an error raised in here would undo that.
    """
    shown = digest(token)
    session_id = await store.session_of_token(tx, shown)
    account = await store.lock_session(tx, session_id) if session_id is not None else None
    if session_id is None or account is None:
        security.record_on_commit(tx, "authn_token_invalid", "failure", session=session_id, reason="session_ended")
        return None
    known = await store.get_token(tx, shown)
    match domain.verdict(known, successor_seconds=tools.settings.successor_seconds):
        case "rotate":
            successor = new_token()
            idle, most = _lasting(tools.settings, account)
            await store.replace_token(
                tx, session_id, shown, digest(successor), seal_successor(successor, token),
                idle_seconds=idle, most_seconds=most,
            )  # fmt: skip
        case "repeat":
            assert known.sealed_successor is not None
            successor = open_successor(known.sealed_successor, token)
        case "reused":
            await store.delete_session(tx, session_id)
            security.record_on_commit(tx, "authn_token_reuse", "failure", subject=account.id, session=session_id)
            return None
    security.record_on_commit(tx, "session_renewed", subject=account.id, session=session_id)
    return await _opened(tx, tools, account, session_id, successor)


async def log_out(tx: Transaction, token: str) -> None:
    """Ends the session of this refresh token, if there is one."""
    await _end_session_of(tx, token, reason="signed_out")


async def _end_session_of(tx: Transaction, token: str, *, reason: str) -> None:
    session_id = await store.session_of_token(tx, digest(token))
    if session_id is not None and await store.delete_session(tx, session_id):
        security.record_on_commit(tx, "session_ended", session=session_id, reason=reason)


async def end_session(tx: Transaction, account_id: str, session_id: str) -> None:
    """Raises SessionNotFound."""
    if not await store.delete_session(tx, session_id, account_id):
        security.record("authz_fail", "failure", subject=account_id, reason="session_not_found")
        raise SessionNotFound("you have no session with this id")
    security.record_on_commit(tx, "session_ended", subject=account_id, session=session_id, reason="ended_by_owner")


async def end_other_sessions(tx: Transaction, customer: Identity) -> None:
    """Ends all sessions of the customer but the one that asks."""
    ended = await store.delete_sessions(tx, customer.subject, but=customer.session)
    _note_ended(tx, customer.subject, ended, "ended_by_owner")


def _note_ended(tx: Transaction, account_id: str, sessions: int, reason: str) -> None:
    if sessions:
        security.record_on_commit(tx, "session_ended", subject=account_id, sessions=sessions, reason=reason)


async def ended_sessions(tx: Transaction, settings: Settings, since: float | None) -> EndedList:
    """Which sessions have ended since then; without it, those of which an access token may still be good somewhere."""
    return await store.ended_sessions(tx, since, keep_seconds=settings.access_token_seconds + _LATE_CLOCKS_SECONDS)


def _lasting(settings: Settings, account: Account) -> tuple[float, float]:
    """How long a session lasts unused, and at most."""
    if set(account.roles) == {"customer"}:
        return settings.session_idle_seconds, settings.session_most_seconds
    return settings.staff_session_idle_seconds, settings.staff_session_most_seconds


async def _opened(tx: Transaction, tools: Tools, account: Account, session_id: str, refresh_token: str) -> Opened:
    key = (await keys(tx, tools.vault))["current"]
    settings = tools.settings
    left = int(await store.seconds_left(tx, session_id))
    access_seconds = max(0, min(settings.access_token_seconds, left))  # never longer than its session
    signed = access_token(
        tools.vault.signing_key(key.kid, key.sealed), key.kid, issuer=settings.token_issuer,
        audience=settings.token_audience, subject=account.id, roles=account.roles, session=session_id,
        seconds=access_seconds,
    )  # fmt: skip
    return Opened(account, session_id, signed, refresh_token, access_seconds=access_seconds, session_seconds=left)


# --- proving an e-mail, setting a new password ----------------------------------------------------------


async def verify_email(
    db: Database, tools: Tools, token: str, *, signed_in: str | None, password: str | None, visitor: Visitor
) -> None:
    """Proves the mailbox, for whoever has both the mail and the account: `signed_in` to it, or with its password.

    Anybody can register with somebody else's e-mail. If the mail's link alone proved the mailbox, its owner, by
    following it, would give a stranger what was ordered with it. Who has the mail but not the account sets a new
    password with the same link (`reset_password`).

    Raises: LinkUsed, ProofMissing, BadCredentials, TooManyAttempts.
    """
    shown = digest(token)
    async with db.reading() as tx:
        owner = await store.find_link_owner(tx, shown, "verify")
    if owner is None:
        raise _spent("verify")
    if signed_in != owner.id:
        if password is None:
            raise ProofMissing("Please sign in, enter the account's password, or set a new one.")
        await log_in_check(db, tools, domain.mailbox(owner.email), password, visitor)
    async with db.transaction() as tx:
        account_id = await store.use_link(tx, shown, "verify")
        if account_id is None:
            raise _spent("verify")
        account = await store.lock_account(tx, account_id)
        if signed_in != owner.id and account.password_hash != owner.password_hash:
            raise _bad_credentials(account)
        await store.use_all_links(tx, account_id, "verify")
        await _verified(tx, account)


def _spent(purpose: str) -> LinkUsed:
    security.record("authn_link_refused", "failure", reason=LinkUsed.code, purpose=purpose)
    return LinkUsed(_SPENT)


async def ask_verification(tx: Transaction, settings: Settings, account_id: str, visitor: Visitor) -> None:
    """One more mail with a link to prove the e-mail: the first was lost, or its link has run out. Nothing, if it is
    proven already. That the account exists is told again, as a fact with a link of its own.

    Raises TooManyAttempts.
    """
    by_account = Allowance(f"verify:{account_id}", settings.account_free_attempts)
    await _count(tx, settings, [_by_address(settings, visitor), by_account])
    known = await store.find_by_id(tx, account_id)
    account = await store.find_locked(tx, domain.mailbox(known.email).key) if known is not None else None
    if account is not None and not account.verified:
        account, fact_id = await _tell(tx, account, CustomerRegistered)
        await store.insert_mail_link(tx, fact_id, account.id, "verify")
        security.record_on_commit(tx, "authn_link_sent", subject=account.id, purpose="verify")


async def forget_password(tx: Transaction, settings: Settings, box: Mailbox, visitor: Visitor) -> None:
    """Notes that somebody wants a new password. Whether there is an account is found out later, by `answer_wishes`:
    so the answer, and the time that it takes, are the same.

    Raises TooManyAttempts.
    """
    by_mailbox = Allowance(_forgot_key(box), settings.account_free_attempts)
    await _count(tx, settings, [_by_address(settings, visitor), by_mailbox])
    await store.insert_reset_wish(tx, box.key)
    security.record_on_commit(tx, "authn_password_reset_requested")  # whose it is, is found out later


async def answer_wishes(tx: Transaction, limit: int) -> int:
    """How many wishes for a new password were looked at."""
    wishes = await store.take_reset_wishes(tx, limit)
    for email_key in sorted(set(wishes)):  # in key order: two replicas never wait for each other
        account = await store.find_locked(tx, email_key)
        if account is not None:
            account, fact_id = await _tell(tx, account, PasswordResetRequested)
            await store.insert_mail_link(tx, fact_id, account.id, "reset")
            security.record_on_commit(tx, "authn_password_reset_started", subject=account.id)
    return len(wishes)


async def reset_password(db: Database, tools: Tools, token: str, password: str) -> None:
    """Sets a new password and ends all sessions. Who has the link has the mailbox too: it is proven by that, as soon as
    no service takes an access token of the ended sessions any more. A link that was meant to prove the mailbox serves
    as well: then somebody else may have registered with it.

    Raises: LinkUsed, WeakPassword.
    """
    shown = digest(token)
    async with db.reading() as tx:
        owner = await store.find_link_owner(tx, shown, "reset", "verify")
    if owner is None:  # before the hashing, or anybody could keep us at it
        raise _spent("reset")
    box = domain.mailbox(owner.email)
    refuse_weak(password, box.key, tools.settings.shop_name)
    password_hash = await tools.hasher.hash(password)
    async with db.transaction() as tx:
        account_id = await store.use_link(tx, shown, "reset", "verify")
        if account_id is None:
            raise _spent("reset")
        await store.use_all_links(tx, account_id, "reset", "verify")
        account = await store.lock_account(tx, account_id)
        await _set_password(tx, account, password_hash, "reset")
        if not account.verified:
            await store.prove_later(tx, account_id, _ENDED_EVERYWHERE_SECONDS)
        await store.forgive_all(tx, _account_key(box))


async def change_password(
    db: Database, tools: Tools, customer: Identity, current: str, password: str, visitor: Visitor
) -> None:
    """Sets a new password, for who is signed in and knows the old one; all other sessions end, and the links that were
    mailed to set a new one are void. A wrong old one counts like one at login.

    Raises: BadCredentials, WeakPassword, TooManyAttempts.
    """
    async with db.reading() as tx:
        known = await store.find_by_id(tx, customer.subject)
    if known is None:
        raise _bad_credentials(None)
    box = domain.mailbox(known.email)
    refuse_weak(password, box.key, tools.settings.shop_name)
    try:
        await log_in_check(db, tools, box, current, visitor)
    except BadCredentials as refused:
        raise BadCredentials("The current password is wrong.") from refused
    password_hash = await tools.hasher.hash(password)
    async with db.transaction() as tx:
        await _forgive(tx, _allowances(tools, box, visitor, known))
        account = await store.lock_account(tx, known.id)
        if account.password_hash != known.password_hash:
            raise _bad_credentials(account)
        await store.use_all_links(tx, account.id, "reset")
        await _set_password(tx, account, password_hash, "changed", but=customer.session)


async def tell_due_proofs(tx: Transaction, limit: int) -> int:
    """How many mailboxes count as proven from now on."""
    accounts = await store.take_due_proofs(tx, limit)
    for account in accounts:
        await _verified(tx, account)
    return len(accounts)


async def mail_link(tx: Transaction, tools: Tools, event_id: str) -> MailLink:
    """The link for the mail about an event, made only now.

    It is the same one if the mail is sent again, and valid for half an hour from then. The secret stands behind the
    `#`: so no server, log or referrer on the way sees it.

    Raises: EventNotFound; LinkUsed, if the mail is not needed any more.
    """
    try:
        event_id, purpose = await _link_about(tx, event_id)
    except (EventNotFound, LinkUsed) as refused:
        security.record("authn_link_refused", "failure", actor="notifications", reason=refused.code)
        raise
    security.record_on_commit(tx, "authn_link_sent", actor="notifications", event_id=event_id, purpose=purpose)
    token = tools.vault.link_token(event_id)
    expires_at = await store.mint_mail_link(tx, event_id, digest(token), tools.settings.mail_link_seconds)
    page = {"verify": "verify-email", "reset": "reset-password"}[purpose]
    return MailLink(url=f"{tools.settings.site_url}/account/{page}#token={token}", expires_at=expires_at)


async def _link_about(tx: Transaction, event_id: str) -> tuple[str, Purpose]:
    """The event's id in its one spelling, or one event would have two links; and what its link is for."""
    try:
        event_id = str(UUID(event_id))
    except ValueError as error:
        raise EventNotFound("this is not an event's id") from error
    purpose, of_use = await store.get_mail_link(tx, event_id)
    if not of_use:
        raise LinkUsed("this has already been done; no mail is needed")
    return event_id, purpose


# --- a person's data --------------------------------------------------------------------------------


async def confirm(db: Database, tools: Tools, account_id: str, wish: ConfirmIdentity) -> IdentityConfirmed:
    """Whether it is really they who ask for what cannot be undone. A wrong password counts like one at login."""
    settings = tools.settings
    async with db.reading() as tx:
        account = await store.find_by_id(tx, account_id)
        young = await store.is_young(tx, wish.session_id, account_id, settings.fresh_login_seconds)
    if account is None:
        return _not_confirmed(account_id, "refused")
    if set(account.roles) != {"customer"}:
        return _not_confirmed(account_id, "staff")
    key = _account_key(domain.mailbox(account.email))
    if wish.password is not None:
        try:
            async with db.transaction() as tx:
                await _count(tx, settings, [Allowance(key, settings.account_free_attempts)], account)
        except TooManyAttempts as refused:
            return IdentityConfirmed(outcome="too_many_attempts", retry_after_seconds=refused.retry_after_seconds or 1)
        if not await tools.hasher.check(wish.password, account.password_hash):
            return _not_confirmed(account_id, "refused")
        async with db.transaction() as tx:
            await store.forgive_all(tx, key)
    elif not young:
        return _not_confirmed(account_id, "refused")
    security.record("authn_identity_confirmed", subject=account_id, session=wish.session_id, actor="users")
    # Of an address that is not proven, others may be the owner: what was mailed there is not this customer's.
    return IdentityConfirmed(outcome="confirmed", email=account.email if account.verified else None)


def _not_confirmed(account_id: str, outcome: Literal["refused", "staff"]) -> IdentityConfirmed:
    security.record("authn_identity_confirmed", "failure", subject=account_id, reason=outcome, actor="users")
    return IdentityConfirmed(outcome=outcome)


async def export_customer(tx: Transaction, account_id: str) -> dict[str, Any]:
    """What is held of an account; of the password, not even its hash."""
    account = await store.find_by_id(tx, account_id)
    if account is None:
        return {}
    security.record_on_commit(tx, "user_exported", subject=account_id, actor="users")
    return {
        "account": {
            "id": account.id, "email": account.email, "email_verified": account.verified, "roles": account.roles,
            "locale": account.locale,
        },
        "sessions": [
            {"id": one.id, "user_agent": one.user_agent, "created_at": one.created_at, "used_at": one.used_at}
            for one in await store.sessions_of(tx, account_id)
        ],
    }  # fmt: skip


async def erase_customer(tx: Transaction, account_id: str) -> int:
    """The account is gone, and its sessions with it; its mailbox may register anew. How many accounts there were."""
    account = await store.find_by_id(tx, account_id)
    if account is None:
        return 0
    box = domain.mailbox(account.email)
    for key in (_account_key(box), _forgot_key(box)):
        await store.forgive_all(tx, key)
    await store.delete_reset_wishes(tx, box.key)
    security.record_on_commit(tx, "user_deleted", subject=account_id, actor="users")
    return int(await store.delete_account(tx, account_id))


# --- people with rights -----------------------------------------------------------------------------


async def make_user(
    db: Database, tools: Tools, box: Mailbox, password: str, *, name: str, roles: Iterable[Role]
) -> tuple[str, bool]:
    """An account with these roles, verified, with this password; whether it was made now. The operator's word: an
    account that exists gets the roles added and, if it has another password, this one (its sessions end then).

    Raises WeakPassword.
    """
    refuse_weak(password, box.key, name, tools.settings.shop_name)
    wanted = set(roles)
    while True:
        async with db.reading() as tx:
            existing = await store.find_account(tx, box.key)
        fits = existing is not None and await tools.hasher.check(password, existing.password_hash)
        password_hash = existing.password_hash if existing and fits else await tools.hasher.hash(password)
        async with db.transaction() as tx:
            account = await store.find_locked(tx, box.key)
            if account is None:
                account = Account(
                    id=new_id("cus"), email=box.address, password_hash=password_hash, roles=_sorted(wanted),
                    locale="en", verified=False, version=1,
                )  # fmt: skip
                if not await store.insert_account(tx, account, box):
                    continue  # made by somebody else in this moment: then it is there now
                await _tell_registered(tx, account, name)
                _note_rights(tx, account.id, (), account.roles)
                await _verified(tx, account)
                return account.id, True
            account = await _verified(tx, account)
            if not wanted <= set(account.roles):
                had, account = account.roles, replace(account, roles=_sorted(wanted | set(account.roles)))
                account = await store.save_account(tx, account)
                _note_rights(tx, account.id, had, account.roles)
                # Those of a customer last longer than staff's may.
                _note_ended(tx, account.id, await store.delete_sessions(tx, account.id), "rights_changed")
            if not fits:
                await _set_password(tx, account, password_hash, "set_by_operator")
            return account.id, False


async def revoke(tx: Transaction, box: Mailbox) -> None:
    """Leaves an account no rights but a customer's, and ends its sessions; within a second no service takes an access
    token of theirs any more.

    Raises AccountNotFound.
    """
    account = await store.find_locked(tx, box.key)
    if account is None:
        raise _no_account("authz_change")
    if account.roles != ("customer",):
        await store.save_account(tx, replace(account, roles=("customer",)))
        _note_rights(tx, account.id, account.roles, ("customer",))
        _note_ended(tx, account.id, await store.delete_sessions(tx, account.id), "rights_changed")


async def sign_out(tx: Transaction, box: Mailbox) -> int:
    """Ends all sessions of an account, whoever it is: the operator's word. How many there were.

    Raises AccountNotFound.
    """
    account = await store.find_locked(tx, box.key)
    if account is None:
        raise _no_account("session_ended")
    ended = await store.delete_sessions(tx, account.id)
    _note_ended(tx, account.id, ended, "ended_by_operator")
    return ended


def _no_account(wanted: security.Name) -> AccountNotFound:
    security.record(wanted, "failure", actor="cli", reason="not_found")
    return AccountNotFound("no account has this e-mail")


def _note_rights(tx: Transaction, account_id: str, before: Iterable[Role], after: Iterable[Role]) -> None:
    had, has = " ".join(before), " ".join(after)
    security.record_on_commit(tx, "authz_change", subject=account_id, actor="cli", had=had, has=has)


def _sorted(roles: Iterable[Role]) -> tuple[Role, ...]:
    return tuple(sorted(roles))


# --- facts ------------------------------------------------------------------------------------------


async def _tell_registered(tx: Transaction, account: Account, name: str) -> None:
    fact = event(
        CustomerRegistered(customer_id=account.id, email=account.email, locale=account.locale, name=name),
        subject=account.id,
        sequence=account.version,
    )
    tx.emit(fact)
    await store.insert_mail_link(tx, fact.id, account.id, "verify")
    security.record_on_commit(tx, "user_created", subject=account.id)


async def _verified(tx: Transaction, account: Account) -> Account:
    """The account, with its e-mail proven; told, if it was not before."""
    if account.verified:
        return account
    account, _ = await _tell(tx, replace(account, verified=True), CustomerVerified)
    security.record_on_commit(tx, "authn_mailbox_proven", subject=account.id)
    return account


async def _set_password(
    tx: Transaction, account: Account, password_hash: str, reason: str, *, but: str | None = None
) -> None:
    """`but`: the one session that goes on."""
    ended = await store.delete_sessions(tx, account.id, but=but)
    _note_ended(tx, account.id, ended, "password_changed")
    security.record_on_commit(tx, "authn_password_change", subject=account.id, reason=reason)
    await _tell(tx, replace(account, password_hash=password_hash), PasswordChanged)


async def _tell(tx: Transaction, account: Account, kind: type[Fact]) -> tuple[Account, str]:
    """The account, saved with its next version, and the id of the fact that says so. The row must be locked."""
    after = await store.save_account(tx, account)
    fact = event(
        kind(customer_id=after.id, email=after.email, locale=after.locale), subject=after.id, sequence=after.version
    )
    tx.emit(fact)
    return after, fact.id


# --- guessing ---------------------------------------------------------------------------------------


def _allowances(tools: Tools, box: Mailbox, visitor: Visitor, account: Account | None) -> list[Allowance]:
    """Always in this order: two attempts never wait for each other. A device that has signed in to the account before
    has an allowance of its own: so its owner comes in, while others guess."""
    settings = tools.settings
    if account is not None and visitor.device is not None and tools.vault.knows_device(visitor.device, account.id):
        return [Allowance(f"device:{_hashed(visitor.device)}", settings.account_free_attempts)]
    return [_by_address(settings, visitor), Allowance(_account_key(box), settings.account_free_attempts)]


def _by_address(settings: Settings, visitor: Visitor) -> Allowance:
    return Allowance(f"address:{domain.neighbourhood(visitor.address)}", settings.address_free_attempts)


def _sign_ups(settings: Settings, visitor: Visitor) -> Allowance:
    """Of accounts that are made, not of failures: each is a mail to somebody who may not have asked for it."""
    return Allowance(f"sign-ups:{domain.neighbourhood(visitor.address)}", settings.address_free_sign_ups)


def _account_key(box: Mailbox) -> str:
    return f"account:{_hashed(box.key)}"


def _forgot_key(box: Mailbox) -> str:
    return f"forgot:{_hashed(box.key)}"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def _count(
    tx: Transaction, settings: Settings, allowances: Iterable[Allowance], account: Account | None = None
) -> None:
    """Raises TooManyAttempts, and then nothing was counted: a flood of refused attempts makes nobody wait longer."""
    for allowance in allowances:
        failures = await store.count_attempt(tx, allowance.key, memory_seconds=settings.attempt_memory_seconds)
        if failures is None:
            seconds = await store.blocked_seconds(tx, allowance.key)
            security.record(
                "excess_rate_limit_exceeded", "failure", subject=account.id if account else None,
                reason=allowance.key.partition(":")[0],
            )  # fmt: skip
            raise TooManyAttempts("too many attempts have failed", retry_after_seconds=max(1, int(seconds + 0.999)))
        wait = domain.wait_seconds(
            failures, allowance.free,
            first=settings.attempt_wait_first_seconds, most=settings.attempt_wait_most_seconds,
        )  # fmt: skip
        if wait:
            await store.block(tx, allowance.key, wait)


async def _forgive(tx: Transaction, allowances: Iterable[Allowance]) -> None:
    """The attempt succeeded. The account, or the device, starts anew; of the address only this one is forgiven, or
    whoever has an account of their own could go on guessing others'."""
    for allowance in allowances:
        of_address = allowance.key.startswith("address:")
        await (store.forgive_one if of_address else store.forgive_all)(tx, allowance.key)


# --- signing keys -----------------------------------------------------------------------------------


async def keys(tx: Transaction, vault: Vault) -> dict[KeyState, SigningKey]:
    """The signing keys by state; the first pair is made by whoever asks first."""
    found = await store.signing_keys(tx)
    if "current" in found and "next" in found:
        return found
    await store.lock_keys(tx)
    found = await store.signing_keys(tx)
    states: tuple[KeyState, ...] = ("current", "next")
    for state in states:
        if state not in found:
            await store.insert_signing_key(tx, state, *vault.new_signing_key())
    return await store.signing_keys(tx)


async def rotate_keys(tx: Transaction, tools: Tools) -> bool:
    """Lets the next key sign, if it is time. Nobody is logged out: what the last one signed stays valid."""
    settings = tools.settings
    await store.lock_keys(tx)
    found = await keys(tx, tools.vault)
    if not domain.rotation_is_due(
        found.values(), rotation_seconds=settings.key_rotation_seconds, notice_seconds=settings.key_notice_seconds,
        token_seconds=settings.access_token_seconds,
    ):  # fmt: skip
        return False
    await store.promote_keys(tx)
    await store.insert_signing_key(tx, "next", *tools.vault.new_signing_key())
    return True
