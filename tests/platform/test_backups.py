"""A backup is the whole instance or nothing, and a restore gives the same one or leaves what was there."""

import gzip
import json
import multiprocessing
import os
import tarfile
import tempfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis.strategies import lists, sampled_from, tuples

from bodega.platform import settings as rendered
from bodega.platform import versions
from bodega.platform.backups import archive as backups
from bodega.platform.backups.archive import BackupError
from bodega.platform.backups.points import Points
from bodega.platform.secrets import Secrets
from bodega.platform.system import Instance, System

pytestmark = pytest.mark.unit


@pytest.fixture
def shop(tmp_path: Path) -> Instance:
    """An instance that has run and was stopped."""
    instance = System.load(local=False).instance("shop", tmp_path / "home")
    for name, text in {
        "postgres/data/PG_VERSION": "18", "seaweedfs/data/1.dat": "a picture", "secrets/link.secret": "secret",
        "seeded": "", "logs/orders.log": "a long story", "state.json": "{}", "extent": "shop",
    }.items():  # fmt: skip
        path = instance.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (instance.data / "secrets").chmod(0o700)
    (instance.data / "secrets" / "link.secret").chmod(0o600)
    return instance


@pytest.fixture
def elsewhere(tmp_path: Path) -> Instance:
    return System.load(local=False).instance("test", tmp_path / "elsewhere")


@pytest.fixture
def backup(shop: Instance, tmp_path: Path) -> Path:
    backups.make(shop, tmp_path / "shop.bodega")
    return tmp_path / "shop.bodega"


def contents(instance: Instance) -> dict[str, str]:
    return {str(p.relative_to(instance.data)): p.read_text() for p in instance.data.rglob("*") if p.is_file()}


def test_another_instance_becomes_what_was_backed_up(elsewhere: Instance, backup: Path) -> None:
    manifest = backups.restore(elsewhere, backup)
    assert (manifest["instance"], manifest["engines"]) == ("shop", versions.current())
    kept = contents(elsewhere)
    assert json.loads(kept.pop("versions.json")) == versions.current()
    assert kept == {
        "postgres/data/PG_VERSION": "18", "seaweedfs/data/1.dat": "a picture", "secrets/link.secret": "secret",
        "seeded": "",
    }  # fmt: skip
    assert (elsewhere.data / "secrets" / "link.secret").stat().st_mode & 0o777 == 0o600


def test_only_its_owner_can_read_a_backup(backup: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600


def test_a_running_instance_is_not_copied_nor_replaced(shop: Instance, backup: Path) -> None:
    with backups._stopped(shop):  # as the supervisor holds it
        for attempt in (backups.make, backups.restore):
            with pytest.raises(BackupError, match="shop runs"):
                attempt(shop, backup)


def test_an_interrupted_backup_leaves_the_former_one(
    shop: Instance, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before = backup.read_bytes()
    monkeypatch.setattr("tarfile.TarFile.add", break_off)
    with pytest.raises(OSError, match="No space"):
        backups.make(shop, backup)
    assert backup.read_bytes() == before
    assert [path.name for path in backup.parent.iterdir() if path.is_file()] == [backup.name]


@pytest.mark.parametrize("damage", ["cut", "changed", "foreign"])
def test_a_damaged_backup_leaves_the_data_as_it_was(shop: Instance, backup: Path, damage: str) -> None:
    whole = backup.read_bytes()
    middle = len(whole) - 12  # the checksum and the last block before it
    damaged = {
        "cut": whole[:-8],
        "changed": whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :],
        "foreign": b"not at all",
    }
    backup.write_bytes(damaged[damage])
    (shop.data / "newer").write_text("an order")
    before = contents(shop)
    with pytest.raises(BackupError, match="damaged"):
        backups.restore(shop, backup)
    assert contents(shop) == before
    assert [path.name for path in shop.home.iterdir()] == ["shop"]


@pytest.mark.parametrize("name", ["../evil", "data/../../evil", "/tmp/evil", "data/way/evil", "data/pipe"])
def test_a_backup_made_to_write_elsewhere_is_refused(shop: Instance, backup: Path, tmp_path: Path, name: str) -> None:
    with gzip.open(backup) as packed:
        archive = packed.read()
    forged = BytesIO(archive)
    with tarfile.open(fileobj=forged, mode="a:") as more:
        if name == "data/way/evil":
            way = tarfile.TarInfo("data/way")
            way.type, way.linkname = tarfile.SYMTYPE, str(tmp_path)
            more.addfile(way)
        member = tarfile.TarInfo(name)
        member.type = tarfile.FIFOTYPE if name == "data/pipe" else tarfile.REGTYPE
        more.addfile(member)
    backup.write_bytes(gzip.compress(forged.getvalue()))
    before = contents(shop)
    with pytest.raises(BackupError, match="does not belong"):
        backups.restore(shop, backup)
    assert contents(shop) == before
    assert not (tmp_path / "evil").exists()


_PLACES = [
    "data",
    "data/a",
    "data/a/b",
    "data/secrets",
    "data/../evil",
    "../evil",
    "/evil",
    "a",
    "a/b",
    ".",
    "data/a/../b",
    "data/a/b/c",
    "data/" + "x" * 300,
    "data/" + "y/" * 2500 + "z",
]
_KINDS = [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]


@given(
    members=lists(
        tuples(sampled_from(_KINDS), sampled_from(_PLACES), sampled_from(["FILE", "FOLDER", "..", "a", "data", "/"]))
    )
)
@example(members=[(tarfile.SYMTYPE, "data/a", "FILE"), (tarfile.REGTYPE, "data/a", "")])
@example(members=[(tarfile.REGTYPE, "data/a", ""), (tarfile.REGTYPE, "data/a/b", "")])
@example(members=[(tarfile.REGTYPE, "data/a", ""), (tarfile.DIRTYPE, "data/a/b/c", "")])
@example(members=[(tarfile.DIRTYPE, "data/a", ""), (tarfile.SYMTYPE, "data/a/b", "data"), (tarfile.LNKTYPE, "a", "a")])
@example(members=[(tarfile.REGTYPE, "data/" + "x" * 300, "")])
@example(members=[(tarfile.DIRTYPE, "data/" + "y/" * 2500 + "z", "")])
@example(members=[(tarfile.SYMTYPE, "data/a", "FOLDER"), (tarfile.REGTYPE, "data/a/b", "")])
@example(members=[(tarfile.SYMTYPE, "data/a", "FOLDER"), (tarfile.DIRTYPE, "data/a", "")])
@example(members=[(tarfile.SYMTYPE, "data", "FOLDER"), (tarfile.REGTYPE, "data/kept", "")])
@settings(deadline=None, max_examples=150)
def test_no_backup_however_it_is_made_up_writes_outside_of_the_instance(members: list[tuple[bytes, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outside, home = Path(folder) / "outside", Path(folder) / "home"
        outside.mkdir()
        (outside / "kept").write_text("theirs")
        instance = System.load(local=False).instance("shop", home)
        crafted = Path(folder) / "crafted.bodega"
        with tarfile.open(crafted, "w:gz") as archive:
            backups._add_manifest(archive, backups.manifest_of(instance))
            for kind, place, target in members:
                member = tarfile.TarInfo(place)
                member.type, member.mode = kind, 0o777
                aim = target.replace("FILE", str(outside / "kept")).replace("FOLDER", str(outside))
                member.linkname = aim if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
                text = b"ours now" if kind == tarfile.REGTYPE else b""
                member.size = len(text)
                archive.addfile(member, BytesIO(text))
        with suppress(BackupError):
            backups.restore(instance, crafted)
        assert {path.name: path.read_text() for path in outside.iterdir()} == {"kept": "theirs"}
        assert {path.name for path in Path(folder).iterdir()} == {"outside", "home", "crafted.bodega"}
        assert {path.name for path in home.iterdir()} == {"shop"}


def test_a_link_to_a_secret_outside_comes_back_as_a_link(shop: Instance, elsewhere: Instance, tmp_path: Path) -> None:
    (shop.data / "secrets" / "given").symlink_to("/run/secrets/given")
    backups.make(shop, tmp_path / "linked.bodega")
    backups.restore(elsewhere, tmp_path / "linked.bodega")
    assert (elsewhere.data / "secrets" / "given").readlink() == Path("/run/secrets/given")


@pytest.mark.parametrize("instant", ["before", "after"])
def test_a_restore_that_is_killed_leaves_the_old_or_the_new_data_and_can_be_done_again(
    shop: Instance, backup: Path, monkeypatch: pytest.MonkeyPatch, instant: str
) -> None:
    (shop.data / "newer").write_text("an order")
    exchange = backups._exchange

    def be_killed(one: Path, other: Path) -> None:
        if instant == "after":
            exchange(one, other)
        os._exit(9)

    with monkeypatch.context() as patched:
        patched.setattr(backups, "_exchange", be_killed)
        victim = multiprocessing.get_context("fork").Process(target=backups.restore, args=(shop, backup))
        victim.start()
        victim.join()
    assert victim.exitcode == 9
    assert (shop.data / "newer").exists() is (instant == "before")
    assert (shop.data / "postgres" / "data" / "PG_VERSION").exists()

    backups.restore(shop, backup)
    assert not (shop.data / "newer").exists()
    assert (shop.data / "seaweedfs" / "data" / "1.dat").read_text() == "a picture"
    assert [path.name for path in shop.home.iterdir()] == ["shop"]


def test_a_backup_of_other_engines_is_refused(
    elsewhere: Instance, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "current", lambda: {"postgres": "17.1"})
    with pytest.raises(BackupError, match="made by other engines"):
        backups.restore(elsewhere, backup)


def test_what_was_never_started_has_no_backup(elsewhere: Instance, tmp_path: Path) -> None:
    elsewhere.data.mkdir(parents=True)
    with pytest.raises(BackupError, match="no data"):
        backups.make(elsewhere, tmp_path / "none")


def rewritten(backup: Path, **changes: object) -> None:
    """The same backup, but for what its manifest says. None: it does not say it."""
    with tarfile.open(backup) as whole:
        members = [(member, whole.extractfile(member)) for member in whole.getmembers()]
        kept = [(member, file.read() if file is not None else b"") for member, file in members]
    with tarfile.open(backup, "w:gz") as again:
        for member, content in kept:
            text = content
            if member.name == "manifest.json":
                said = {**json.loads(content), **changes}
                text = json.dumps({name: value for name, value in said.items() if value is not None}).encode()
                member.size = len(text)
            again.addfile(member, BytesIO(text))


def test_a_backup_of_the_format_before_still_restores(elsewhere: Instance, backup: Path) -> None:
    rewritten(backup, format=1, points=None, processor=None, times=None)
    manifest = backups.restore(elsewhere, backup)
    assert (manifest["format"], Points.of(manifest)) == (1, None)
    assert contents(elsewhere)["seaweedfs/data/1.dat"] == "a picture"


@pytest.mark.parametrize(
    ("change", "why"),
    [({"format": 3}, "has the format 3, this Bodega reads 1 to 2"), ({"points": {"ends": 7}}, "is damaged")],
)
def test_a_backup_that_says_of_itself_what_we_do_not_know_leaves_the_data_as_it_was(
    shop: Instance, backup: Path, change: dict[str, object], why: str
) -> None:
    rewritten(backup, **change)
    before = contents(shop)
    with pytest.raises(BackupError, match=why):
        backups.restore(shop, backup)
    assert contents(shop) == before


def test_a_copy_beside_the_shop_never_charges_a_card_nor_sends_a_message(
    shop: Instance, elsewhere: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {
        "BODEGA_STRIPE_SECRET_KEY": "sk_live_1", "BODEGA_STRIPE_PUBLISHABLE_KEY": "pk_live_1",
        "BODEGA_STRIPE_WEBHOOK_SECRET": "whsec_1", "BODEGA_SMS_URL": "https://sms.example.com",
    }  # fmt: skip
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    assert "sk_live_1" in rendered.render(shop, Secrets.of(shop), keys)["payments"].values()

    backups.make(shop, tmp_path / "real.bodega")
    backups.restore(elsewhere, tmp_path / "real.bodega", as_copy=True)
    told = rendered.render(elsewhere, Secrets.of(elsewhere), keys)
    assert not set(keys.values()) & set(rendered.flat(told).values())
    assert told["payments"]["BODEGA_PAYMENTS_STRIPE_API_BASE"] == elsewhere.sandbox_url
    assert (elsewhere.is_copy, elsewhere.copied_processor, elsewhere.profile) == (True, "other", shop.profile)


def test_a_copy_of_a_shop_that_has_the_sandbox_is_audited_against_the_sandbox(
    elsewhere: Instance, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups.restore(elsewhere, backup, as_copy=True)
    monkeypatch.setenv("BODEGA_STRIPE_SECRET_KEY", "sk_live_1")
    assert rendered.processor_of(elsewhere) == "sandbox"


def test_a_copy_that_is_backed_up_and_restored_in_its_place_is_a_shop_again(
    elsewhere: Instance, backup: Path, tmp_path: Path
) -> None:
    backups.restore(elsewhere, backup, as_copy=True)
    backups.make(elsewhere, tmp_path / "of a copy")
    backups.restore(elsewhere, tmp_path / "of a copy")
    assert not elsewhere.is_copy
