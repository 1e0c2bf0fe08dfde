"""What auth takes from people, and answers them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bodega.contracts.fields import EmailText, Line, Locale
from bodega.contracts.ids import CustomerId
from bodega.services.auth.domain import Role

_OPAQUE = "mJ4uK0x2TqVb9wZcR7sYpLd1aN5eHf8gQiO3kXvB6tU"
_SESSION = "ses_01M7WM0G30FCHRYKR29SCZPRC4"
_JWT = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtleV8wMU03In0.eyJzdWIiOiJjdXNfMDFNM1lYMUFLIn0.QmKx3v…"

NewPassword = Annotated[
    SecretStr,
    Field(
        min_length=10,
        max_length=200,
        description="At least 10 characters, none of the commonest passwords; any character counts",
        examples=["a teapot of one's own"],
    ),
]
KnownPassword = Annotated[
    SecretStr,
    Field(
        min_length=1, max_length=200, description="As it was set when registering", examples=["a teapot of one's own"]
    ),
]
Email = Annotated[EmailText, Field(description="Upper and lower case make no difference", examples=["ada@example.com"])]
LinkToken = Annotated[
    SecretStr,
    Field(
        min_length=1,
        max_length=200,
        description="From the link in the mail, after `#token=`; good once, for half an hour",
        examples=[_OPAQUE],
    ),
]
WantsCookies = Annotated[
    bool,
    Field(
        description="For web pages: the tokens come as HttpOnly cookies and not in the answer's body, where a script "
        "could read them"
    ),
]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Wish(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Register(_Wish):
    """A new account."""

    email: Email
    password: NewPassword
    name: Line = Field(description="How to address the person, as they wish", examples=["Ada Lovelace"])
    locale: Locale = Field(default="en", description="BCP 47 language for mails", examples=["en"])
    cookies: WantsCookies = False


class Login(_Wish):
    """Who one is, and the proof."""

    email: Email
    password: KnownPassword
    cookies: WantsCookies = False


class Refresh(_Wish):
    """Empty, if the refresh token is in the cookie."""

    refresh_token: SecretStr | None = Field(
        default=None,
        max_length=200,
        description="The latest that was given. Left out: the cookie's",
        examples=[_OPAQUE],
    )


class VerifyEmail(_Wish):
    """Proof that one reads the mails of an address."""

    token: LinkToken
    password: KnownPassword | None = Field(
        default=None, description="The account's, if nobody is signed in to it here", examples=["a teapot of one's own"]
    )


class ForgotPassword(_Wish):
    """Whose password is to be set anew."""

    email: Email


class ResetPassword(_Wish):
    """A new password, and the proof that one may set it."""

    token: LinkToken
    password: NewPassword


class ChangePassword(_Wish):
    """A new password, and the present one."""

    current_password: KnownPassword
    password: NewPassword


class SignedIn(_Answer):
    """Somebody is signed in."""

    customer_id: CustomerId
    session_id: str = Field(description="This sign-in, as in `GET /auth/sessions`", examples=[_SESSION])
    roles: list[Role] = Field(
        description="What the account may do: `customer` buys, `support` sees the shop's orders, `merchant` runs it",
        examples=[["customer"]],
    )
    token_type: str = Field(default="Bearer", description="How the access token is sent: `Authorization: Bearer …`")
    expires_in: int = Field(description="Seconds for which the access token is valid", examples=[600])
    access_token: str | None = Field(description="JWT (ES256); null, if it came as a cookie", examples=[_JWT])
    refresh_token: str | None = Field(
        description="Good for one `POST /auth/refresh`, which gives the next one; null, if it came as a cookie",
        examples=[_OPAQUE],
    )


class SessionView(_Answer):
    """A place where one is signed in."""

    id: str = Field(description="For `DELETE /auth/sessions/{id}`; `sid` of its access tokens", examples=[_SESSION])
    current: bool = Field(description="Whether it is the one that asks", examples=[True])
    created_at: datetime = Field(description="When one signed in", examples=["2026-11-20T13:58:20Z"])
    used_at: datetime = Field(
        description="When it was last refreshed; it ends after 30 days without", examples=["2026-11-20T14:20:11Z"]
    )
    user_agent: str = Field(description="What the browser or app says of itself", examples=["Firefox/150.0"])


class SessionList(_Answer):
    """Everywhere where one is signed in."""

    items: list[SessionView] = Field(description="Used last first")
    next_cursor: str | None = Field(default=None, description="Always null: sessions are few", examples=[None])


class Jwks(_Answer):
    """The public keys of access tokens (RFC 7517)."""

    keys: list[dict[str, str]] = Field(
        description="The key that signs, the next one, and the one before; a token's `kid` says which is its own",
        examples=[
            [
                {
                    "kty": "EC",
                    "crv": "P-256",
                    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                    "use": "sig",
                    "alg": "ES256",
                    "kid": "key_01M7AG5V0WF1C8K3M9V4T1X5W7",
                }
            ]
        ],
    )


class OpenIdConfiguration(_Answer):
    """As much of OpenID Connect Discovery as a verifier needs."""

    issuer: str = Field(description="The `iss` of every access token", examples=["bodega"])
    jwks_uri: str = Field(
        description="Where the public keys are", examples=["http://127.0.0.1:8080/.well-known/jwks.json"]
    )
    id_token_signing_alg_values_supported: list[str] = Field(
        description="How access tokens are signed: refuse any other `alg`", examples=[["ES256"]]
    )
    subject_types_supported: list[str] = Field(
        description="`public`: `sub` is the same for everybody who verifies", examples=[["public"]]
    )


class CreateUser(_Wish):
    """`POST /internal/users`, for the command line."""

    email: Email
    password: NewPassword
    name: Line | None = None
    roles: list[Role] = Field(min_length=1, max_length=3)


class UserMade(_Answer):
    customer_id: CustomerId


class RevokeRights(_Wish):
    """`POST /internal/users/revoke`, for the command line."""

    email: Email


class SignOut(_Wish):
    """`POST /internal/users/sign-out`, for the command line."""

    email: Email


class SignedOut(_Answer):
    sessions: int


class StaffView(_Answer):
    """Somebody with rights."""

    customer_id: CustomerId
    email: str
    roles: list[Role]


class StaffList(_Answer):
    items: list[StaffView]
