"""Folder and zip give the same bytes under the same names; unsafe archives are refused as a whole."""

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRaw

from regbench.data.layouts.find_tables import canonical_top
from regbench.data.sources import open_source
from regbench.errors import InputError

CSV = "Train/train.csv"
IMAGE = "Train/Images/train/3.png"


def zip_folder(folder: Path, path: Path, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


def tar_folder(folder: Path, path: Path, mode: str) -> Path:
    with tarfile.open(path, f"w:{mode}") as archive:
        archive.add(folder, ".")
    return path


@pytest.mark.parametrize("top", ["", "some-top"])
@pytest.mark.parametrize("kind", ["stored", "deflated", "tar", "tar.gz"])
def test_folder_and_archive_are_alike(tmp_path: Path, make_raw: MakeRaw, top: str, kind: str) -> None:
    folder = make_raw(tmp_path / "raw", images=5, top=top)
    (folder / ".DS_Store").touch()
    if kind.startswith("tar"):
        packed = tar_folder(folder, tmp_path / f"raw.{kind}", kind.partition(".")[2])
    else:
        packed = zip_folder(
            folder, tmp_path / "raw.zip", zipfile.ZIP_STORED if kind == "stored" else zipfile.ZIP_DEFLATED
        )
    sources = [open_source(path) for path in (folder, packed)]
    below = f"{top}/" if top else ""
    images = {f"{below}Train/Images/train/{n}.png" for n in range(5)}
    for source in sources:
        assert source.names() == {*images, below + CSV}
        assert source.read(below + IMAGE) == (folder / top / IMAGE).read_bytes()
        with source.open(below + IMAGE) as file:
            assert file.read() == (folder / top / IMAGE).read_bytes()
        with pytest.raises(FileNotFoundError):
            source.read(f"{below}Train/Images/train/99.png")
    assert {sources[0].checksum(name) for name in images} == {sources[1].checksum(name) for name in images}


def test_the_table_must_be_found_once(tmp_path: Path, make_raw: MakeRaw) -> None:
    make_raw(tmp_path / "two", images=2, top="a")
    make_raw(tmp_path / "two", images=2, top="b")
    with pytest.raises(InputError, match=r"two: Train/train.csv: under several folders \(a, b\)"):
        canonical_top(open_source(tmp_path / "two"), CSV)
    with pytest.raises(InputError, match=r"data.raw = '.*nowhere': no such folder or archive"):
        open_source(tmp_path / "nowhere")


def info(name: str, mode: int = 0) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.external_attr = mode << 16
    return member


@pytest.mark.fault
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
        open_source(path)


@pytest.mark.fault
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_members_refuse_the_whole_zip(
    tmp_path: Path, make_raw: MakeRaw, add_member: Callable[..., None]
) -> None:
    path = make_raw(tmp_path / "raw.zip", images=4)
    add_member(path, IMAGE, b"another")
    with pytest.raises(InputError, match=r"member 'Train/Images/train/3.png': 2 members of this name"):
        open_source(path)


@pytest.mark.fault
@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x05\x06"])
def test_a_damaged_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "raw.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"raw.zip: not a readable zip .*: pack or copy it again"):
        open_source(tmp_path / "raw.zip")


@pytest.mark.fault
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_bit_in_a_member_is_noticed(tmp_path: Path, make_raw: MakeRaw, method: int) -> None:
    path = zip_folder(make_raw(tmp_path / "raw", images=4), tmp_path / "raw.zip", method)
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(IMAGE)
    content = bytearray(path.read_bytes())
    content[member.header_offset + 30 + len(IMAGE) + member.compress_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"damaged in the zip"):
        open_source(path).read(IMAGE)


@pytest.mark.fault
@pytest.mark.parametrize("link", [IMAGE, "Train/Images/train", "Train", CSV])
def test_links_that_lead_outside_are_refused_and_others_followed(tmp_path: Path, make_raw: MakeRaw, link: str) -> None:
    raw = make_raw(tmp_path / "raw", images=4)
    wanted = CSV if link == CSV else IMAGE
    content = (raw / wanted).read_bytes()
    (raw / link).rename(raw / "moved")
    (raw / link).symlink_to(raw / "moved")
    assert open_source(raw).read(wanted) == content
    (raw / link).unlink()
    (raw / "moved").rename(tmp_path / "outside")
    (raw / link).symlink_to(tmp_path / "outside")
    with pytest.raises(InputError, match=r"leads outside .*raw: replace the link by what it points to"):
        open_source(raw).read(wanted)


def test_forked_processes_read_the_same_zip_at_once(tmp_path: Path, make_raw: MakeRaw) -> None:
    source = open_source(make_raw(tmp_path / "raw.zip", images=200))
    names = sorted(source.names()) * 20
    expected = [source.read(name) for name in names]
    child = os.fork()
    same = [source.read(name) for name in names] == expected
    if child == 0:
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert same


@pytest.mark.fault
@pytest.mark.parametrize(
    ("name", "kind", "rule"),
    [
        ("../evil.png", tarfile.REGTYPE, "must be relative and stay inside"),
        ("/etc/evil.png", tarfile.REGTYPE, "must be relative and stay inside"),
        ("link.png", tarfile.SYMTYPE, "is a link or no regular file"),
        ("pipe", tarfile.FIFOTYPE, "is a link or no regular file"),
        ("a.png", tarfile.REGTYPE, "2 members of this name"),
    ],
)
def test_an_unsafe_member_refuses_the_whole_tar(tmp_path: Path, name: str, kind: bytes, rule: str) -> None:
    with tarfile.open(tmp_path / "raw.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("a.png"), io.BytesIO())
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(InputError, match=rf"raw.tar: member '{name}': .*{rule}: pack the plain files again"):
        open_source(tmp_path / "raw.tar")


@pytest.mark.fault
@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_a_damaged_tar_is_refused(tmp_path: Path, make_raw: MakeRaw, kind: str) -> None:
    path = tar_folder(make_raw(tmp_path / "raw", images=5), tmp_path / f"raw.{kind}", kind.partition(".")[2])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    try:
        source = open_source(path)
    except InputError as error:
        assert "not a readable tar" in str(error)
    else:  # A plain tar may end between two members.
        assert len(source.names()) < 6
    path.write_bytes(b"no tar at all")
    with pytest.raises(InputError, match=r"not a readable tar .*: pack or copy it again"):
        open_source(path)


@pytest.mark.fault
def test_links_in_a_circle_pipes_and_devices_do_not_hang(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw", images=3)
    (raw / "Train/again").symlink_to(raw)
    os.mkfifo(raw / "Train/Images/train/pipe.png")
    assert len(open_source(raw).names()) == 4
    with pytest.raises(OSError, match="not a regular file"):
        open_source(raw).read("Train/Images/train/pipe.png")
    (raw / "away").symlink_to("/")
    with pytest.raises(InputError, match=r"away: leads outside .*raw: replace the link by what it points to"):
        open_source(raw).names()


@pytest.mark.fault
def test_a_file_of_many_gigabytes_takes_no_memory(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw", images=3)
    with (raw / IMAGE.replace("3", "2")).open("r+b") as file:
        file.truncate(30_000_000_000)
    with pytest.raises(OSError, match=r"30,000,000,000 bytes: at most 200,000,000 are read"):
        open_source(raw).read(IMAGE.replace("3", "2"))
