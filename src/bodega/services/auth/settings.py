"""Auth's settings. Every default runs on a laptop."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from bodega.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_AUTH_")

    port: int = 7101
    database_url: str = "postgresql://bodega_auth@127.0.0.1:7432/bodega_auth"
    secret_file: Path | None = None
    """Holds what the keys of all that auth hands out or seals are made from."""

    shop_name: str = "Bodega"

    access_token_seconds: int = 600
    session_idle_seconds: int = 30 * 86_400
    """A session that is not refreshed for so long has ended."""
    session_most_seconds: int = 365 * 86_400
    """However it is used, it ends so long after signing in."""
    staff_session_idle_seconds: int = 12 * 3_600
    """The same for whoever has rights."""
    staff_session_most_seconds: int = 7 * 86_400
    session_limit: int = 50
    """Sessions of one account; the longest unused ends when there is one more."""
    successor_seconds: float = 30
    """How long the predecessor of a refresh token is answered with the same successor: two tabs, one lost answer."""
    mail_link_seconds: int = 1_800
    fresh_login_seconds: float = 300
    """So long after signing in, what cannot be undone needs no password again."""

    key_rotation_seconds: int = 30 * 86_400
    key_notice_seconds: int = 60
    """How long a key is published before it signs: longer than any verifier keeps our keys without asking again."""

    # OWASP's recommendation for argon2id. A hash made with other values is renewed at the next login.
    argon2_memory_kib: int = 19_456
    argon2_iterations: int = 2
    argon2_lanes: int = 1
    hash_threads: int = 2
    hash_queue: int = 100
    """Hashes that may wait (26 ms of CPU each); more are refused, so that a flood cannot hold up everything."""

    # Guessing: so many failures are free, then each next attempt must wait, twice as long each time.
    account_free_attempts: int = 10
    address_free_attempts: int = 300
    """Many people can share an address, and only failures count."""
    address_free_sign_ups: int = 20
    """Accounts made from one address within an hour; each further one must wait, as for failures."""
    attempt_wait_first_seconds: float = 1
    attempt_wait_most_seconds: float = 300
    attempt_memory_seconds: int = 3_600

    chores_poll_seconds: float = 1
