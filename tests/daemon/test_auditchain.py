"""The writer of the chain: what it leaves behind, and how it goes on after all that can happen."""

import gzip
import json
import os
import re
import shutil
import subprocess

import pytest

from webqx_supervisor.core import audit
from webqx_supervisor.core.audit import Mark, Verifier, key_id
from webqx_supervisor.daemon.auditchain import Chain, Keys
from webqx_supervisor.model.audit import Audit
from webqx_supervisor.process import auditfiles

KEY, CIPHER_KEY = bytes(range(32)), b"c" * 32


class Clock:
    def __init__(self):
        self.now = 1_000_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def start(folder, clock, keys=Keys(), **policy):  # noqa: B008 - frozen
    chain = Chain(folder, Audit(**policy), keys, clock)
    chain.open()
    return chain


def die(chain):
    """End as by kill -9: nothing is said any more."""
    os.close(chain._file)
    os.close(chain._lock)


def records(folder, *keys, marks=()):
    """Return all records; fail if any is wrong."""
    head = auditfiles.read_head_file(folder, keys[0] if keys else None)
    verifier = Verifier({key_id(key): key for key in keys}, [head[0], *marks])
    found = [record for _, record in auditfiles.walk(folder, verifier)]
    assert [str(each) for each in verifier.finish(keyed=bool(keys)) if each.wrong] == []
    return found


def kinds(folder, *keys):
    return [each["kind"] for each in records(folder, *keys)]


def test_records_are_on_the_disk_in_a_chain(tmp_path, clock):
    chain = start(tmp_path / "audit", clock)
    chain.append([{"kind": "a"}, {"kind": "b"}])
    folder = tmp_path / "audit"
    assert kinds(folder) == ["begin", "a", "b"]
    assert records(folder)[1]["time"] == "2001-09-09T01:46:40.000Z"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
    chain.close("stopped")


def test_a_shell_recomputes_the_chain(tmp_path, clock):
    chain = start(tmp_path, clock)
    chain.append([{"kind": "a", "text": "ä\n\"'"}])
    script = r"""
    prev=0000000000000000000000000000000000000000000000000000000000000000
    while IFS= read -r line; do
        own=$(printf '%s' "$line" | sed 's/,"hash":"[0-9a-f]*"}$//' | sha256sum | cut -d' ' -f1)
        test "$own" = "$(printf '%s' "$line" | sed 's/.*"hash":"\([0-9a-f]*\)"}$/\1/')" || exit 1
        printf '%s' "$line" | grep -q "\"prev\":\"$prev\"" || exit 2
        prev=$own
    done < "$1"
    """
    done = subprocess.run(["sh", "-c", script, "sh", tmp_path / chain._name], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("keys", [Keys(), Keys(KEY), Keys(KEY, CIPHER_KEY)])
def test_a_new_daemon_goes_on_in_the_same_file(tmp_path, clock, keys):
    chain = start(tmp_path, clock, keys)
    chain.append([{"kind": "a"}], {"ab-000001.jsonl": 3})
    die(chain)
    chain = start(tmp_path, clock, keys)
    assert (chain.broken, chain.spools) == ("", {"ab-000001.jsonl": 3})
    chain.append([{"kind": "b"}])
    assert len(auditfiles.files(tmp_path)) == 1
    found = records(tmp_path, *filter(None, [keys.chain]))
    assert [each["seq"] for each in found] == [1, 2, 3]


def test_what_was_written_behind_the_head_counts_after_a_crash(tmp_path, clock):
    chain = start(tmp_path, clock)
    head = (tmp_path / "head.json").read_bytes()
    chain.append([{"kind": "access", "from": "ab-000001.jsonl:1"}], {"ab-000001.jsonl": 1})
    die(chain)
    (tmp_path / "head.json").write_bytes(head)
    chain = start(tmp_path, clock)
    assert (chain.broken, chain.mark.seq, chain.spools) == ("", 2, {"ab-000001.jsonl": 1})
    assert kinds(tmp_path) == ["begin", "access"]


@pytest.mark.parametrize("torn", [b'{"seq":3,"ti', b"\0" * 100, b'{"seq":3\0\0\0}\n\0\0'])
def test_a_torn_end_is_mended_and_told_of(tmp_path, clock, torn):
    chain = start(tmp_path, clock, Keys(KEY))
    chain.append([{"kind": "a"}])
    path = tmp_path / chain._name
    die(chain)
    with path.open("ab") as file:
        file.write(torn)
    chain = start(tmp_path, clock, Keys(KEY))
    assert chain.broken == ""
    assert kinds(tmp_path, KEY) == ["begin", "a", "mended"]
    assert records(tmp_path, KEY)[-1]["octets"] == len(torn)


def test_a_crash_before_the_first_head_is_no_crime(tmp_path, clock):
    chain = start(tmp_path, clock)
    die(chain)
    first = audit.head({"file": "", "size": 0}, Mark(), None)
    (tmp_path / "head.json").write_bytes(first)  # as it was before the first file
    chain = start(tmp_path, clock)
    assert (chain.broken, chain.mark.seq) == ("", 1)


def cut_records(folder, name):
    path = folder / name
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def remove_file(folder, name):
    (folder / name).unlink()


def remove_head(folder, _name):
    (folder / "head.json").unlink()


def change_head(folder, _name):
    path = folder / "head.json"
    path.write_bytes(re.sub(rb'"seq":\d+', b'"seq":1', path.read_bytes()))


def add_records(folder, name):
    with (folder / name).open("ab") as file:
        file.write(b'{"seq":4,"kind":"forged"}\n')


@pytest.mark.parametrize(
    "how",
    [cut_records, remove_file, remove_head, change_head, add_records],
    ids=lambda h: h.__name__,
)
def test_a_chain_that_was_meddled_with_goes_on_in_a_file_that_says_so(tmp_path, clock, how):
    chain = start(tmp_path, clock, Keys(KEY))
    chain.append([{"kind": "a"}, {"kind": "b"}])
    chain.close("stopped")
    how(tmp_path, chain._name)
    after = start(tmp_path, clock, Keys(KEY))
    assert after.broken
    after.append([{"kind": "later"}])
    verifier = Verifier({key_id(KEY): KEY}, [auditfiles.read_head_file(tmp_path, KEY)[0]])
    found = [record for _, record in auditfiles.walk(tmp_path, verifier)]
    assert found[-1]["kind"] == "later"
    assert found[-2]["broken"] == after.broken
    if how not in (remove_head, change_head):  # which a new one replaces: only `broken` tells
        assert any(each.wrong for each in verifier.finish(keyed=True))


def test_files_are_rotated_packed_and_removed_with_a_record(tmp_path, clock):
    chain = start(tmp_path, clock, max_size=300, keep_for=100.0)
    for number in range(4):
        chain.append([{"kind": "a", "text": "x" * 300, "number": number}])
    assert len(auditfiles.files(tmp_path)) == 4
    chain.pack_old()
    packed = sorted(tmp_path.glob("*.gz"))
    assert len(packed) == 3
    assert b'"number":0' in gzip.decompress(packed[0].read_bytes())
    before = records(tmp_path)
    assert [each.get("number") for each in before if each["kind"] == "a"] == [0, 1, 2, 3]
    for path in packed[:2]:
        os.utime(path, (clock.now - 200, clock.now - 200))
    os.utime(packed[2], (clock.now, clock.now))
    chain.tidy()
    after = records(tmp_path)
    removed = [each for each in after if each["kind"] == "removed"]
    assert [(each["first"], each["through"]) for each in removed] == [(1, 2), (3, 4)]
    assert after[0]["seq"] == 5


def test_a_new_day_begins_a_new_file(tmp_path, clock):
    chain = start(tmp_path, clock, max_age=86400.0)
    chain.append([{"kind": "a"}])
    clock.now += 86400
    chain.tidy()
    assert len(auditfiles.files(tmp_path)) == 2
    chain.tidy()
    assert kinds(tmp_path) == ["begin", "a", "begin"]


def test_a_new_key_begins_a_new_file(tmp_path, clock):
    start(tmp_path, clock).close("closed")
    chain = start(tmp_path, clock, Keys(KEY))
    assert chain.broken == ""
    chain.close("closed")
    other = b"o" * 32
    chain = start(tmp_path, clock, Keys(other))
    assert chain.broken == ""
    assert kinds(tmp_path, other, KEY) == ["begin", "begin", "begin"]


def test_a_disk_that_refuses_costs_no_record_and_leaves_no_torn_line(tmp_path, clock, monkeypatch):
    chain = start(tmp_path, clock)
    chain.append([{"kind": "a"}])
    write = os.write

    def full(fd, data):
        if len(data) > 60:
            return write(fd, data[:60])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            chain.append([{"kind": "b", "text": "x" * 50}])
    chain.append([{"kind": "c"}])
    assert kinds(tmp_path) == ["begin", "a", "c"]


@pytest.mark.parametrize("when", ["rotating", "anew"])
def test_a_file_that_cannot_be_begun_changes_nothing(tmp_path, clock, monkeypatch, when):
    chain = start(tmp_path, clock, max_size=100 if when == "rotating" else 10_000)
    if when == "anew":
        (tmp_path / chain._name).unlink()

    def fails(_fd):
        raise OSError(28, "No space left on device")

    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fails)
            with pytest.raises(OSError, match="No space"):
                chain.append([{"kind": "a"}])
    chain.append([{"kind": "b"}])
    verifier = Verifier({}, [auditfiles.read_head_file(tmp_path, None)[0]])
    found = [record["kind"] for _, record in auditfiles.walk(tmp_path, verifier)]
    assert found == ["begin", "begin", "b"] if when == "rotating" else ["begin", "b"]
    assert chain.mark.seq == 3


def test_two_daemons_never_write_one_chain(tmp_path, clock):
    chain = start(tmp_path, clock)
    with pytest.raises(OSError, match="another daemon"):
        start(tmp_path, clock)
    chain.close("stopped")
    assert start(tmp_path, clock).state == "stopped"


def test_a_packed_file_that_was_damaged_is_named(tmp_path, clock):
    chain = start(tmp_path, clock, max_size=300)
    for _ in range(3):
        chain.append([{"kind": "a", "text": os.urandom(300).hex()}])
    chain.pack_old()
    path = min(tmp_path.glob("*.gz"))
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 0xFF
    path.write_bytes(octets)
    verifier = Verifier({}, [])
    list(auditfiles.walk(tmp_path, verifier))
    found = [each for each in verifier.finish(keyed=False) if each.wrong]
    assert found
    assert found[0].place is not None
    assert found[0].place.file == path.name.removesuffix(".gz")


@pytest.mark.parametrize("how", ["removed", "replaced", "with its folder"])
def test_a_file_that_is_taken_away_under_the_writer_is_noticed(tmp_path, clock, how):
    folder = tmp_path / "audit"
    chain = start(folder, clock)
    chain.append([{"kind": "a"}])
    path = folder / chain._name
    if how == "replaced":
        other = folder / "other"
        other.write_bytes(path.read_bytes())
        other.replace(path)
    elif how == "removed":
        path.unlink()
    else:
        shutil.rmtree(folder)
    chain.append([{"kind": "b"}])
    assert "was removed or replaced" in chain.broken
    verifier = Verifier({}, [auditfiles.read_head_file(folder, None)[0]])
    found = [record for _, record in auditfiles.walk(folder, verifier)]
    assert [each["seq"] for each in found][-2:] == [3, 4]
    assert found[-2]["broken"] == chain.broken
    wrong = [each for each in verifier.finish(keyed=False) if each.wrong]
    assert bool(wrong) == (how != "replaced")  # by the same


def test_what_is_encrypted_shows_only_its_time(tmp_path, clock):
    chain = start(tmp_path, clock, Keys(None, CIPHER_KEY))
    chain.append([{"kind": "access", "subject": "anna", "from": "ab-000001.jsonl:1"}])
    chain.append([{"kind": "access", "subject": "anna"}])
    lines = (tmp_path / chain._name).read_text().splitlines()
    assert "anna" not in "".join(lines)
    assert list(json.loads(lines[1])) == ["seq", "time", "from", "sealed", "prev", "hash"]
    assert json.loads(lines[1])["sealed"] != json.loads(lines[2])["sealed"]
