"""Files and directories that are whole or not there, and damage that is found before it is used."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
from pathlib import Path

import pytest

from engine.errors import CorruptError, NoSpaceError, StoreError
from engine.store.atomic import (
    drop_ballast,
    make_ballast,
    require_space,
    staged,
    sweep,
    verify,
    verify_file,
    write_json,
    write_text,
)
from tests.fixtures.processes import run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """An iteration's directory as it is left behind."""
    final = tmp_path / "001"
    with staged(final) as folder:
        (folder / "adapter").mkdir()
        (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"weights" * 1000)
        (folder / "pairs.jsonl").write_text("{}\n")
    return final


def test_text_replaces_what_was_there(tmp_path: Path) -> None:
    write_text(tmp_path / "log.md", "old")
    write_text(tmp_path / "log.md", "new ü\n")
    assert (tmp_path / "log.md").read_bytes() == "new ü\n".encode()
    assert names(tmp_path) == ["log.md"]


def test_json_refuses_nan_and_leaves_the_old(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}


@pytest.mark.usefixtures("umask")
def test_what_is_staged_appears_whole_private_and_with_its_manifest(tmp_path: Path) -> None:
    with staged(tmp_path / "deep" / "002") as folder:
        assert not (tmp_path / "deep" / "002").exists()
        write_text(folder / "data.json", "{}")
    manifest = verify(tmp_path / "deep" / "002")
    assert manifest.files["data.json"].size == manifest.size == 2
    assert stat.S_IMODE((tmp_path / "deep" / "002").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "deep" / "002" / "data.json").stat().st_mode) == 0o600
    assert names(tmp_path / "deep") == ["002"]


def test_an_error_while_staging_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="directory"), staged(tmp_path / "003") as folder:
        folder.write_text("x")
    assert names(tmp_path) == []


def test_what_is_saved_is_never_changed(saved: Path) -> None:
    with pytest.raises(StoreError, match="never changed"), staged(saved):
        pass
    verify(saved)
    assert names(saved.parent) == ["001"]


def test_a_directory_with_a_manifest_inside_is_checked_in_depth(saved: Path, tmp_path: Path) -> None:
    with staged(tmp_path / "outer") as folder:
        shutil.copytree(saved, folder / "inner")
    assert "inner/MANIFEST.json" in verify(tmp_path / "outer").files
    (tmp_path / "outer" / "inner" / "MANIFEST.json").write_text("{}")
    with pytest.raises(CorruptError, match=r"inner/MANIFEST\.json"):
        verify(tmp_path / "outer")


def _truncate(folder: Path) -> None:
    os.truncate(folder / "adapter" / "adapter_model.safetensors", 6999)


def _flip(folder: Path) -> None:
    path = folder / "adapter" / "adapter_model.safetensors"
    path.write_bytes(b"W" + path.read_bytes()[1:])


def _remove(folder: Path) -> None:
    (folder / "adapter" / "adapter_model.safetensors").unlink()


def _link(folder: Path) -> None:
    path = folder / "adapter" / "adapter_model.safetensors"
    path.rename(folder.parent / "elsewhere")
    path.symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_truncate, "has 6,999 bytes where 7,000 were saved"),
        (_flip, "checksum differs"),
        (_remove, "No such file"),
        (_link, "is a link"),
    ],
)
def test_damage_is_named(saved: Path, damage: object, words: str) -> None:
    assert callable(damage)
    damage(saved)
    with pytest.raises(CorruptError, match=words) as caught:
        verify(saved)
    assert "adapter_model.safetensors" in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is missing: the save was never finished"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"files": {"a": 3}}', "cannot be read"),
        ('{"files": {"../run.db": {"size": 1, "sha256": ""}}}', "outside its directory"),
        ('{"files": {"/etc/passwd": {"size": 1, "sha256": ""}}}', "outside its directory"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_damage(saved: Path, text: str | None, words: str) -> None:
    manifest = saved / "MANIFEST.json"
    manifest.unlink()
    if text is not None:
        manifest.write_text(text)
    with pytest.raises(CorruptError, match=words):
        verify(saved)


def test_one_file_can_be_checked_alone(saved: Path) -> None:
    _truncate(saved)
    assert verify_file(saved, "pairs.jsonl") == saved / "pairs.jsonl"
    with pytest.raises(CorruptError, match="not in its manifest"):
        verify_file(saved, "other.json")


def test_space_is_asked_for_before_a_save(tmp_path: Path) -> None:
    require_space(tmp_path / "not" / "yet" / "there", 1)
    with pytest.raises(NoSpaceError, match="MiB are free") as caught:
        require_space(tmp_path, 2**60)
    assert caught.value.remedy.startswith("free ")


def test_ballast_takes_real_room_and_gives_it_back(tmp_path: Path) -> None:
    make_ballast(tmp_path / "ballast", 1 << 20)
    make_ballast(tmp_path / "ballast", 1 << 20)
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 1 << 20
    drop_ballast(tmp_path / "ballast")
    drop_ballast(tmp_path / "ballast")
    assert names(tmp_path) == []


TOO_LARGE = """
import resource, sys
from pathlib import Path
from engine.errors import NoSpaceError
from engine.store.atomic import make_ballast, staged, write_text
root = Path(sys.argv[1])
write_text(root / "log.md", "old")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # a write past it fails as on a full disk
def save_weights():
    with staged(root / "001") as folder:
        (folder / "weights").write_bytes(bytes(10_000))
for write in (lambda: write_text(root / "log.md", "x" * 10_000), save_weights, lambda: make_ballast(root / "ballast")):
    try:
        write()
        print("wrote")
    except NoSpaceError as error:
        print(error.message)
"""


def test_a_full_disk_is_said_and_costs_nothing_that_was_saved(tmp_path: Path) -> None:
    done = run(TOO_LARGE, str(tmp_path))
    assert done.stdout.count("the disk is full") == 3, done.stdout + done.stderr
    assert names(tmp_path) == ["log.md"]
    assert (tmp_path / "log.md").read_text() == "old"


KILLED = """
import os, signal, sys
from pathlib import Path
from engine.store.atomic import staged
with staged(Path(sys.argv[1])) as folder:
    (folder / "weights").write_bytes(bytes(1000))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_in_mid_save_leaves_no_save_and_its_rest_is_swept(tmp_path: Path) -> None:
    assert run(KILLED, str(tmp_path / "004")).returncode == -signal.SIGKILL
    assert not (tmp_path / "004").exists()
    assert len(names(tmp_path)) == 1
    sweep(tmp_path)
    assert names(tmp_path) == []
