"""Archives give their images and nothing that is not asked for."""

import io
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from nas.data.catalog import EVERYTHING
from nas.data.unpack import ArchiveError, unpack
from nas.errors import DataError

CONTENT = {
    "set/HR/a.png": b"aa",
    "set/HR/b.PNG": b"b",
    "set/LR/a.png": b"c",
    "set/readme.txt": b"d",
    "set/HR/._a.png": b"e",
    "__MACOSX/set/HR/a.png": b"f",
    "set/HR/Thumbs.db": b"g",
}
Make = Callable[[Path, dict[str, bytes]], Path]


def zipped(file: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file


def tarred(file: Path, content: dict[str, bytes]) -> Path:
    mode = "w:gz" if file.name.endswith("gz") else "w"
    with tarfile.open(file, mode) as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file


KINDS = [("a.zip", zipped), ("a.tar", tarred), ("a.tar.gz", tarred), ("a.tgz", tarred)]
each_kind = pytest.mark.parametrize(("name", "make"), KINDS, ids=[name for name, _ in KINDS])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


TAKES = [
    ("", {"set/HR/a.png": b"aa", "set/HR/b.PNG": b"b", "set/LR/a.png": b"c"}),
    ("set", {"HR/a.png": b"aa", "HR/b.PNG": b"b", "LR/a.png": b"c"}),
    ("HR", {"a.png": b"aa", "b.PNG": b"b"}),
    ("set/LR", {"a.png": b"c"}),
    (EVERYTHING, {"a.png": b"c", "b.PNG": b"b"}),  # of equal names the last
]


@each_kind
@pytest.mark.parametrize(("take", "expected"), TAKES, ids=[take for take, _ in TAKES])
def test_only_the_wanted_images_are_written(
    tmp_path: Path, out: Path, name: str, make: Make, take: str, expected: dict[str, bytes]
) -> None:
    told: list[tuple[int, int]] = []
    file = make(tmp_path / name, CONTENT)
    places = unpack(file, out, take=take, on_files=lambda *at: told.append(at))
    assert below(out) == expected
    assert sorted(places) == sorted(expected)
    assert told == [(done, len(expected)) for done in range(len(expected) + 1)]


@each_kind
@pytest.mark.parametrize("evil", ["../evil.png", "a/../../evil.png", "/evil.png", "..\\evil.png"])
def test_a_path_that_leads_out_is_refused_before_anything_is_written(
    tmp_path: Path, out: Path, name: str, make: Make, evil: str
) -> None:
    file = make(tmp_path / name, {"good.png": b"x", evil: b"y"})
    with pytest.raises(ArchiveError) as caught:
        unpack(file, out)
    assert caught.value.message == (
        f"{name} holds the path {evil!r}, which leads out of its folder"
    )
    assert below(out) == {}
    assert not list(tmp_path.glob("evil*"))


def test_a_drive_is_a_path_that_leads_out(tmp_path: Path, out: Path) -> None:
    with pytest.raises(ArchiveError, match="leads out of its folder"):
        unpack(zipped(tmp_path / "a.zip", {"C:/a.png": b"x"}), out)


def test_links_are_left_out(tmp_path: Path, out: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        hard = tarfile.TarInfo("hard.png")
        hard.type, hard.linkname = tarfile.LNKTYPE, "good.png"
        archive.addfile(hard)
        good = tarfile.TarInfo("good.png")
        good.size = 1
        archive.addfile(good, io.BytesIO(b"x"))
    assert unpack(tmp_path / "a.tar", out) == ["good.png"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped_links:
        info = zipfile.ZipInfo("link.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        zipped_links.writestr(info, "/etc/passwd")
        zipped_links.writestr("good.png", "y")
    assert unpack(tmp_path / "a.zip", out) == ["good.png"]
    assert below(out) == {"good.png": b"y"}


@each_kind
def test_an_archive_that_is_cut_short_is_named(
    tmp_path: Path, out: Path, name: str, make: Make
) -> None:
    file = make(tmp_path / name, {"a.png": bytes(range(256)) * 400})
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ArchiveError) as caught:
        unpack(file, out)
    assert caught.value.message.startswith(f"{name} is damaged or no archive: ")
    assert caught.value.hint == "it is removed; fetch it again"


def test_flipped_bytes_in_a_zip_are_named(tmp_path: Path, out: Path) -> None:
    file = zipped(tmp_path / "a.zip", {"a.png": bytes(range(256)) * 400})
    data = bytearray(file.read_bytes())
    data[200:210] = bytes(10)
    file.write_bytes(data)
    with pytest.raises(ArchiveError, match=r"a\.zip is damaged or no archive: "):
        unpack(file, out)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz"])
def test_a_page_that_says_no_is_no_archive(tmp_path: Path, out: Path, name: str) -> None:
    (tmp_path / name).write_text("<html>please sign in</html>")
    with pytest.raises(ArchiveError, match=f"{name} is damaged or no archive: "):
        unpack(tmp_path / name, out)


@pytest.mark.parametrize(("take", "where"), [("", ""), ("set", " in set"), (EVERYTHING, "")])
def test_an_archive_without_images_is_named(
    tmp_path: Path, out: Path, take: str, where: str
) -> None:
    with pytest.raises(ArchiveError) as caught:
        unpack(zipped(tmp_path / "a.zip", {"set/a.txt": b"x"}), out, take=take)
    assert str(caught.value) == f"a.zip holds no images{where} (its publisher changed it)"


def test_an_image_is_its_own_archive(tmp_path: Path, out: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    assert unpack(tmp_path / "a.png", out) == ["a.png"]
    assert below(out) == {"a.png": b"x"}


@each_kind
def test_a_disk_without_room_is_said_before_it_is_full(
    tmp_path: Path, out: Path, name: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(tmp_path / name, {"a.png": bytes(3000)})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2999))
    with pytest.raises(DataError) as caught:
        unpack(file, out)
    assert caught.value.message.startswith(f"no room in {out}: ")
    assert not isinstance(caught.value, ArchiveError)  # it is worth keeping
    assert below(out) == {}


def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path, out: Path) -> None:
    (out / "HR").touch()
    with pytest.raises(DataError) as caught:
        unpack(zipped(tmp_path / "a.zip", {"HR/a.png": b"x"}), out)
    assert caught.value.message == f"cannot write {out / 'HR/a.png'}: File exists"
    assert not isinstance(caught.value, ArchiveError)
