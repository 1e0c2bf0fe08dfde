"""The process of the MongoDB-protocol server: mongo-java-server on an H2 store, inside Python's own process."""

import argparse
import signal

import jpype

from bodega.platform.system import LOOPBACK

COMMIT_DELAY_MS = 10


def main() -> None:
    """Serve until SIGTERM or SIGINT, then close the store."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--file", "--port", "--java-home", "--class-path"):
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
    store = store_builder.fileName(options.file).open()
    store.setAutoCommitDelay(COMMIT_DELAY_MS)
    backend = jpype.JClass("de.bwaldvogel.mongo.backend.h2.H2Backend")(store)
    server = jpype.JClass("de.bwaldvogel.mongo.MongoServer")(backend)
    server.bind(LOOPBACK, int(options.port))
    signal.sigwait(endings)
    server.shutdownNow()
    if not store.isClosed():
        store.close()


if __name__ == "__main__":
    main()
