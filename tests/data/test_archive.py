"""Folder and zip give the same bytes under the same names; unsafe archives are refused as a whole."""

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRaw

from regbench.data.archive import open_source
from regbench.errors import InputError

CSV = "Train/train.csv"
IMAGE = "Train/Images/train/3.png"


def zip_folder(folder: Path, path: Path, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


@pytest.mark.parametrize("top", ["", "some-top"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_folder_and_zip_are_alike(tmp_path: Path, make_raw: MakeRaw, top: str, method: int) -> None:
    folder = make_raw(tmp_path / "raw", images=5, top=top)
    sources = [open_source(path, CSV) for path in (folder, zip_folder(folder, tmp_path / "raw.zip", method))]
    images = {f"Train/Images/train/{n}.png" for n in range(5)}
    for source in sources:
        assert source.names("Train/Images/train") == images
        assert source.has(CSV)
        assert not source.has("Test/Test.csv")
        assert source.read(IMAGE) == (folder / top / IMAGE).read_bytes()
        with pytest.raises(FileNotFoundError):
            source.read("Train/Images/train/99.png")
    assert {sources[0].checksum(name) for name in images} == {sources[1].checksum(name) for name in images}


def test_the_csv_must_be_found_once(tmp_path: Path, make_raw: MakeRaw) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: Train/train.csv: missing: .* see data.train_csv"):
        open_source(tmp_path / "empty", CSV)
    make_raw(tmp_path / "two", images=2, top="a")
    make_raw(tmp_path / "two", images=2, top="b")
    with pytest.raises(InputError, match=r"under several folders \(a, b\)"):
        open_source(tmp_path / "two", CSV)
    with pytest.raises(InputError, match=r"data.raw = '.*nowhere': no such folder or .zip"):
        open_source(tmp_path / "nowhere", CSV)


def info(name: str, mode: int = 0) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.external_attr = mode << 16
    return member


@pytest.mark.parametrize(
    ("member", "content", "rule"),
    [
        (info("../evil.txt"), b"x", "must be relative and stay inside"),
        (info("Train/../../evil.txt"), b"x", "must be relative and stay inside"),
        (info("/etc/evil.txt"), b"x", "must be relative and stay inside"),
        (info("Train\\evil.txt"), b"x", "must be relative and stay inside"),
        (info("Train/link.png", stat.S_IFLNK | 0o777), b"/etc/passwd", "is a symbolic link"),
        (info("Train/big.bin"), bytes(20_000_000), r"\d+ bytes expand to 20000000"),
    ],
)
def test_an_unsafe_member_refuses_the_whole_zip(
    tmp_path: Path,
    make_raw: MakeRaw,
    add_member: Callable[..., None],
    member: zipfile.ZipInfo,
    content: bytes,
    rule: str,
) -> None:
    path = make_raw(tmp_path / "raw.zip", images=2)
    add_member(path, member, content, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match=rf"raw.zip: member '.*': .*{rule}.*: pack the plain files again"):
        open_source(path, CSV)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_members_refuse_the_whole_zip(
    tmp_path: Path, make_raw: MakeRaw, add_member: Callable[..., None]
) -> None:
    path = make_raw(tmp_path / "raw.zip", images=4)
    add_member(path, IMAGE, b"another")
    with pytest.raises(InputError, match=r"member 'Train/Images/train/3.png': 2 members of this name"):
        open_source(path, CSV)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x05\x06"])
def test_a_damaged_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "raw.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"raw.zip: not a readable zip .*: pack or copy it again"):
        open_source(tmp_path / "raw.zip", CSV)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_bit_in_a_member_is_noticed(tmp_path: Path, make_raw: MakeRaw, method: int) -> None:
    path = zip_folder(make_raw(tmp_path / "raw", images=4), tmp_path / "raw.zip", method)
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(IMAGE)
    content = bytearray(path.read_bytes())
    content[member.header_offset + 30 + len(IMAGE) + member.compress_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"damaged in the zip"):
        open_source(path, CSV).read(IMAGE)


@pytest.mark.parametrize("link", [IMAGE, "Train/Images/train", "Train", CSV])
def test_links_that_lead_outside_are_refused_and_others_followed(tmp_path: Path, make_raw: MakeRaw, link: str) -> None:
    raw = make_raw(tmp_path / "raw", images=4)
    wanted = CSV if link == CSV else IMAGE
    content = (raw / wanted).read_bytes()
    (raw / link).rename(raw / "moved")
    (raw / link).symlink_to(raw / "moved")
    assert open_source(raw, CSV).read(wanted) == content
    (raw / link).unlink()
    (raw / "moved").rename(tmp_path / "outside")
    (raw / link).symlink_to(tmp_path / "outside")
    with pytest.raises(InputError, match=r"leads outside .*raw: replace the link by what it points to"):
        open_source(raw, CSV).read(wanted)


def test_forked_processes_read_the_same_zip_at_once(tmp_path: Path, make_raw: MakeRaw) -> None:
    source = open_source(make_raw(tmp_path / "raw.zip", images=200), CSV)
    names = sorted(source.names("Train/Images/train")) * 20
    expected = [source.read(name) for name in names]
    child = os.fork()
    same = [source.read(name) for name in names] == expected
    if child == 0:
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert same
