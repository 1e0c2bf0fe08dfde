"""The HTTP door of auth: parse, authorise, call, shape the answer."""

from typing import Annotated

from fastapi import APIRouter, Cookie, Depends, Header, Path, Query, Request, Response

from bodega.contracts.auth import ConfirmIdentity, IdentityConfirmed, MailLink, MailLinkRequest
from bodega.contracts.ids import CustomerId
from bodega.contracts.privacy import Erasure, Person, PersonalData
from bodega.contracts.problems import TITLES
from bodega.kit.app import Db, problems
from bodega.kit.auth import (
    ACCESS_COOKIE,
    ALGORITHM,
    CART_COOKIE,
    SESSION_COOKIE,
    Caller,
    CallingService,
    Customer,
    EndedList,
    MaybeCustomer,
)
from bodega.kit.errors import Forbidden, SessionEnded, Unauthenticated
from bodega.kit.http import problem_body, problem_headers
from bodega.services.auth import service, store
from bodega.services.auth.domain import mailbox, own_path
from bodega.services.auth.errors import (
    AccountNotFound,
    BadCredentials,
    EmailTaken,
    EventNotFound,
    InvalidEmail,
    LinkUsed,
    ProofMissing,
    SessionNotFound,
    TooManyAttempts,
    WeakPassword,
)
from bodega.services.auth.schemas import (
    ChangePassword,
    CreateUser,
    ForgotPassword,
    Jwks,
    Login,
    OpenIdConfiguration,
    Refresh,
    Register,
    ResetPassword,
    RevokeRights,
    SessionList,
    SessionView,
    SignedIn,
    SignedOut,
    SignOut,
    StaffList,
    StaffView,
    UserMade,
    VerifyEmail,
)
from bodega.services.auth.service import Opened, Tools, Visitor

REFRESH_COOKIE = "bodega_refresh"
REFRESH_PATH = "/api/auth"
"""Where the site serves these routes: only they are ever sent the refresh token."""
DEVICE_COOKIE = "bodega_device"
DEVICE_SECONDS = 400 * 86_400
"""As long as a browser keeps a cookie; each sign-in begins it anew."""

public = APIRouter(prefix="/auth", tags=["auth"])
well_known = APIRouter(prefix="/.well-known", tags=["auth"])
internal = APIRouter(prefix="/internal", include_in_schema=False)


async def _tools(request: Request) -> Tools:
    tools: Tools = request.app.state.tools
    return tools


async def _visitor(
    request: Request,
    user_agent: Annotated[str, Header(include_in_schema=False)] = "",
) -> Visitor:
    # The server has put the client there that the gateway names; it believes only who is next to it.
    address = request.client.host if request.client is not None else "unknown"
    printable = "".join(character for character in user_agent if character.isprintable())
    return Visitor(
        address=address, user_agent=printable[:200], device=request.cookies.get(DEVICE_COOKIE),
        earlier=request.cookies.get(REFRESH_COOKIE),
    )  # fmt: skip


AuthTools = Annotated[Tools, Depends(_tools)]
From = Annotated[Visitor, Depends(_visitor)]
RefreshCookie = Annotated[
    str | None,
    Cookie(
        alias=REFRESH_COOKIE,
        max_length=200,
        description="The refresh token, set when signing in with `cookies: true`; not looked at, if one is in the body",
        examples=["mJ4uK0x2TqVb9wZcR7sYpLd1aN5eHf8gQiO3kXvB6tU"],
    ),
]


# --- coming in and going out ------------------------------------------------------------------------


@public.post("/register", status_code=201, responses=problems(EmailTaken, WeakPassword, InvalidEmail, TooManyAttempts))
async def register(wish: Register, response: Response, db: Db, tools: AuthTools, visitor: From) -> SignedIn:
    """A new account, signed in at once. A mail with a link to prove the address follows.

    The e-mail is the request's idempotency key: the same e-mail and password again signs in to the account that they
    have made. An e-mail that has an account, with another password, is 409 `email_taken`, after the same work, and
    counts as a failed attempt.
    """
    opened = await service.register(
        db, tools, mailbox(wish.email), wish.password.get_secret_value(), name=wish.name, locale=wish.locale,
        visitor=visitor,
    )  # fmt: skip
    response.headers["Location"] = "/users/me"
    return _signed_in(opened, tools, response, cookies=wish.cookies, device=_device(opened, tools, visitor))


@public.post("/login", responses=problems(BadCredentials, InvalidEmail, TooManyAttempts))
async def log_in(wish: Login, response: Response, db: Db, tools: AuthTools, visitor: From) -> SignedIn:
    """Signs in. The answer and its time are the same for a wrong password and for an account that does not exist.

    With `cookies: true` the tokens come as cookies: `bodega_access` for every path, and `bodega_refresh` for
    `/api/auth` alone; both HttpOnly and SameSite=Lax. A session whose cookie comes along ends. `bodega_device` tells
    this device, the next time it signs in, from those that guess the account's password: its failures are counted
    apart.
    """
    opened = await service.log_in(db, tools, mailbox(wish.email), wish.password.get_secret_value(), visitor)
    return _signed_in(opened, tools, response, cookies=wish.cookies, device=_device(opened, tools, visitor))


@public.post("/refresh", response_model=SignedIn, responses=problems(SessionEnded))
async def refresh(
    response: Response, db: Db, tools: AuthTools, wish: Refresh | None = None, cookie: RefreshCookie = None
) -> SignedIn | Response:
    """New tokens for the refresh token in the body or in the cookie; they come back the way it came.

    Each refresh token is good once. The same again is answered with the same successor for 30 seconds, as long as
    that was not used: two tabs may refresh at once, and a lost answer can be asked for again. Any later use means
    that somebody has a copy: the session ends.
    """
    given = wish.refresh_token if wish is not None else None
    opened = await _renewed(db, tools, given.get_secret_value() if given is not None else cookie)
    if opened is None:
        return _session_ended()
    return _signed_in(opened, tools, response, cookies=given is None)


@public.api_route("/renew", methods=["GET", "POST"], status_code=307, response_class=Response, include_in_schema=False)
async def renew(
    response: Response, db: Db, tools: AuthTools, next_path: Annotated[str, Query(alias="next")] = "/",
    cookie: RefreshCookie = None,
) -> Response:  # fmt: skip
    """For pages without scripts, which cannot send a refused request again: renews the session and leads back to
    `next`, a path of the shop. A form that was sent is sent again (307). If the session has ended, its cookies go, so
    that the page goes on with a guest."""
    opened = await _renewed(db, tools, cookie)
    if opened is not None:
        _signed_in(opened, tools, response, cookies=True)
    else:
        _forget(response)
    # Relative to this address at the site: a path of the API would be led to the API.
    response.headers["Location"] = "../.." + own_path(next_path)
    response.headers["Cache-Control"] = "no-store"
    response.status_code = 307
    return response


@public.post("/logout", status_code=204)
async def log_out(db: Db, wish: Refresh | None = None, cookie: RefreshCookie = None) -> Response:
    """Ends the session of the refresh token in the body or in the cookie. Asking twice is harmless.

    Its access tokens are refused everywhere within a second.
    """
    given = wish.refresh_token if wish is not None else None
    token = given.get_secret_value() if given is not None else cookie
    if token is not None:
        async with db.transaction() as tx:
            await service.log_out(tx, token)
    response = Response(status_code=204)
    _forget(response)
    return response


# --- e-mail and password ----------------------------------------------------------------------------


@public.post(
    "/email/verify",
    status_code=204,
    responses=problems(Unauthenticated, BadCredentials, ProofMissing, LinkUsed, TooManyAttempts),
)
async def verify_email(wish: VerifyEmail, db: Db, tools: AuthTools, customer: MaybeCustomer, visitor: From) -> None:
    """Proves the e-mail, with the token of the link that was mailed to it. Good once, for half an hour.

    The link proves it only together with the account: by its access token, or by its password. Who has neither, since
    somebody else has registered with this address or the password is forgotten, sets a new password with the same
    token (`POST /auth/password/reset`), which ends all older sessions first.
    """
    await service.verify_email(
        db, tools, wish.token.get_secret_value(),
        signed_in=customer.subject if customer is not None else None,
        password=wish.password.get_secret_value() if wish.password is not None else None, visitor=visitor,
    )  # fmt: skip


@public.post(
    "/email/resend", status_code=202, response_class=Response, responses=problems(Unauthenticated, TooManyAttempts)
)
async def resend_verification(db: Db, tools: AuthTools, customer: Customer, visitor: From) -> Response:
    """Asks for another mail with a link to prove the e-mail. Nothing is sent if it is proven already."""
    async with db.transaction() as tx:
        await service.ask_verification(tx, tools.settings, customer.subject, visitor)
    return Response(status_code=202)


@public.post(
    "/password/forgot",
    summary="Forgot Password",
    status_code=202,
    response_class=Response,
    responses=problems(InvalidEmail, TooManyAttempts),
)
async def forget_password(wish: ForgotPassword, db: Db, tools: AuthTools, visitor: From) -> Response:
    """Asks for a mail with a link to set a new password. The answer is the same whether there is an account or not."""
    async with db.transaction() as tx:
        await service.forget_password(tx, tools.settings, mailbox(wish.email), visitor)
    return Response(status_code=202)


@public.post(
    "/password/change",
    status_code=204,
    responses=problems(Unauthenticated, BadCredentials, WeakPassword, TooManyAttempts),
)
async def change_password(wish: ChangePassword, db: Db, tools: AuthTools, customer: Customer, visitor: From) -> None:
    """Sets a new password, for who knows the present one. This session goes on; all others end. A mail says so."""
    await service.change_password(
        db, tools, customer, wish.current_password.get_secret_value(), wish.password.get_secret_value(), visitor
    )


@public.post("/password/reset", status_code=204, responses=problems(LinkUsed, WeakPassword))
async def reset_password(wish: ResetPassword, db: Db, tools: AuthTools) -> None:
    """Sets a new password, with the token of a mailed link. All sessions end; sign in with it. The e-mail is proven by
    it, some seconds later."""
    await service.reset_password(db, tools, wish.token.get_secret_value(), wish.password.get_secret_value())


# --- sessions ---------------------------------------------------------------------------------------


@public.get("/sessions", responses=problems(Unauthenticated))
async def list_sessions(db: Db, customer: Customer) -> SessionList:
    """Where one is signed in."""
    async with db.reading() as tx:
        sessions = await store.sessions_of(tx, customer.subject)
    return SessionList(
        items=[
            SessionView(
                id=session.id,
                current=session.id == customer.session,
                created_at=session.created_at,
                used_at=session.used_at,
                user_agent=session.user_agent,
            )
            for session in sessions
        ]
    )


@public.delete("/sessions", status_code=204, responses=problems(Unauthenticated))
async def end_other_sessions(db: Db, customer: Customer) -> None:
    """Signs out everywhere else: all of one's sessions end but the one that asks."""
    async with db.transaction() as tx:
        await service.end_other_sessions(tx, customer)


@public.delete("/sessions/{session_id}", status_code=204, responses=problems(Unauthenticated, SessionNotFound))
async def end_session(
    session_id: Annotated[
        str, Path(description="The `id` of one of one's own sessions", examples=["ses_01M7WM0G30FCHRYKR29SCZPRC4"])
    ],
    db: Db,
    customer: Customer,
) -> None:
    """Signs out there; its access tokens are refused everywhere within a second."""
    async with db.transaction() as tx:
        await service.end_session(tx, customer.subject, session_id)


# --- whom to believe --------------------------------------------------------------------------------


@well_known.get("/jwks.json")
async def read_jwks(response: Response, db: Db, tools: AuthTools) -> Jwks:
    """The public keys of the access tokens. An unknown `kid` is a reason to read them again."""
    async with db.transaction() as tx:
        keys = await service.keys(tx, tools.vault)
    # A key is published long before it signs, so a copy that is a few seconds old is as good.
    response.headers["Cache-Control"] = "public, max-age=10"
    return Jwks(keys=[key.public for key in keys.values()])


@well_known.get("/openid-configuration")
async def read_openid_configuration(tools: AuthTools) -> OpenIdConfiguration:
    """Where the keys are, for verifiers that look here first."""
    return OpenIdConfiguration(
        issuer=tools.settings.token_issuer,
        jwks_uri=f"{tools.settings.api_url}/.well-known/jwks.json",
        id_token_signing_alg_values_supported=[ALGORITHM],
        subject_types_supported=["public"],
    )


# --- other services ---------------------------------------------------------------------------------


@internal.post("/mail-links", responses=problems(EventNotFound, LinkUsed))
async def make_mail_link(wish: MailLinkRequest, db: Db, tools: AuthTools, caller: Caller) -> MailLink:
    _only("notifications", caller)
    async with db.transaction() as tx:
        return await service.mail_link(tx, tools, wish.event_id)


@internal.post("/users", responses=problems(InvalidEmail, WeakPassword))
async def make_user(wish: CreateUser, response: Response, db: Db, tools: AuthTools, caller: Caller) -> UserMade:
    """201 if the account was made now, 200 if it was there."""
    _only("cli", caller)
    box = mailbox(wish.email)
    customer_id, made = await service.make_user(
        db, tools, box, wish.password.get_secret_value(), name=wish.name or box.address.partition("@")[0],
        roles=wish.roles,
    )  # fmt: skip
    response.status_code = 201 if made else 200
    return UserMade(customer_id=customer_id)


@internal.get("/users")
async def list_staff(db: Db, caller: Caller) -> StaffList:
    _only("cli", caller)
    async with db.reading() as tx:
        accounts = await store.staff(tx)
    return StaffList(items=[StaffView(customer_id=one.id, email=one.email, roles=list(one.roles)) for one in accounts])


@internal.post("/users/revoke", status_code=204, responses=problems(InvalidEmail, AccountNotFound))
async def revoke_rights(wish: RevokeRights, db: Db, caller: Caller) -> None:
    _only("cli", caller)
    async with db.transaction() as tx:
        await service.revoke(tx, mailbox(wish.email))


@internal.post("/users/sign-out", responses=problems(InvalidEmail, AccountNotFound))
async def sign_out(wish: SignOut, db: Db, caller: Caller) -> SignedOut:
    _only("cli", caller)
    async with db.transaction() as tx:
        return SignedOut(sessions=await service.sign_out(tx, mailbox(wish.email)))


@internal.get("/sessions/ended")
async def list_ended_sessions(db: Db, tools: AuthTools, _: Caller, since: float | None = None) -> EndedList:
    """For every service: which sessions have ended before their access tokens."""
    async with db.reading() as tx:
        return await service.ended_sessions(tx, tools.settings, since)


@internal.post("/customers/{customer_id}/confirm")
async def confirm_identity(
    customer_id: CustomerId, wish: ConfirmIdentity, db: Db, tools: AuthTools, caller: Caller
) -> IdentityConfirmed:
    _only("users", caller)
    return await service.confirm(db, tools, customer_id, wish)


@internal.post("/customers/{customer_id}/export")
async def export_customer(customer_id: CustomerId, _: Person, db: Db, caller: Caller) -> PersonalData:
    _only("users", caller)
    async with db.reading() as tx:
        return PersonalData(data=await service.export_customer(tx, customer_id))


@internal.post("/customers/{customer_id}/erase")
async def erase_customer(customer_id: CustomerId, _: Person, db: Db, caller: Caller) -> Erasure:
    _only("users", caller)
    async with db.transaction() as tx:
        return Erasure(deleted={"accounts": await service.erase_customer(tx, customer_id)})


def _only(name: str, caller: CallingService) -> None:
    """Rights and links are not for everybody who may otherwise call us."""
    if caller.name != name:
        raise Forbidden(f"only {name} may ask for this")


# --- shapes -----------------------------------------------------------------------------------------


async def _renewed(db: Db, tools: Tools, token: str | None) -> Opened | None:
    """The session of this refresh token, with new tokens; None, if it has ended."""
    if token is None:
        return None
    async with db.transaction() as tx:
        return await service.refresh(tx, tools, token)


def _session_ended() -> Response:
    """The refusal, which takes the cookies of the session along: with them a browser would ask for ever."""
    problem = SessionEnded("The session has ended. Please sign in again.")
    response = Response(problem_body(problem, TITLES), problem.status, problem_headers(problem))
    _forget(response)
    return response


def _forget(response: Response) -> None:
    """Takes from a browser what it has of a session. The cart is the customer's: its token opens nothing any more."""
    for name, path in ((ACCESS_COOKIE, "/"), (SESSION_COOKIE, "/"), (CART_COOKIE, "/"), (REFRESH_COOKIE, REFRESH_PATH)):
        response.delete_cookie(name, path=path)


def _device(opened: Opened, tools: Tools, visitor: Visitor) -> str:
    """What this device shows when it signs in again: what it has, if that is for this account."""
    if visitor.device is not None and tools.vault.knows_device(visitor.device, opened.account.id):
        return visitor.device
    return tools.vault.device_token(opened.account.id)


def _signed_in(
    opened: Opened, tools: Tools, response: Response, *, cookies: bool, device: str | None = None
) -> SignedIn:
    settings = tools.settings
    response.headers["Cache-Control"] = "no-store"
    if cookies:
        secure = settings.site_url.startswith("https:")
        response.set_cookie(
            ACCESS_COOKIE, opened.access_token, max_age=opened.access_seconds, path="/", httponly=True,
            samesite="lax", secure=secure,
        )  # fmt: skip
        response.set_cookie(
            REFRESH_COOKIE, opened.refresh_token, max_age=opened.session_seconds, path=REFRESH_PATH,
            httponly=True, samesite="lax", secure=secure,
        )  # fmt: skip
        response.set_cookie(
            SESSION_COOKIE, "1", max_age=opened.session_seconds, path="/", httponly=True, samesite="lax",
            secure=secure,
        )  # fmt: skip
        if device is not None:
            response.set_cookie(
                DEVICE_COOKIE, device, max_age=DEVICE_SECONDS, path=REFRESH_PATH, httponly=True, samesite="lax",
                secure=secure,
            )  # fmt: skip
    return SignedIn(
        customer_id=opened.account.id,
        session_id=opened.session_id,
        roles=list(opened.account.roles),
        expires_in=opened.access_seconds,
        access_token=None if cookies else opened.access_token,
        refresh_token=None if cookies else opened.refresh_token,
    )
