"""Who is asking. Each service verifies the token itself and trusts no header.

A route says who may call it by a parameter's type: `customer: Customer`, `shopper: MaybeCustomer`,
`merchant: Merchant`, `staff: Staff` (a merchant or support), `caller: Caller` (another service, under /internal).
"""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import aiohttp
from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from pydantic import BaseModel

from bodega.kit import security
from bodega.kit.errors import AccessExpired, Forbidden, SessionEnded, Unauthenticated, Unavailable
from bodega.kit.telemetry import log

ALGORITHM = "ES256"
INTERNAL_TOKEN_SECONDS = 60
CLOCK_SKEW_SECONDS = 30
"""By how much the clocks of two machines may differ. A service whose clock is ahead by more makes tokens that are of no
use anywhere else."""
_log = log()
ACCESS_COOKIE = "bodega_access"
SESSION_COOKIE = "bodega_session"
"""Says only that this browser has a session, for as long as the session lasts. Browsers drop the access token after
minutes and send the refresh token to auth alone; without this a customer would look like a guest to everybody else."""
CART_COOKIE = "bodega_cart"


RENEW = "Your sign-in has to be renewed. Please try again."


@dataclass(frozen=True, slots=True)
class Identity:
    """A person, by an access token."""

    subject: str
    roles: frozenset[str]
    session: str


@dataclass(frozen=True, slots=True)
class CallingService:
    """Another service, by an internal token."""

    name: str


class EndedList(BaseModel):
    """Auth's answer: sessions that have ended while their access tokens may still be good."""

    as_of: float
    """By auth's own clock, in seconds since the epoch."""
    sessions: list[str]


AskEnded = Callable[[float | None], Awaitable[EndedList]]
"""Asks for what has ended since then, or, with None, while any access token may still be good. Raises Unavailable."""


class EndedSessions:
    """Sessions that have ended before their last access token has, as auth says. Asked for when a token is shown and
    the last answer is older than half a second: an ended session is refused within a second, at the price of one small
    question each half second, however many requests there are, and none without requests.

    While auth is away nobody can end a session either, so what was said last still holds: signed-in people go on.
    """

    FRESH_SECONDS = 0.5
    _OVERLAP_SECONDS = 5.0  # what was committed a little after its time was taken
    _KEEP_SECONDS = 3_600.0  # longer than an access token lives

    def __init__(self, ask: AskEnded) -> None:
        self._ask = ask
        self._ended: OrderedDict[str, float] = OrderedDict()
        self._as_of: float | None = None
        self._asked = -self.FRESH_SECONDS - 1
        self._lock = asyncio.Lock()

    async def has(self, session: str) -> bool:
        """Raises Unavailable, if auth has never yet been reached."""
        arrived = time.monotonic()
        if arrived - self._asked > self.FRESH_SECONDS:
            async with self._lock:
                if self._asked < arrived - self.FRESH_SECONDS:
                    await self._renew()
        return session in self._ended

    async def _renew(self) -> None:
        now = time.monotonic()
        try:
            since = None if self._as_of is None else self._as_of - self._OVERLAP_SECONDS
            answer = await self._ask(since)
        except Unavailable as error:
            if self._as_of is None:
                raise
            _log.warning("auth does not say which sessions have ended; what it said last holds", error=error)
        else:
            self._as_of = answer.as_of
            for session in answer.sessions:
                self._ended.setdefault(session, now)
        self._asked = now
        while self._ended and next(iter(self._ended.values())) < now - self._KEEP_SECONDS:
            self._ended.popitem(last=False)


class _Cache:
    """Verified tokens until they expire: verifying ES256 costs 0.15 ms, a look-up nothing."""

    def __init__(self, size: int = 5_000) -> None:
        self._size = size
        self._kept: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()

    def get(self, token: str) -> dict[str, Any] | None:
        found = self._kept.get(token)
        if found is None or found[0] <= time.time():
            return None
        return found[1]

    def put(self, token: str, claims: dict[str, Any]) -> None:
        self._kept[token] = (float(claims["exp"]), claims)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)


def _verify(token: str, keys: KeySet, *, issuer: str | None, audience: str) -> dict[str, Any]:
    claims_rules: dict[str, Any] = {
        "exp": {"essential": True},
        "iss": {"essential": True, **({"value": issuer} if issuer else {})},
        "aud": {"essential": True, "value": audience},
    }
    decoded = jwt.decode(token, keys, algorithms=[ALGORITHM])
    jwt.JWTClaimsRegistry(leeway=CLOCK_SKEW_SECONDS, **claims_rules).validate(decoded.claims)
    return decoded.claims


class AccessTokens:
    """Verifies customers' access tokens with auth's public keys, fetched when a new `kid` is met."""

    def __init__(
        self,
        jwks_url: str,
        *,
        issuer: str,
        audience: str,
        keys: KeySet | None = None,
        ended: EndedSessions | None = None,
    ) -> None:
        self._url = jwks_url
        self._ended = ended
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._fetched = 0.0
        self._lock = asyncio.Lock()
        self._cache = _Cache()

    async def verify(self, token: str) -> Identity:
        """Raises: Unauthenticated, if it is not valid; SessionEnded, if its session has ended; Unavailable, if the keys
        cannot be had.
        """
        claims = self._cache.get(token)
        if claims is None:
            claims = await self._check(token)
            self._cache.put(token, claims)
        if self._ended is not None and await self._ended.has(claims["sid"]):
            raise SessionEnded("This session has ended. Please sign in again.")
        return Identity(subject=claims["sub"], roles=frozenset(claims["roles"]), session=claims["sid"])

    async def _check(self, token: str) -> dict[str, Any]:
        keys = self._keys or await self._fetch(time.monotonic())
        asked = time.monotonic()
        for last in (False, True):
            try:
                return _of_a_person(_verify(token, keys, issuer=self._issuer, audience=self._audience))
            except (JoseError, ValueError, KeyError, TypeError) as error:
                # An unknown key may be a new one. Asked for at most every 5 s: forged ids must not hammer auth.
                if last or not _unknown_key(token, keys) or self._fetched > asked - 5:
                    raise Unauthenticated("the access token is not valid or has expired") from error
                keys = await self._fetch(asked)
        raise AssertionError("unreachable")

    async def _fetch(self, asked: float) -> KeySet:
        async with self._lock:
            if self._keys is None or self._fetched < asked:
                try:
                    async with (
                        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
                        session.get(self._url, allow_redirects=False) as answer,
                    ):
                        answer.raise_for_status()
                        self._keys = KeySet.import_key_set(await answer.json())
                except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
                    raise Unavailable("the keys for access tokens cannot be fetched") from error
                self._fetched = time.monotonic()
            return self._keys


def _of_a_person(claims: dict[str, Any]) -> dict[str, Any]:
    """The claims, if they say whose session it is and what they may do. Raises ValueError."""
    for name in ("sub", "sid"):
        if not isinstance(claims.get(name), str) or not claims[name]:
            raise ValueError(f"the token has no {name}")
    roles = claims.setdefault("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise ValueError("the token's roles are no list of names")
    return claims


def _unknown_key(token: str, keys: KeySet) -> bool:
    try:
        header = jwt_header(token)
    except ValueError:
        return False
    return header.get("kid") not in {key.kid for key in keys.keys}


def jwt_header(token: str) -> dict[str, Any]:
    """The unverified header. Raises ValueError."""
    import base64

    part = token.partition(".")[0]
    header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(header, dict):
        raise ValueError("not a JWT")
    return header


class InternalTokens:
    """Makes and verifies the 60-second tokens with which services call each other (iss = caller, aud = callee)."""

    def __init__(self, service: str, key_file: Path | None, jwks_file: Path | None, allowed: frozenset[str]) -> None:
        self._service = service
        self._key = ECKey.import_key(key_file.read_text(), {"kid": service}) if key_file else None
        self._keys = KeySet.import_key_set(json.loads(jwks_file.read_text())) if jwks_file else KeySet([])
        self._allowed = allowed
        self._made: dict[str, tuple[float, str]] = {}
        self._cache = _Cache(1_000)

    def token_for(self, callee: str) -> str:
        if self._key is None:
            raise RuntimeError(f"{self._service} has no internal key: set its INTERNAL_KEY_FILE")
        until, token = self._made.get(callee, (0.0, ""))
        now = time.time()
        if until < now + 20:
            until = now + INTERNAL_TOKEN_SECONDS
            claims = {"iss": self._service, "aud": callee, "iat": int(now), "exp": int(until)}
            token = jwt.encode({"alg": ALGORITHM, "kid": self._service}, claims, self._key, algorithms=[ALGORITHM])
            self._made[callee] = (until, token)
        return token

    def verify(self, token: str) -> CallingService:
        """Raises Unauthenticated, if it is not valid; Forbidden, if this service may not call us."""
        claims = self._cache.get(token)
        if claims is None:
            try:
                claims = _verify(token, self._keys, issuer=None, audience=self._service)
                if jwt_header(token).get("kid") != claims["iss"]:
                    raise ValueError("signed by another service than it says")
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise Unauthenticated("the service token is not valid or has expired") from error
            self._cache.put(token, claims)
        name = str(claims["iss"])
        if name not in self._allowed:
            raise Forbidden(f"{name} may not call {self._service}")
        return CallingService(name)


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.cookies.get(ACCESS_COOKIE)


async def _maybe_customer(request: Request) -> Identity | None:
    token = _bearer(request)
    if token is None:
        if SESSION_COOKIE in request.cookies:
            raise AccessExpired(RENEW)
        return None
    tokens: AccessTokens = request.app.state.access_tokens
    try:
        request.state.identity = await tokens.verify(token)
    except Unauthenticated as refused:
        security.record("authn_token_invalid", "failure", reason=refused.code)
        raise
    identity: Identity = request.state.identity
    return identity


async def _customer(identity: Annotated[Identity | None, Depends(_maybe_customer)]) -> Identity:
    if identity is None:
        raise Unauthenticated("this needs an access token")
    return identity


@dataclass(frozen=True, slots=True)
class OneOf:
    """Lets in whoever has one of these roles."""

    roles: tuple[str, ...]

    async def __call__(self, request: Request, identity: Annotated[Identity, Depends(_customer)]) -> Identity:
        if identity.roles.isdisjoint(self.roles):
            raise Forbidden(f"this needs the role {' or '.join(self.roles)}")
        request.state.staff = identity  # what they change is a security event, see `kit.http.Front`
        return identity


def roles_asked_for(dependant: Dependant) -> tuple[str, ...]:
    """The roles of which a route's parameters ask for one; none, if a role does not matter."""
    if isinstance(dependant.call, OneOf):
        return dependant.call.roles
    return next(filter(None, map(roles_asked_for, dependant.dependencies)), ())


async def _caller(request: Request) -> CallingService:
    token = _bearer(request)
    if token is None:
        raise Unauthenticated("this needs a service token")
    tokens: InternalTokens = request.app.state.internal_tokens
    try:
        return tokens.verify(token)
    except Unauthenticated as refused:
        security.record("authn_token_invalid", "failure", reason=refused.code)
        raise


def called_by(name: str) -> Callable[[CallingService], Awaitable[None]]:
    """For a router that one service alone may use: `dependencies=[Depends(called_by("users"))]`."""

    async def check(caller: Annotated[CallingService, Depends(_caller)]) -> None:
        if caller.name != name:
            raise Forbidden(f"only {name} may ask for this")

    return check


MaybeCustomer = Annotated[Identity | None, Depends(_maybe_customer)]
Customer = Annotated[Identity, Depends(_customer)]
Merchant = Annotated[Identity, Depends(OneOf(("merchant",)))]
Staff = Annotated[Identity, Depends(OneOf(("merchant", "support")))]
Caller = Annotated[CallingService, Depends(_caller)]
