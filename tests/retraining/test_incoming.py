"""New rows into the raw folder: known images skipped, contradictions refused, names kept or derived, kills harmless."""

import hashlib
import os
import resource
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MakeRaw
from PIL import Image
from support.raw_images import noise, write_canonical

from regbench.config.data import Data, Split
from regbench.data.earlier_ingest import EarlierIngest
from regbench.data.ingest import decode_rows, ingest
from regbench.data.layouts.recognize import count_unlisted, read_listing
from regbench.data.raw import write_raw
from regbench.data.sources import open_source
from regbench.errors import InputError, RejectedDataError
from regbench.retraining.incoming import Merged, Plan, merge_incoming, plan_merge

CSV, IMAGES = "Train/train.csv", "Train/Images/train"
TEST_CSV, TEST_IMAGES = "Test/Test.csv", "Test/Images/test"


def settings(raw: Path, **changes: Any) -> Data:
    return Data(raw=str(raw), image_size=(8, 8), **changes)


def batch(path: Path, numbers: range, unlabelled: range = range(0), label: str | None = None) -> Path:
    """Write noise images; labels follow from the number, as in `write_canonical`, unless one is given."""
    write_raw(path, ((noise(n), label or str(n % 2)) for n in numbers), (noise(n) for n in unlabelled))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return write_canonical(tmp_path / "raw", images=40, unlabelled=3)


@pytest.mark.parametrize("kind", ["new", "new.zip"])
def test_new_rows_are_added_and_known_ones_skipped(tmp_path: Path, raw: Path, kind: str) -> None:
    before = contents(raw)
    incoming = batch(tmp_path / kind, range(35, 45), range(41, 44))
    untouched = incoming.read_bytes() if incoming.is_file() else contents(incoming)
    merged = merge_incoming(incoming, settings(raw))
    # 35 to 39 are labelled in both; 41 and 42 are unlabelled in both, and get their label as well.
    assert (merged.labelled, merged.unlabelled, merged.known, merged.left_out) == (5, 1, 7, ())
    after = contents(raw)
    assert {name for name in before if before[name] != after[name]} == {CSV, TEST_CSV}
    assert after[CSV].startswith(before[CSV]) and after[TEST_CSV].startswith(before[TEST_CSV])
    listed = read_listing(open_source(raw), settings(raw))
    rows = decode_rows(listed, settings(raw), EarlierIngest()).rows
    labels = rows[rows["table"] == CSV].set_index("hash")["label"]
    assert labels.to_dict() == {digest(n): str(n % 2) for n in range(45)}
    assert count_unlisted(listed) == 0
    assert (incoming.read_bytes() if incoming.is_file() else contents(incoming)) == untouched
    again = merge_incoming(incoming, settings(raw))
    assert again == Merged(0, 0, 13, (), ()) and not again.anything
    assert contents(raw) == after


def digest(number: int) -> str:
    return hashlib.sha256(noise(number).tobytes()).hexdigest()


def test_a_taken_name_gets_a_part_of_the_hash_and_a_free_one_stays(tmp_path: Path, raw: Path) -> None:
    incoming = batch(tmp_path / "new", range(100, 102))  # 0.png and 1.png, as the raw folder's own
    (incoming / IMAGES / "0.png").rename(incoming / IMAGES / "free.png")
    table = incoming / CSV
    table.write_text(table.read_text().replace("0.png", "free.png"))
    other = write_canonical(tmp_path / "raw2", images=40, unlabelled=3)
    merged = merge_incoming(incoming, settings(raw))
    assert len(merged.renamed) == 1
    earlier, name = merged.renamed[0]
    assert earlier == f"{IMAGES}/1.png" and name.startswith(f"{IMAGES}/1-") and name.endswith(".png")
    assert (raw / name).read_bytes() == (incoming / earlier).read_bytes()
    rows = (raw / CSV).read_text().splitlines()[-2:]
    assert rows == ["free.png,0", f"{Path(name).name},1"]
    assert (raw / IMAGES / "1.png").read_bytes() == (other / IMAGES / "1.png").read_bytes()
    merge_incoming(incoming, settings(other))
    assert contents(raw) == contents(other)


def test_a_file_that_no_row_names_is_not_overwritten(tmp_path: Path, raw: Path) -> None:
    (raw / IMAGES / "100.png").write_text("notes")
    incoming = batch(tmp_path / "new", range(100, 101))
    (incoming / IMAGES / "0.png").rename(incoming / IMAGES / "100.png")
    (incoming / CSV).write_text("filename,label\n100.png,0\n")
    assert len(merge_incoming(incoming, settings(raw)).renamed) == 1
    assert (raw / IMAGES / "100.png").read_text() == "notes"


def test_a_name_is_taken_also_by_a_row_that_ingest_leaves_out(tmp_path: Path, raw: Path) -> None:
    (raw / IMAGES / "5.png").unlink()
    incoming = batch(tmp_path / "new", range(5, 6))
    (incoming / IMAGES / "0.png").rename(incoming / IMAGES / "5.png")
    (incoming / CSV).write_text("filename,label\n5.png,1\n")
    merged = merge_incoming(incoming, settings(raw, max_rejected=1))
    assert (merged.labelled, len(merged.renamed)) == (1, 1)
    assert len(ingest(settings(raw, max_rejected=1)).rejected) == 1


@pytest.mark.fault
def test_the_same_pixels_with_another_label_refuse_the_batch_and_all_are_named(tmp_path: Path, raw: Path) -> None:
    before = contents(raw)
    incoming = batch(tmp_path / "new", range(38, 48), label="1")  # 38 is 0 in the raw folder
    shutil.copy(incoming / IMAGES / "5.png", incoming / IMAGES / "again.png")
    (incoming / CSV).write_text((incoming / CSV).read_text() + "again.png,0\n")
    with pytest.raises(RejectedDataError) as caught:
        merge_incoming(incoming, settings(raw))
    assert str(caught.value).splitlines() == [
        f"{incoming}: {CSV}: row 2: filename = '0.png' (label '1'): has the pixels of {raw}: {CSV}: row 40: "
        "filename = '38.png' (label '0'): correct the wrong label, or remove the row",
        f"{incoming}: {CSV}: row 12: filename = 'again.png' (label '0'): has the pixels of {incoming}: {CSV}: row 7: "
        "filename = '5.png' (label '1'): correct the wrong label, or remove the row",
    ]
    assert contents(raw) == before


def test_a_contradiction_that_the_raw_folder_holds_already_refuses_no_batch(tmp_path: Path, raw: Path) -> None:
    shutil.copy(raw / IMAGES / "7.png", raw / IMAGES / "again.png")
    (raw / CSV).write_text((raw / CSV).read_text() + "again.png,0\n")
    assert merge_incoming(batch(tmp_path / "one", range(7, 8), label="0"), settings(raw)).known == 1
    assert merge_incoming(batch(tmp_path / "other", range(7, 8), label="1"), settings(raw)).known == 1
    with pytest.raises(
        RejectedDataError, match=r"'0.png' \(label '2'\): has the pixels of .* row 9: filename = '7.png'"
    ):
        merge_incoming(batch(tmp_path / "third", range(7, 8), label="2"), settings(raw))


@pytest.mark.fault
def test_unusable_rows_refuse_the_batch_and_within_max_rejected_are_left_out(tmp_path: Path, raw: Path) -> None:
    before = contents(raw)
    incoming = batch(tmp_path / "new", range(50, 55))
    (incoming / IMAGES / "2.png").write_bytes((incoming / IMAGES / "2.png").read_bytes()[:-30])
    (incoming / IMAGES / "3.png").unlink()
    (incoming / CSV).write_text((incoming / CSV).read_text().replace("4.png,0", "4.png,9"))
    named = r"row 4: .*'2.png'.*\n.*row 5: .*no such file.*\n.*row 6: .*label '9'.*one of data.classes \(0, 1\)"
    with pytest.raises(RejectedDataError, match=rf"3 of 5 rows cannot be used: .* data.max_rejected = 0.*\n.*{named}"):
        merge_incoming(incoming, settings(raw, classes=("0", "1")))
    assert contents(raw) == before
    merged = merge_incoming(incoming, settings(raw, classes=("0", "1"), max_rejected=3))
    assert merged.labelled == 2 and [line.split(":")[1] for line in merged.left_out] == [" row 4", " row 5", " row 6"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (b"filename,label\n0.png,0\n1.png,1", b'filename,label\n0.png,0\n1.png,1\nnew.png,"a, b"\n'),
        (b"filename,label\r\n0.png,0\r\n1.png,1\r\n", b'filename,label\r\n0.png,0\r\n1.png,1\r\nnew.png,"a, b"\r\n'),
        (
            b"\xef\xbb\xbf label ,filename\n0,0.png\n1,1.png\n",
            b'\xef\xbb\xbf label ,filename\n0,0.png\n1,1.png\n"a, b",new.png\n',
        ),
    ],
    ids=["no line end", "CRLF", "BOM and other order"],
)
def test_rows_are_appended_in_the_tables_own_style(tmp_path: Path, raw: Path, table: bytes, expected: bytes) -> None:
    (raw / CSV).write_bytes(table)
    incoming = batch(tmp_path / "new", range(60, 61))
    (incoming / IMAGES / "0.png").rename(incoming / IMAGES / "new.png")
    (incoming / CSV).write_text('filename,label\nnew.png,"a, b"\n')
    merge_incoming(incoming, settings(raw))
    assert (raw / CSV).read_bytes() == expected
    assert merge_incoming(incoming, settings(raw)).known == 1


def test_unlabelled_images_alone_may_come_and_found_their_table(tmp_path: Path) -> None:
    raw = write_canonical(tmp_path / "raw", images=4)
    incoming = batch(tmp_path / "new", range(0), range(9, 11))
    shutil.rmtree(incoming / "Train")
    assert merge_incoming(incoming, settings(raw)).unlabelled == 2
    assert (raw / TEST_CSV).read_text() == "filename\n0.png\n1.png\n"
    assert (raw / TEST_IMAGES / "1.png").read_bytes() == (incoming / TEST_IMAGES / "1.png").read_bytes()


def test_files_under_a_top_folder_and_in_folders_of_their_own(tmp_path: Path) -> None:
    raw = write_canonical(tmp_path / "raw", images=4, top="digits")
    incoming = batch(tmp_path / "new", range(9, 10))
    (incoming / IMAGES / "scan").mkdir()
    (incoming / IMAGES / "0.png").rename(incoming / IMAGES / "scan" / "0.png")
    (incoming / CSV).write_text("filename,label\nscan/0.png,1\n")
    assert merge_incoming(incoming, settings(raw)).renamed == ()
    assert (raw / "digits" / IMAGES / "scan/0.png").is_file()
    assert (raw / "digits" / CSV).read_text().endswith("scan/0.png,1\n")


@pytest.mark.parametrize("kind", ["class folders", "npz", "tsv"])
def test_a_batch_may_come_in_any_layout(tmp_path: Path, raw: Path, kind: str) -> None:
    new = tmp_path / "new"
    numbers = range(38, 46)  # 38 and 39 are known.
    if kind == "class folders":
        for number in numbers:
            path = new / f"{number % 2}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise(number).save(path)
    elif kind == "npz":
        new.mkdir()
        pixels = np.stack([np.asarray(noise(number)) for number in numbers])
        np.savez(new / "batch.npz", images=pixels, labels=np.array([number % 2 for number in numbers]))
    else:
        new.mkdir()
        for number in numbers:
            noise(number).save(new / f"{number}.png")
        rows = [f"{number}\t{number % 2}" for number in numbers]
        (new / "labels.tsv").write_text("\n".join(["image_id\tclass", *rows]))
    merged = merge_incoming(new, settings(raw))
    assert (merged.labelled, merged.known) == (6, 2)
    ingested = ingest(settings(raw))
    found = ingested.index[ingested.index["label"] != ""].set_index("hash")["label"]
    assert found.to_dict() == {digest(number): str(number % 2) for number in range(46)}
    assert merge_incoming(new, settings(raw)).known == 8


def test_new_rows_follow_the_columns_of_the_raw_table(tmp_path: Path, raw: Path) -> None:
    table = (raw / CSV).read_text().splitlines()
    rows = [f"{line.split(',')[1]};w{number};{line.split(',')[0]}" for number, line in enumerate(table[1:])]
    (raw / CSV).write_text("\n".join(["Target;writer;image_id", *rows]))
    incoming = batch(tmp_path / "new", range(60, 61))
    (incoming / CSV).write_text("filename,label,writer\n0.png,1,w77\n")
    merge_incoming(incoming, settings(raw, group="writer"))
    assert (raw / CSV).read_text().splitlines()[-1].startswith("1;w77;0-")


def test_a_raw_folder_must_be_canonical_and_without_given_splits(tmp_path: Path, raw: Path) -> None:
    for label in "ab":
        (tmp_path / "folders" / label).mkdir(parents=True)
        noise(ord(label)).save(tmp_path / "folders" / label / "1.png")
    with pytest.raises(
        InputError, match=r"folders': must hold Train/train.csv where .* \(regbench export .*folders FOLDER"
    ):
        merge_incoming(batch(tmp_path / "new", range(60, 61)), settings(tmp_path / "folders"))
    table = (raw / CSV).read_text().splitlines()
    (raw / CSV).write_text("\n".join([f"{table[0]},split", *(f"{row},train" for row in table[1:])]))
    with pytest.raises(
        RejectedDataError, match=r"data.split.method = auto: .*raw gives splits, but new rows have none: set"
    ):
        merge_incoming(tmp_path / "new", settings(raw))


def test_nothing_is_new_in_an_empty_folder(tmp_path: Path, raw: Path) -> None:
    (tmp_path / "new" / "Train").mkdir(parents=True)
    (tmp_path / "new" / ".git").mkdir()
    (tmp_path / "new" / ".git" / "config").touch()
    plan = plan_merge(tmp_path / "new", settings(raw))
    assert plan.carry_out() == Merged(0, 0, 0, (), ()) and plan.images.shape == (0, 1, 8, 8)


def test_wrong_settings_are_explained(tmp_path: Path, raw: Path) -> None:
    archive = write_canonical(tmp_path / "digits.zip", images=4)
    with pytest.raises(
        InputError, match=r"data.raw = '.*digits.zip': must be a folder where .*write one \(regbench export"
    ):
        merge_incoming(raw, settings(archive))
    listed = Split(method="as_listed", validation=0.3, test=0)
    with pytest.raises(InputError, match=r"data.split.method = 'as_listed': must be hash where retrain.incoming"):
        merge_incoming(raw, settings(raw, split=listed))
    with pytest.raises(InputError, match=r"retrain.incoming = '.*absent': no such folder or archive"):
        merge_incoming(tmp_path / "absent", settings(raw))
    batch(tmp_path / "half", range(3))
    (tmp_path / "half" / CSV).unlink()
    with pytest.raises(
        RejectedDataError,
        match=r"half: holds 3 files \(3 .png; such as Train/Images/train/0.png\): no layout that is known",
    ):
        merge_incoming(tmp_path / "half", settings(raw))


@pytest.mark.fault
def test_a_disk_without_room_adds_nothing(tmp_path: Path, raw: Path) -> None:
    """A limit on the size of files stands in for a full disk: images fit, the grown table does not."""
    before = contents(raw)
    plan = plan_merge(batch(tmp_path / "new", range(100, 120)), settings(raw))
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))
        try:
            plan.carry_out()
        except InputError as error:
            os._exit(7 if "File too large: no row was added; the next job merges again" in str(error) else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert contents(raw) == before


def test_the_plan_shows_the_new_images_and_writes_nothing(tmp_path: Path, raw: Path) -> None:
    before = contents(raw)
    plan = plan_merge(batch(tmp_path / "new", range(38, 43), range(60, 62)), settings(raw))
    assert plan.labels == ("0", "1", "0")
    expected = [noise(n).tobytes() for n in (40, 41, 42, 60, 61)]
    assert [image.tobytes() for image in plan.images] == expected
    assert contents(raw) == before


def test_known_images_are_taken_from_the_last_ingest(
    tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from regbench.data import decoding
    from regbench.data import ingest as ingestion

    ingestion.write(ingest(settings(raw)), tmp_path / "data")
    decoded: list[bytes] = []
    decode = decoding.decode
    monkeypatch.setattr(decoding, "decode", lambda encoded, *rest: decoded.append(encoded) or decode(encoded, *rest))
    incoming = batch(tmp_path / "new", range(40, 42))
    assert merge_incoming(incoming, settings(raw), tmp_path / "data").labelled == 2
    assert decoded == [(incoming / IMAGES / name).read_bytes() for name in ("0.png", "1.png")]


WRITING = ("open", "os.mkdir", "os.rename", "os.remove")
"""Python's audit events of what a merge does to files."""
KILLS = 8


def carry_out(plan: Plan, kill_at: int = 0) -> int:
    """Carry a merge out in a process that kills itself before an operation on a file; return how many there were."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        done = 0

        def count(event: str, arguments: object) -> None:
            nonlocal done
            if event in WRITING:
                done += 1
                if done == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        plan.carry_out()
        os.write(writing, str(done).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as counted:
        return int(counted.read() or 0)


@pytest.mark.fault
def test_a_merge_that_is_killed_and_done_again_leaves_the_same_bytes(tmp_path: Path, make_raw: MakeRaw) -> None:
    """SIGKILL at moments spread over all that one merge writes."""
    original = make_raw(tmp_path / "original", images=30, unlabelled=3)
    incoming = batch(tmp_path / "new", range(25, 165), range(500, 540))
    expected = Path(shutil.copytree(original, tmp_path / "expected"))
    operations = carry_out(plan_merge(incoming, settings(expected)))
    assert operations > 100
    states = set()
    for trial in range(KILLS):
        raw = Path(shutil.copytree(original, tmp_path / f"raw-{trial}"))
        carry_out(plan_merge(incoming, settings(raw)), 1 + trial * (operations - 1) // (KILLS - 1))
        states.add(len(contents(raw)))
        assert ingest(settings(raw)).rejected == ()
        merge_incoming(incoming, settings(raw))
        assert contents(raw) == contents(expected)
        shutil.rmtree(raw)
    assert len(states) > 2, "the kills did not hit the merge at different moments"


@pytest.mark.fault
def test_no_image_changes_its_split_over_generations_and_no_duplicate_straddles(tmp_path: Path) -> None:
    raw = write_canonical(tmp_path / "raw", images=60)
    seen: dict[str, str] = {}
    for generation in range(6):
        index = ingest(settings(raw)).index
        splits = index.groupby("hash")["split"].agg(["first", "nunique"])
        assert (splits["nunique"] == 1).all()
        now = splits["first"].to_dict()
        assert len(now) == 60 + 30 * generation
        assert {digest: now[digest] for digest in seen} == seen
        seen = now
        # Half of each batch is known already, some under another name and in another file format's compression.
        start = 60 + 30 * generation
        incoming = batch(tmp_path / f"new-{generation}", range(start - 30, start + 30))
        with Image.open(incoming / IMAGES / "3.png") as image:
            image.save(incoming / IMAGES / "again.png", compress_level=0)
        (incoming / CSV).write_text((incoming / CSV).read_text() + f"again.png,{(start - 27) % 2}\n")
        merged = merge_incoming(incoming, settings(raw))
        assert (merged.labelled, merged.known) == (30, 31)
    assert set(seen.values()) == {"train", "validation", "test"}
