"""The process of the MongoDB-protocol server: mongo-java-server on an H2 store, inside Python's own process.

The server itself knows no users. `Guarded` stands in front of its backend and asks every connection for the password,
by SCRAM-SHA-256 (RFC 5802, RFC 7677), as MongoDB does: before that, a connection may say hello and nothing else.

It also answers a command that MongoDB does not have: `bodegaCopy` has a copy of the file, of one instant, written
beside it, while others go on reading and writing.
"""

import argparse
import gc
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jpype
from scramp import ScramException, ScramMechanism

from bodega.platform.engines.mongo import COPY, COPY_SUFFIX
from bodega.platform.system import LOOPBACK

COMMIT_DELAY_MS = 10
CACHE_MEGABYTES = 64
FILL_PERCENT = 50
"""Of the file, what must be in use before it is written anew in the background: at 90, the store's own default, that is
a fifth of its work while many documents come in."""
MECHANISM = "SCRAM-SHA-256"
# What a driver asks before it can say who it is.
_OPEN_TO_ALL = frozenset({"hello", "ismaster", "ping", "buildinfo"})
_UNAUTHORIZED, _AUTHENTICATION_FAILED = (13, "Unauthorized"), (18, "AuthenticationFailed")
_COPY_FAILED = 1, "InternalError"


class Guarded:
    """A MongoBackend that lets only those in who know the password. Java calls its methods, each from its own thread;
    those of one connection come one after another."""

    def __init__(self, backend: Any, user: str, password: str, copier: "Copier") -> None:
        self._backend = backend
        self._copier = copier
        self._mechanism = ScramMechanism(MECHANISM)
        known = self._mechanism.make_auth_info(password)
        self._look_up = {user: known}.__getitem__
        self._talks: dict[str, Any] = {}
        """By connection: the exchange under way, or None once it has shown that it knows the password."""
        self._document = jpype.JClass("de.bwaldvogel.mongo.bson.Document")
        self._binary = jpype.JClass("de.bwaldvogel.mongo.bson.BinData")
        self._refusal = jpype.JClass("de.bwaldvogel.mongo.exception.MongoServerError")

    def as_backend(self) -> Any:
        """As the server takes it."""
        return jpype.JProxy(jpype.JClass("de.bwaldvogel.mongo.MongoBackend"), inst=self)

    # --- what the server calls: MongoBackend, in Java's spelling -------------------------------------------

    def handleMessage(self, message: Any) -> Any:
        """Every command of today's drivers (OP_MSG)."""
        document = message.getDocument()
        command = str(next(iter(document.keySet())))
        return self._answer(message.getChannel(), command, document, lambda: self._backend.handleMessage(message))

    def handleCommand(self, channel: Any, database: str, command: str, query: Any) -> Any:
        """A command of older drivers (OP_QUERY), and the first hello of all."""
        return self._answer(
            channel, command, query, lambda: self._backend.handleCommand(channel, database, command, query)
        )

    def handleQuery(self, query: Any) -> Any:
        """A query of older drivers."""
        self._must_be_known(query.getChannel())
        return self._backend.handleQuery(query)

    def handleClose(self, channel: Any) -> None:
        self._talks.pop(_name(channel), None)
        self._backend.handleClose(channel)

    def closeCursors(self, ids: Any) -> None:
        """Of nobody in particular (OP_KILL_CURSORS says no more): cursors are left to their own end."""

    def __getattr__(self, name: str) -> Any:
        """What no client reaches: the server's own questions, and its end."""
        return getattr(self._backend, name)

    # -------------------------------------------------------------------------------------------------------

    def _answer(self, channel: Any, command: str, document: Any, answer: Callable[[], Any]) -> Any:
        match command.lower():
            case "saslstart":
                self._talks[_name(channel)] = self._mechanism.make_server(self._look_up)
                return self._goes_on(channel, document, first=True)
            case "saslcontinue":
                return self._goes_on(channel, document, first=False)
        if command.lower() not in _OPEN_TO_ALL:
            self._must_be_known(channel)
        if command == COPY:
            return self._copied(str(document.get(COPY)))
        return answer()

    def _copied(self, word: str) -> Any:
        """`begin`, or whether it is `done`."""
        if word == "begin":
            self._copier.begin()
        try:
            done = self._copier.is_done()
        except (jpype.JException, OSError) as error:
            raise self._refusal(*_COPY_FAILED, f"no copy was made: {error}") from error
        reply = self._document()
        reply.put("done", jpype.JBoolean(done))
        reply.put("ok", jpype.JDouble(1))
        return reply

    def _goes_on(self, channel: Any, document: Any, *, first: bool) -> Any:
        """A step of the exchange. Raises what the server answers as an error."""
        talk = self._talks.get(_name(channel))
        try:
            if talk is None or (first and str(document.get("mechanism")) != MECHANISM):
                raise ScramException("nothing was begun")
            said = bytes(document.get("payload").getData()).decode()
            if first:
                talk.set_client_first(said)
                answer = talk.get_server_first()
            else:
                talk.set_client_final(said)
                answer = talk.get_server_final()
                self._talks[_name(channel)] = None
        except (ScramException, KeyError, AttributeError, UnicodeDecodeError, ValueError) as error:
            self._talks.pop(_name(channel), None)
            raise self._refusal(*_AUTHENTICATION_FAILED, "Authentication failed.") from error
        reply = self._document()
        reply.put("conversationId", jpype.JInt(1))
        reply.put("done", jpype.JBoolean(not first))
        reply.put("payload", self._binary(jpype.JArray(jpype.JByte)(answer.encode())))
        reply.put("ok", jpype.JDouble(1))
        return reply

    def _must_be_known(self, channel: Any) -> None:
        if self._talks.get(_name(channel), channel) is not None:
            raise self._refusal(*_UNAUTHORIZED, "command requires authentication")


def _name(channel: Any) -> str:
    return str(channel.id().asLongText())


class Copier:
    """Copies the store's file in a thread of its own, so that nobody else's question waits for it."""

    def __init__(self, store: Any, file: str) -> None:
        self._store = store
        self._target, self._draft = Path(file + COPY_SUFFIX), Path(file + ".copy.part")
        self._worker = ThreadPoolExecutor(1)
        self._copying: Future[None] | None = None

    def begin(self) -> None:
        """Returns at once. One at a time: a second beginning is the first one's."""
        if self._copying is None or self._copying.done():
            self._copying = self._worker.submit(self._copy)

    def is_done(self) -> bool:
        """Whether the copy is there. Raises what has kept it from being made."""
        if self._copying is None or not self._copying.done():
            return False
        self._copying.result()
        return True

    def _copy(self) -> None:
        """Whole or not at all. H2 only appends to its file as long as this lasts: so it is of one instant."""
        self._store.commit()
        self._draft.touch(mode=0o600)
        packed = jpype.JClass("java.util.zip.ZipOutputStream")(
            jpype.JClass("java.io.FileOutputStream")(str(self._draft))
        )
        packed.setLevel(1)
        try:
            self._store.getFileStore().backup(packed)
        finally:
            packed.close()
        self._draft.replace(self._target)


def main() -> None:
    """Serve until SIGTERM or SIGINT, then close the store."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--file", "--port", "--java-home", "--class-path", "--user", "--password-file"):
        parser.add_argument(option, required=True)
    options = parser.parse_args()
    endings = {signal.SIGTERM, signal.SIGINT}
    # Blocked before the JVM's threads exist, so that they inherit it: the signal then waits for sigwait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, endings)
    jpype.startJVM(
        f"{options.java_home}/lib/server/libjvm.so",
        "-Xrs", "-Xms32m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "--enable-native-access=ALL-UNNAMED",
        classpath=options.class_path.split(":"),
        convertStrings=True,
    )  # fmt: skip
    store_builder = jpype.JClass("org.h2.mvstore.MVStore").Builder()
    store = store_builder.fileName(options.file).cacheSize(CACHE_MEGABYTES).autoCompactFillRate(FILL_PERCENT).open()
    store.setAutoCommitDelay(COMMIT_DELAY_MS)
    backend = jpype.JClass("de.bwaldvogel.mongo.backend.h2.H2Backend")(store)
    guarded = Guarded(
        backend, options.user, Path(options.password_file).read_text().strip(), Copier(store, options.file)
    )  # fmt: skip
    server = jpype.JClass("de.bwaldvogel.mongo.MongoServer")(guarded.as_backend())
    server.bind(LOOPBACK, int(options.port))
    # After each collection of Java's garbage the bridge has Python collect its own, and nobody is answered meanwhile:
    # with all that was ever imported to look through that was two fifths of this process's work.
    gc.collect()
    gc.freeze()
    signal.sigwait(endings)
    server.shutdownNow()
    if not store.isClosed():
        store.close()


if __name__ == "__main__":
    main()
