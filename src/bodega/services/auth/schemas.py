"""What auth takes from people, and answers them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bodega.contracts.fields import EmailText, Line, Locale
from bodega.contracts.ids import CustomerId
from bodega.services.auth.domain import Role

NewPassword = Annotated[
    SecretStr,
    Field(min_length=10, max_length=200, description="At least 10 characters", examples=["a teapot of one's own"]),
]
KnownPassword = Annotated[
    SecretStr, Field(min_length=1, max_length=200, description="The password", examples=["a teapot of one's own"])
]
Email = Annotated[EmailText, Field(description="Upper and lower case make no difference", examples=["ada@example.com"])]
LinkToken = Annotated[
    SecretStr, Field(min_length=1, max_length=200, description="From the link in the mail, after `#token=`")
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
    email: Email
    password: NewPassword
    name: Line = Field(description="How to address the person", examples=["Ada Lovelace"])
    locale: Locale = Field(default="en", description="BCP 47 language for mails", examples=["en"])
    cookies: WantsCookies = False


class Login(_Wish):
    email: Email
    password: KnownPassword
    cookies: WantsCookies = False


class Refresh(_Wish):
    """Empty, if the refresh token is in the cookie."""

    refresh_token: SecretStr | None = Field(default=None, max_length=200, description="The latest that was given")


class VerifyEmail(_Wish):
    token: LinkToken


class ForgotPassword(_Wish):
    email: Email


class ResetPassword(_Wish):
    token: LinkToken
    password: NewPassword


class SignedIn(_Answer):
    """Somebody is signed in."""

    customer_id: CustomerId = Field(description="Whose account it is")
    session_id: str = Field(description="This sign-in, as in `GET /auth/sessions`", examples=["ses_06F2Q7Z8"])
    roles: list[Role] = Field(description="What the account may do", examples=[["customer"]])
    token_type: str = Field(default="Bearer", description="How the access token is sent: `Authorization: Bearer …`")
    expires_in: int = Field(description="Seconds for which the access token is valid", examples=[600])
    access_token: str | None = Field(description="JWT (ES256); null, if it came as a cookie")
    refresh_token: str | None = Field(
        description="Good for one `POST /auth/refresh`, which gives the next one; null, if it came as a cookie"
    )


class SessionView(_Answer):
    """A place where one is signed in."""

    id: str = Field(examples=["ses_06F2Q7Z8"])
    current: bool = Field(description="Whether it is the one that asks")
    created_at: datetime = Field(description="When it began")
    used_at: datetime = Field(description="When it was last refreshed")
    user_agent: str = Field(description="What the browser or app says of itself", examples=["Firefox/150.0"])


class SessionList(_Answer):
    items: list[SessionView] = Field(description="Used last first")
    next_cursor: str | None = Field(default=None, description="Always null: sessions are few")


class Jwks(_Answer):
    """RFC 7517."""

    keys: list[dict[str, str]] = Field(description="The key that signs, the next one, and the one before")


class OpenIdConfiguration(_Answer):
    """As much of OpenID Connect Discovery as a verifier needs."""

    issuer: str = Field(examples=["bodega"])
    jwks_uri: str = Field(examples=["http://127.0.0.1:8080/.well-known/jwks.json"])
    id_token_signing_alg_values_supported: list[str] = Field(examples=[["ES256"]])
    subject_types_supported: list[str] = Field(examples=[["public"]])


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


class StaffView(_Answer):
    """Somebody with rights."""

    customer_id: CustomerId
    email: str
    roles: list[Role]


class StaffList(_Answer):
    items: list[StaffView]
