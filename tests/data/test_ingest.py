"""Raw images to arrays: exact pixels, splits, rejections, duplicates, and unchanged images kept."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from conftest import MakeRaw
from PIL import Image
from support.raw_images import noise

from regbench.config.data import Data, Split
from regbench.data import decoding
from regbench.data import report as data_report
from regbench.data.dataset import SPLITS, load_shape, load_split
from regbench.data.ingest import ingest, write
from regbench.errors import InputError, WorkerDiedError
from regbench.files import read_json

ROOT = Path(__file__).resolve().parents[2]
CSV = "Train/train.csv"
IMAGES = "Train/Images/train"


def settings(raw: Path, **changes: Any) -> Data:
    """Return params for the small images of `make_raw`."""
    return Data(**{"raw": str(raw), "image_size": (8, 8), **changes})


def run(raw: Path, out: Path, **changes: Any) -> dict[str, Any]:
    """Do what the stage does; return report.json."""
    data = settings(raw, **changes)
    ingested = ingest(data, earlier_dir=out)
    write(ingested, out)
    data_report.write(ingested, data, out / "report")
    report: dict[str, Any] = read_json(out / "report" / "report.json")
    return report


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def append(raw: Path, rows: str) -> None:
    with (raw / CSV).open("a") as file:
        file.write(rows)


def filenames(out: Path) -> dict[str, set[str]]:
    return {split: set(load_split(out, split).filenames) for split in SPLITS}


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_arrives_bit_for_bit_under_its_name(tmp_path: Path, make_raw: MakeRaw, channels: int) -> None:
    raw = make_raw(tmp_path / "raw.zip", images=60, classes=("b", "a", "c"), unlabelled=5, channels=channels)
    report = run(raw, tmp_path / "data", channels=channels)
    assert load_shape(tmp_path / "data" / "dataset.json").classes == ("a", "b", "c")
    seen = 0
    for name in SPLITS:
        split = load_split(tmp_path / "data", name)
        for image, label, filename, digest in zip(
            split.images, split.labels, split.filenames, split.hashes, strict=True
        ):
            number = int(filename.removesuffix(".png"))
            pixels = np.asarray(noise(number, channels=channels)).reshape(8, 8, channels).transpose(2, 0, 1)
            np.testing.assert_array_equal(image, pixels)
            assert hashlib.sha256(pixels.tobytes()).hexdigest() == digest
            assert label == (-1 if name == "unlabelled" else (1, 0, 2)[number % 3])
            seen += 1
    assert seen == 65
    assert sum(report["images"].values()) == 65
    assert report["images"]["unlabelled"] == 5


def test_folder_and_zip_give_the_same_files(tmp_path: Path, make_raw: MakeRaw) -> None:
    for name in ("raw", "raw.zip"):
        run(make_raw(tmp_path / name, images=50, unlabelled=3), tmp_path / f"data-{name}")
    one, other = (contents(tmp_path / f"data-{name}") for name in ("raw", "raw.zip"))
    assert {name for name in one if one[name] != other[name]} == {"report/report.json", "report/report.md"}
    assert one["report/report.md"].replace(b"raw", b"raw.zip", 1) == other["report/report.md"]


def test_as_listed_keeps_the_order_of_the_rows(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw.zip", images=10)
    run(raw, tmp_path / "data", split=Split(method="as_listed", validation=0.3, test=0))
    assert load_split(tmp_path / "data", "train").filenames == tuple(f"{n}.png" for n in range(7))
    assert load_split(tmp_path / "data", "validation").filenames == tuple(f"{n}.png" for n in range(7, 10))
    assert load_split(tmp_path / "data", "test").images.shape == (0, 1, 8, 8)


def test_workers_give_the_same_as_one_process(
    tmp_path: Path, make_raw: MakeRaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = make_raw(tmp_path / "raw.zip", images=120)
    run(raw, tmp_path / "one")
    monkeypatch.setattr(decoding, "CHUNK", 7)
    monkeypatch.setattr(decoding, "available_cores", lambda: 3)
    run(raw, tmp_path / "many")
    assert contents(tmp_path / "one") == contents(tmp_path / "many")


def test_without_fork_one_process_decodes_the_same(
    tmp_path: Path, make_raw: MakeRaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = make_raw(tmp_path / "raw.zip", images=40)
    run(raw, tmp_path / "one")
    monkeypatch.setattr(decoding, "CHUNK", 7)
    monkeypatch.setattr(decoding, "available_cores", lambda: 3)
    monkeypatch.setattr(decoding, "FORKS", False)
    monkeypatch.setattr(decoding, "ProcessPoolExecutor", None)
    run(raw, tmp_path / "macos")
    assert contents(tmp_path / "one") == contents(tmp_path / "macos")


@pytest.mark.fault
def test_a_process_that_is_killed_while_it_decodes_is_one_line(
    tmp_path: Path, make_raw: MakeRaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel does where memory runs out; what was there stays."""
    raw = make_raw(tmp_path / "raw.zip", images=40)
    run(raw, tmp_path / "data")
    before = contents(tmp_path / "data")
    decode = decoding.decode
    owner = os.getpid()

    def die(encoded: bytes, conversion: decoding.Conversion) -> tuple[bytes, tuple[int, int]]:
        if os.getpid() != owner:
            os.kill(os.getpid(), signal.SIGKILL)
        return decode(encoded, conversion)

    monkeypatch.setattr(decoding, "CHUNK", 7)
    monkeypatch.setattr(decoding, "available_cores", lambda: 2)
    monkeypatch.setattr(decoding, "decode", die)
    grown = make_raw(tmp_path / "grown.zip", images=60)
    with pytest.raises(WorkerDiedError, match=r"grown\.zip: a process that decodes images was killed; perhaps memory"):
        run(grown, tmp_path / "data")
    assert contents(tmp_path / "data") == before


def test_a_grown_data_set_keeps_splits_and_decodes_only_what_is_new(
    tmp_path: Path, make_raw: MakeRaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(make_raw(tmp_path / "small", images=60, unlabelled=4), tmp_path / "data")
    before = filenames(tmp_path / "data")
    large = make_raw(tmp_path / "large", images=80)
    noise(1000).save(large / IMAGES / "5.png")
    decoded: list[bytes] = []
    decode = decoding.decode
    monkeypatch.setattr(decoding, "decode", lambda encoded, *rest: decoded.append(encoded) or decode(encoded, *rest))
    run(large, tmp_path / "data")
    # 60.png to 63.png were unlabelled: their path, and so their key, is another.
    new = [f"{n}.png" for n in [5, *range(60, 80)]]
    assert decoded == [(large / IMAGES / name).read_bytes() for name in new]
    after = filenames(tmp_path / "data")
    assert all(before[split] - {"5.png"} <= after[split] for split in SPLITS[:3])
    monkeypatch.undo()
    run(large, tmp_path / "fresh")
    assert contents(tmp_path / "fresh") == contents(tmp_path / "data")


def test_other_settings_decode_everything_again(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw.zip", images=40, channels=3)
    run(raw, tmp_path / "data", channels=3)
    for changes in ({"channels": 1}, {"channels": 1, "image_size": (4, 16)}):
        run(raw, tmp_path / "data", **changes)
        run(raw, tmp_path / f"fresh-{len(changes)}", **changes)
        assert contents(tmp_path / "data") == contents(tmp_path / f"fresh-{len(changes)}")


@pytest.mark.fault
@pytest.mark.parametrize("damaged", ["train/images.npy", "train/index.csv", "decoded.npz", "test/images.npy"])
@pytest.mark.parametrize("how", ["cut", "removed", "pixel"])
def test_damaged_former_files_are_not_trusted(tmp_path: Path, make_raw: MakeRaw, damaged: str, how: str) -> None:
    raw = make_raw(tmp_path / "raw.zip", images=40)
    run(raw, tmp_path / "data")
    expected = contents(tmp_path / "data")
    path = tmp_path / "data" / damaged
    content = bytearray(path.read_bytes())
    content[-70] ^= 1
    path.write_bytes(content[: len(content) // 2] if how == "cut" else content)
    if how == "removed":
        path.unlink()
    run(raw, tmp_path / "data")
    assert contents(tmp_path / "data") == expected


@pytest.mark.fault
@pytest.mark.parametrize("damaged", ["train/images.npy", "decoded.npz"])
@pytest.mark.parametrize("header", [b",  ", b", )", b" ]]", b", \0"])
def test_a_header_of_numpy_that_is_no_python_is_not_trusted(
    tmp_path: Path, make_raw: MakeRaw, damaged: str, header: bytes
) -> None:
    raw = make_raw(tmp_path / "raw.zip", images=40)
    run(raw, tmp_path / "data")
    expected = contents(tmp_path / "data")
    path = tmp_path / "data" / damaged
    assert b", }" in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b", }", header))
    run(raw, tmp_path / "data")
    assert contents(tmp_path / "data") == expected


@pytest.mark.fault
def test_an_archive_of_a_later_version_is_not_trusted(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw.zip", images=40)
    run(raw, tmp_path / "data")
    expected = contents(tmp_path / "data")
    path = tmp_path / "data/decoded.npz"
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 255  # version needed to extract: 25.5
    path.write_bytes(content)
    run(raw, tmp_path / "data")
    assert contents(tmp_path / "data") == expected


@pytest.mark.fault
@pytest.mark.parametrize("left", ["train/.images.4711.npy", "test/.index.4711.csv", "report/.report.4711.json"])
def test_what_a_killed_ingest_left_is_removed(tmp_path: Path, make_raw: MakeRaw, left: str) -> None:
    """DVC takes all that is in a folder for the output, so that its hash would be another one."""
    raw = make_raw(tmp_path / "raw.zip", images=40)
    run(raw, tmp_path / "data")
    expected = contents(tmp_path / "data")
    (tmp_path / "data" / left).write_bytes(b"half")
    run(raw, tmp_path / "data")
    assert contents(tmp_path / "data") == expected


SLOW = """
import os, sys, time
from regbench.config.data import Data
from regbench.data import decoding
from regbench.data.ingest import ingest
decoding.available_cores = lambda: 2
# In one write: `print` makes two, which those of the other process may come between.
decoding.Job.decode = lambda self, rows: os.write(1, b"%d\\n" % os.getpid()) and time.sleep(300)
decoding.CHUNK = 8
ingest(Data.model_validate({"raw": sys.argv[1], "image_size": (8, 8)}))
"""


@pytest.mark.fault
@pytest.mark.skipif(not decoding.FORKS, reason="one process decodes everything here")
def test_processes_that_decode_die_with_a_killed_ingest(tmp_path: Path, make_raw: MakeRaw) -> None:
    """Each of them holds the pipe that the others wait for: without their parent they would wait for ever."""
    raw = make_raw(tmp_path / "raw.zip", images=40)
    parent = subprocess.Popen([sys.executable, "-c", SLOW, str(raw)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [psutil.Process(int(parent.stdout.readline())) for _ in range(2)]
    parent.kill()
    parent.wait()
    assert psutil.wait_procs(workers, timeout=30)[1] == []


def break_images(raw: Path) -> None:
    """Cut 3.png, flip a byte of 4.png's pixels, remove 6.png, and make 8.png a text."""
    folder = raw / IMAGES
    content = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes(content[: len(content) // 2])
    flipped = bytearray((folder / "4.png").read_bytes())
    flipped[flipped.find(b"IDAT") + 20] ^= 1
    (folder / "4.png").write_bytes(flipped)
    (folder / "6.png").unlink()
    (folder / "8.png").write_text("no picture")


@pytest.mark.fault
def test_unusable_images_refuse_the_data_set_and_nothing_is_written(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw", images=40)
    run(raw, tmp_path / "data")
    before = contents(tmp_path / "data")
    break_images(raw)
    with pytest.raises(InputError) as caught:
        run(raw, tmp_path / "data")
    lines = str(caught.value).splitlines()
    assert "4 of 40 rows cannot be used: at most data.max_rejected = 0 may be left out" in lines[0]
    assert [line.split(" (label")[0] for line in lines[1:]] == [
        f"{CSV}: row {n + 2}: filename = '{n}.png'" for n in (3, 4, 6, 8)
    ]
    assert "broken (" in lines[1]
    assert "broken (checksum of chunk b'IDAT')" in lines[2]
    assert "no such file" in lines[3]
    assert "no image that can be read (PNG, JPEG, " in lines[4]
    assert contents(tmp_path / "data") == before


@pytest.mark.fault
def test_rows_within_max_rejected_are_left_out_and_reported(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw", images=40)
    break_images(raw)
    with pytest.raises(InputError, match=r"max_rejected = 3"):
        run(raw, tmp_path / "data", max_rejected=3)
    report = run(raw, tmp_path / "data", max_rejected=4)
    kept = set().union(*filenames(tmp_path / "data").values())
    assert kept == {f"{n}.png" for n in range(40)} - {"3.png", "4.png", "6.png", "8.png"}
    assert [line.split(":")[1] for line in report["rejected"]] == [" row 5", " row 6", " row 8", " row 10"]
    assert "no such file" in (tmp_path / "data/report/report.md").read_text()


@pytest.mark.fault
def test_at_most_twenty_unusable_images_are_listed(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw", images=40)
    for number in range(1, 40):
        (raw / IMAGES / f"{number}.png").unlink()
    with pytest.raises(InputError) as caught:
        run(raw, tmp_path / "data")
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "... and 19 more"


@pytest.mark.fault
def test_rows_that_all_fail_alike_are_one_line_that_says_what_is_there(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw", images=40)
    shutil.rmtree(raw / IMAGES)
    with pytest.raises(InputError) as caught:
        run(raw, tmp_path / "data")
    lines = str(caught.value).splitlines()
    assert lines[1:] == [
        f"{CSV}: row 2: filename = '0.png' (label '0'): no such file: add it, or remove the row; the same in all 40 "
        f"rows; files found are such as '{CSV}'"
    ]


@pytest.mark.fault
def test_a_label_outside_the_given_classes_is_rejected_by_name(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw", images=40)
    noise(40).save(raw / IMAGES / "x.png")
    append(raw, "x.png,3.0\n")
    with pytest.raises(InputError, match=r"row 42: filename = 'x.png' \(label '3.0'\): .* data.classes \(1, 0\)"):
        run(raw, tmp_path / "data", classes=("1", "0"))
    run(raw, tmp_path / "data", classes=("1", "0"), max_rejected=1)
    assert load_shape(tmp_path / "data/dataset.json").classes == ("1", "0")
    assert 0 in load_split(tmp_path / "data", "train").labels


@pytest.mark.fault
def test_one_class_is_refused(tmp_path: Path, make_raw: MakeRaw) -> None:
    with pytest.raises(InputError, match=r"labels = only: must be 2 or more classes: add"):
        run(make_raw(tmp_path / "raw", images=40, classes=("only",)), tmp_path / "data")


def test_a_class_may_be_called_all_and_hold_a_bar(tmp_path: Path, make_raw: MakeRaw) -> None:
    run(make_raw(tmp_path / "raw", images=60, classes=("all", "x|y")), tmp_path / "data")
    page = (tmp_path / "data/report/report.md").read_text()
    counts = json.loads((tmp_path / "data/report/report.json").read_text())["classes"]
    for name, shown in (("all", "all"), ("x|y", "x\\|y")):
        row = counts[name]
        assert f"| {shown} | {row['train']} | {row['validation']} | {row['test']} |" in page
    total = [counts["all"][split] + counts["x|y"][split] for split in ("train", "validation", "test")]
    assert f"| **all** | {total[0]} | {total[1]} | {total[2]} |" in page


def test_names_are_no_html_in_the_report(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw<i>", images=60, classes=("a", "<img src=x>"))
    next(raw.rglob("*.png")).write_bytes(b"no image")
    run(raw, tmp_path / "data", max_rejected=1)
    page = (tmp_path / "data/report/report.md").read_text()
    prose = [line for line in page.splitlines() if not line.startswith("    ")]
    assert "# Data: raw\\<i>" in prose and any(line.startswith("| \\<img src=x> |") for line in prose)
    assert not re.search(r"(?<!\\)<", "\n".join(prose))


@pytest.mark.fault
def test_duplicates_stay_together_and_are_reported(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw", images=40, unlabelled=2)
    for n in range(40):
        shutil.copy(raw / IMAGES / f"{n}.png", raw / IMAGES / f"again-{n}.png")
        append(raw, f"again-{n}.png,{n % 2 if n else 1}\n")  # 0.png is labelled 0, again-0.png 1
    shutil.copy(raw / IMAGES / "7.png", raw / "Test/Images/test/41.png")
    report = run(raw, tmp_path / "data")
    for split in SPLITS[:3]:
        names = filenames(tmp_path / "data")[split]
        assert {f"again-{name}" for name in names if not name.startswith("again")} == {
            name for name in names if name.startswith("again")
        }
    found = report["duplicates"]
    assert found["extra_images"] == 40
    assert found["across_splits"] == 0
    assert found["conflicting_labels"] == [{"0.png": "0", "again-0.png": "1"}]
    assert found["unlabelled_also_labelled"] == 1
    assert len(found["groups"]) == 20
    listed = Split(method="as_listed", validation=0.5, test=0)
    assert run(raw, tmp_path / "data", split=listed)["duplicates"]["across_splits"] == 40


@pytest.mark.fault
def test_the_report_counts_sizes_and_moments(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw", images=40)
    Image.new("L", (16, 4), 9).save(raw / IMAGES / "0.png")
    noise(99).save(raw / IMAGES / "nobody-lists-me.png")
    report = run(raw, tmp_path / "data")
    assert report["sizes_seen"] == {"4x16": 1, "8x8": 39}
    assert (report["resized"], report["unlisted"]) == (1, 1)
    assert sum(sum(counts.values()) for counts in report["classes"].values()) == 40
    for split in SPLITS[:3]:
        labels = load_split(tmp_path / "data", split).labels
        assert [report["classes"][c][split] for c in ("0", "1")] == np.bincount(labels, minlength=2).tolist()
    pixels = load_split(tmp_path / "data", "train").images / 255
    assert (report["mean"], report["std"]) == pytest.approx((pixels.mean(), pixels.std()), rel=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: noise(99).save(raw / IMAGES / "3.png"),
        lambda raw: (raw / CSV).write_text((raw / CSV).read_text().replace("3.png,1", "3.png,0")),
        lambda raw: (
            (raw / IMAGES / "3.png").rename(raw / IMAGES / "z.png")
            and (raw / CSV).write_text((raw / CSV).read_text().replace("\n3.png", "\nz.png"))
        ),
    ],
    ids=["pixels", "label", "name"],
)
def test_the_data_hash_names_the_content(tmp_path: Path, make_raw: MakeRaw, change: Callable[[Path], object]) -> None:
    raw = make_raw(tmp_path / "raw", images=40)
    before = ingest(settings(raw)).data_hash
    assert ingest(settings(raw)).data_hash == before
    change(raw)
    assert ingest(settings(raw)).data_hash != before


def test_the_picture_shows_train_images_only(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw", images=60)
    ingested = ingest(settings(raw))
    picture = data_report.draw_samples(ingested)
    pixels, positions = ingested.pixels, ingested.index["position"].to_numpy()
    pixels[positions[np.concatenate([ingested.rows("test"), ingested.rows("validation")])]] = 0
    assert picture.tobytes() == data_report.draw_samples(ingested).tobytes()
    pixels[positions[ingested.rows("train")[0]]] ^= 255
    assert picture.tobytes() != data_report.draw_samples(ingested).tobytes()


def test_the_real_images_are_what_pillow_reads(tmp_path: Path, real_zip: Path) -> None:
    """A slice of the real data set through the whole ingest, against the plainest Pillow loop."""
    with zipfile.ZipFile(real_zip) as archive:
        top = "identify-the-digits/"
        rows = archive.read(f"{top}{CSV}").decode().splitlines()[:1001]
        expected = {}
        with zipfile.ZipFile(tmp_path / "slice.zip", "w") as out:
            out.writestr(f"{top}{CSV}", "\n".join(rows))
            for row in rows[1:]:
                name, label = row.split(",")
                out.writestr(f"{top}{IMAGES}/{name}", archive.read(f"{top}{IMAGES}/{name}"))
                with archive.open(f"{top}{IMAGES}/{name}") as file:
                    expected[name] = np.asarray(Image.open(file).convert("L")), int(label)
    report = run(tmp_path / "slice.zip", tmp_path / "data", image_size=(28, 28))
    assert report["sizes_seen"] == {"28x28": 1000}
    for name in SPLITS[:3]:
        split = load_split(tmp_path / "data", name)
        for image, label, filename in zip(split.images, split.labels, split.filenames, strict=True):
            pixels, digit = expected.pop(filename)
            np.testing.assert_array_equal(image[0], pixels)
            assert label == digit
    assert expected == {}


def test_classes_must_differ(tmp_path: Path, make_raw: MakeRaw) -> None:
    with pytest.raises(InputError, match=r"data.classes = \['0', '1', '0'\]: must differ"):
        run(make_raw(tmp_path / "raw", images=40), tmp_path / "data", classes=("0", "1", "0"))


@pytest.mark.parametrize("folder", [".", "", "./"])
@pytest.mark.parametrize("kind", ["raw", "raw.zip"])
def test_all_files_may_stand_in_one_folder(tmp_path: Path, folder: str, kind: str) -> None:
    rows = ["filename,label"]
    (tmp_path / "raw").mkdir()
    for n in range(40):
        noise(n).save(tmp_path / "raw" / f"{n}.png")
        rows.append(f"{n}.png,{n % 2}")
    (tmp_path / "raw" / "labels.csv").write_text("\n".join(rows))
    shutil.make_archive(str(tmp_path / "raw"), "zip", tmp_path / "raw")
    report = run(tmp_path / kind, tmp_path / "data", train_csv="labels.csv", train_images=folder, test_images="none")
    assert sum(report["images"].values()) == 40
    assert report["unlisted"] == 0


def stage(raw: Path, out: Path) -> "subprocess.CompletedProcess[str]":
    """Run the stage with the shipped parameters, but for the images."""
    params = out.with_suffix(".yaml")
    params.write_text((ROOT / "params.yaml").read_text().replace("data/sample.zip", str(raw)))
    command = [sys.executable, "-m", "stages.ingest", str(out), "--params", str(params)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)


@pytest.mark.fault
def test_the_stage_reports_in_two_lines_and_fails_in_one(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw", images=700)
    done = stage(raw, tmp_path / "data")
    assert (done.returncode, done.stderr) == (0, "")  # quiet: the output is no terminal
    assert "2 classes, " in done.stdout
    assert done.stdout.splitlines()[0] == "found: a table with images beside it, 2 classes, 700 images"
    assert len(done.stdout.splitlines()) == 2
    report = read_json(tmp_path / "data/report/report.json")
    assert sum(report["images"].values()) == 700
    assert report["resized"] == 700  # params.yaml asks for 28 x 28
    append(raw, "7.png,0\n")
    failed = stage(raw, tmp_path / "other")
    assert failed.returncode == 2
    assert failed.stderr.strip().endswith(
        "row 702: filename = '7.png': listed before in row 9: a file has one row: remove one of them"
    )
    assert len(failed.stderr.splitlines()) == 1
    assert not (tmp_path / "other").exists()
