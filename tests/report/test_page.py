"""The files of `compare`: complete, byte-identical, self-contained, and safe with odd labels."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType

import altair
import numpy as np
import pandas as pd
import pytest
from jsonschema import ValidationError
from PIL import Image
from support.outputs import ROOT, small_params, write_outputs

from regbench.config.colours import COLOURS, colours
from regbench.config.params import Params
from regbench.config.tuned import write_tuned
from regbench.config.variants import Variant
from regbench.files import read_json
from regbench.report.charts import error_chart, gain_chart
from regbench.report.comparison import COLUMNS, compare
from regbench.report.confusion_chart import PAIRS, confusion_chart
from regbench.report.curve_charts import CURVES, dashes, first_picked, page_curves
from regbench.report.drawing import DARK, PAPER, row_axis, to_spec
from regbench.report.page import THUMBNAIL, dvc_page, thumbnail, write_reports
from regbench.report.summary import markdown
from regbench.report.tables import labelled, mean_curves, read_histories
from regbench.tracking.settings import colour
from stages import compare as compare_stage

SPECS = "const specs = "
FILES = {f"comparison.{kind}" for kind in ("csv", "json", "md", "html", "png")}
FILES |= {
    "calibration.csv",
    "compression.csv",
    "curves.csv",
    "ensembles.csv",
    "further.md",
    "plots.html",
    "robustness.csv",
    "timings.csv",
}
FILES |= {f"variants/{name}.png" for name in ("baseline", "l2", "early_stopping")}


def write(root: Path, names: tuple[str, ...] = ("baseline", "l2", "early_stopping"), **options: object) -> Path:
    params = small_params(names)
    write_outputs(root, params, **options)  # type: ignore[arg-type]
    reports(root, names)
    return root / "reports"


def reports(root: Path, names: tuple[str, ...] = ("baseline", "l2", "early_stopping"), out: str = "reports") -> str:
    params, data = small_params(names), read_json(root / "data/report/report.json")
    comparison = compare(params, root / "evaluation")
    folders = (root / "evaluation", root / "runs", root / "timings", root / out)
    write_reports(params, comparison, data, *folders)
    return markdown(comparison, data)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("report"))


class Page(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_equal_inputs_give_equal_bytes(written: Path) -> None:
    reports(written.parent, out="again")
    again = written.parent / "again"
    assert {str(file.relative_to(again)) for file in again.rglob("*") if file.is_file()} == FILES
    assert [name for name in sorted(FILES) if (again / name).read_bytes() != (written / name).read_bytes()] == []


def test_timings_touch_no_result(written: Path, tmp_path: Path) -> None:
    root = tmp_path
    write_outputs(root, small_params())
    table = pd.read_csv(root / "timings/l2.csv")
    table.assign(wall_seconds=table["wall_seconds"] + 1).to_csv(root / "timings/l2.csv", index=False)
    reports(root)
    changed = {name for name in FILES if (root / "reports" / name).read_bytes() != (written / name).read_bytes()}
    assert changed == {"timings.csv", "comparison.html"}


def test_the_page_refers_to_nothing_outside_itself(written: Path) -> None:
    links = [
        value
        for _, attributes in Page(written / "comparison.html").tags
        for key, value in attributes.items()
        if key in ("src", "href", "srcset", "data", "action") and value and not value.startswith("data:")
    ]
    assert links == []


def test_what_markdown_marks_as_code_is_code_on_the_page(written: Path) -> None:
    page = (written / "comparison.html").read_text()
    assert "where <code>train.calibration</code> is <code>temperature</code>" in page
    assert "where `train.calibration` is `temperature`" in (written / "further.md").read_text()


def test_every_misclassified_image_has_an_alternative_text(written: Path) -> None:
    images = [attributes for tag, attributes in Page(written / "comparison.html").tags if tag == "img"]
    expected = sum(len(np.load(file)) for file in (written.parent / "evaluation").glob("*/misclassified.npy"))
    assert len(images) == expected > 0
    assert all(re.fullmatch(r"image-\d+\.png: a \d read as \d", image["alt"] or "") for image in images)


def test_labels_and_names_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    params = small_params()
    write_outputs(tmp_path, params)
    evil = '</script><img src=x onerror="alert(1)">'
    for variant in params.variants:
        for name in ("misclassified.csv", "confusion.csv"):
            file = tmp_path / "evaluation" / variant / name
            columns = ["label", "predicted"] if name == "misclassified.csv" else ["actual", "predicted"]
            table = pd.read_csv(file, dtype=str)
            table[columns] = table[columns].replace("3", evil)
            table.to_csv(file, index=False)
    reports(tmp_path)
    tags = Page(tmp_path / "reports/comparison.html").tags
    assert not any("onerror" in attributes for _, attributes in tags)
    assert sum(tag == "script" for tag, _ in tags) == 2


def test_labels_that_look_like_numbers_or_gaps_stay_text(tmp_path: Path) -> None:
    params = small_params()
    write_outputs(tmp_path, params)
    for variant in params.variants:
        file = tmp_path / "evaluation" / variant / "misclassified.csv"
        table = pd.read_csv(file, dtype=str)
        table.assign(label="007", predicted="NA").to_csv(file, index=False)
    reports(tmp_path)
    assert "a 007 read as NA" in (tmp_path / "reports/comparison.html").read_text()


def test_a_perfect_variant_has_no_mistakes_to_show(tmp_path: Path) -> None:
    names = ("baseline", "l2")
    write_outputs(tmp_path, small_params(names))
    folder = tmp_path / "evaluation/l2"
    labels = pd.read_csv(tmp_path / "evaluation/labels.csv")["label"].to_numpy()
    np.save(folder / "probabilities.npy", np.repeat(np.eye(10, dtype=np.float32)[labels][None], 3, axis=0))
    np.save(folder / "misclassified.npy", np.zeros((0, 1, 28, 28), dtype=np.uint8))
    pd.read_csv(folder / "misclassified.csv").head(0).to_csv(folder / "misclassified.csv", index=False)
    reports(tmp_path, names)
    assert "None: every seed gets every image right." in (tmp_path / "reports/comparison.html").read_text()


@pytest.mark.slow
def test_fifteen_variants_and_colour_images_stay_below_five_megabytes(tmp_path: Path) -> None:
    names = ("baseline", *(f"variant_{index}" for index in range(14)))
    write_outputs(tmp_path, small_params(names), epochs=30)
    rng = np.random.default_rng(0)
    for name in names:
        folder = tmp_path / "evaluation" / name
        count = len(np.load(folder / "misclassified.npy"))
        np.save(folder / "misclassified.npy", rng.integers(256, size=(count, 3, 224, 224), dtype=np.uint8))
    reports(tmp_path, names)
    assert (tmp_path / "reports/comparison.html").stat().st_size < 5_000_000


@pytest.mark.parametrize(
    ("shape", "size", "mode"),
    [((1, 28, 28), (28, 28), "L"), ((3, 32, 32), (32, 32), "RGB"), ((3, 100, 200), (THUMBNAIL, 24), "RGB")],
)
def test_thumbnails(shape: tuple[int, int, int], size: tuple[int, int], mode: str) -> None:
    pixels = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    image = Image.open(io.BytesIO(thumbnail(pixels)))
    assert (image.size, image.mode) == (size, mode)
    if max(shape) <= THUMBNAIL:
        assert np.array_equal(np.asarray(image), pixels[0] if shape[0] == 1 else pixels.transpose(1, 2, 0))


def test_picture_is_an_opaque_png(written: Path) -> None:
    image = Image.open(written / "comparison.png")
    assert (image.format, image.mode) == ("PNG", "RGB")
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert image.width > 1500


def test_signs_differ_for_sixty_variants_and_do_not_depend_on_rank() -> None:
    names = ["baseline", *(f"v{index}" for index in range(59))]
    hues, lines = colours(names), dashes(names)
    assert len({(hues[name], tuple(lines[name])) for name in names}) == 60
    # A new variant at the end leaves the signs of the others alone.
    assert list(colours([*names, "new"]).values())[:-1] == list(hues.values())


def test_dvc_and_mlflow_have_the_colours_of_the_report() -> None:
    template = json.loads((ROOT / ".dvc/plots/curves.json").read_text())
    assert tuple(template["encoding"]["color"]["scale"]["range"]) == COLOURS
    params = small_params()
    assert [colour(params, name) for name in params.variants] == list(colours(tuple(params.variants)).values())


def test_charts_draw_the_numbers_of_the_tables(written: Path) -> None:
    params = small_params()
    comparison = compare(params, written.parent / "evaluation")
    curves = mean_curves(read_histories(params, written.parent / "runs"))
    drawn = str(to_spec(error_chart(comparison, comparison.order)))
    for error in comparison.table["test_error_percent"]:
        assert f"'error': {float(f'{error:.6g}')}" in drawn
    panels = {name: to_spec(chart) for name, chart in page_curves(comparison, curves).items()}
    assert list(panels) == [f"curve-{column}" for column in CURVES]
    assert all(panel["description"] for panel in panels.values())


def test_an_interval_leaves_zero_out_exactly_where_the_verdict_is_significant(tmp_path: Path) -> None:
    params = small_params(("baseline", *(f"v{index}" for index in range(12))))
    write_outputs(tmp_path, params, images=400)
    comparison = compare(params, tmp_path / "evaluation")
    spec = to_spec(gain_chart(comparison, comparison.order))
    rows = [row for table in spec["datasets"].values() for row in table if "verdict" in row]
    assert {row["verdict"] for row in rows} >= {"better", "undecided"}
    for row in rows:
        assert (row["low"] > 0 or row["high"] < 0) == (row["verdict"] in ("better", "worse"))


@pytest.mark.parametrize(("others", "picked"), [(7, 8), (19, 6)])
def test_of_many_variants_the_best_and_the_baseline_are_in_colour(tmp_path: Path, others: int, picked: int) -> None:
    params = small_params(("baseline", *(f"v{index}" for index in range(others))))
    write_outputs(tmp_path, params)
    comparison = compare(params, tmp_path / "evaluation")
    names = first_picked(comparison)
    assert len(names) in (picked, picked + 1)
    assert {"baseline", comparison.judgement.recommendation, *comparison.order[:5]} <= set(names)


@pytest.mark.parametrize(("classes", "mark"), [(40, "matrix"), (41, "pairs")])
def test_many_classes_are_drawn_as_the_most_confused_pairs(tmp_path: Path, classes: int, mark: str) -> None:
    params = small_params(("baseline", "l2"))
    write_outputs(tmp_path, params, images=2000, classes=classes)
    comparison = compare(params, tmp_path / "evaluation")
    counts = {name: labelled(tmp_path / "evaluation" / name / "confusion.csv") for name in comparison.order}
    spec = to_spec(confusion_chart(comparison, counts))
    assert ("layer" in spec) == (mark == "matrix")
    if mark == "pairs":
        for name, table in counts.items():
            rows = [row for row in spec["datasets"][spec["data"]["name"]] if row["variant"] == name]
            wrong = table[table["actual"] != table["predicted"]]["count"].sort_values(ascending=False)
            assert [row["count"] for row in rows] == wrong.head(PAIRS).tolist()
            assert all(row["pair"] == f"{row['actual']} as {row['predicted']}" for row in rows)


def test_a_single_epoch_is_drawn_as_points(tmp_path: Path) -> None:
    params = small_params(seeds=1)
    # The last seed stops one epoch before the others.
    write_outputs(tmp_path, params, epochs=3)
    comparison = compare(params, tmp_path / "evaluation")
    curves = mean_curves(read_histories(params, tmp_path / "runs"))
    for table, points in ((curves, True), (curves[curves["variant"] != "early_stopping"], False)):
        chart = to_spec(page_curves(comparison, table)["curve-gap"])
        assert all(bool(layer["mark"]["point"]) == points for layer in chart["layer"])


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2 defines it."""

    def luminance(hue: str) -> float:
        parts = [int(hue[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("hue", COLOURS)
def test_every_colour_can_be_seen_on_a_dark_page(hue: str) -> None:
    assert contrast(DARK.get(hue, hue), DARK[PAPER]) >= 3


def test_many_rows_have_their_axis_above_them() -> None:
    assert [row_axis(rows, 400)["orient"] for rows in (2, 40, 41, 300)] == ["bottom", "bottom", "top", "top"]


def test_every_chart_of_the_page_is_valid_vega_lite(written: Path) -> None:
    """Nothing checks them when the page is written."""
    line = next(line for line in (written / "comparison.html").read_text().splitlines() if line.startswith(SPECS))
    specs = json.loads(line.removeprefix(SPECS).rstrip(";"))
    assert {"error", "gain", "curve-gap", "confusion", "calibration-0", "compression-1"} <= set(specs)
    for spec in specs.values():
        altair.Chart.from_dict(spec)
    with pytest.raises(ValidationError, match="'wide': 1"):
        altair.Chart.from_dict({**specs["gain"], "background": {"wide": 1}})


def test_dvc_page_keeps_the_placeholders_and_leaves_out_the_network() -> None:
    page = dvc_page()
    assert page.count("{plot_divs}") == page.count("{refresh_tag}") == 1
    assert "{scripts}" not in page
    assert "cdn." not in page


def stage(root: Path, out: str) -> list[str]:
    """Return the arguments of the stage `compare`."""
    folders = ["tuned", "data/report/report.json", "evaluation", "runs", "timings", out]
    return ["compare", "--params", str(root / "params.yaml"), *(str(root / folder) for folder in folders)]


def write_params(root: Path, params: Params, tuned: Mapping[str, Variant] = MappingProxyType({})) -> None:
    """Write what the stage reads besides results: params.yaml, and the variants with numbers for their ranges."""
    (root / "params.yaml").write_text(params.model_dump_json())
    for name in params.variants:
        write_tuned(root / "tuned" / f"{name}.json", tuned.get(name) or params.strengths(name))


def test_stage_prints_the_table_and_writes_all_files(written: Path) -> None:
    root = written.parent
    write_params(root, small_params())
    environment = {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "stages.compare", *stage(root, "o")[1:]]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert {str(file.relative_to(root / "o")) for file in (root / "o").rglob("*") if file.is_file()} == FILES
    assert "| variant        | test error % |" in done.stdout
    assert done.stderr == ""
    assert tuple(pd.read_csv(root / "o/comparison.csv").columns) == COLUMNS


def test_stage_prints_the_table_before_it_writes_pages(
    written: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, printed = written.parent, []
    write_params(root, small_params())
    monkeypatch.setattr("regbench.report.page.write_reports", lambda *_: printed.append(capsys.readouterr().out))
    monkeypatch.setattr(sys, "argv", stage(root, "unwritten"))
    compare_stage.main()
    assert printed == [reports(root) + "\n"]
    assert not (root / "unwritten").exists()


@pytest.mark.parametrize(
    ("chosen", "simplest"),
    [
        (Variant(recipe="plain"), "tuned_dropout"),
        (Variant(recipe="plain", dropout=0.2, input_dropout=0.1), "l2"),
    ],
)
def test_a_searched_variant_is_as_complex_as_what_the_search_left_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    chosen: Variant,
    simplest: str,
) -> None:
    params = small_params(("l2", "tuned_dropout"))
    assert len(params.variants["tuned_dropout"].ranges) == 2
    write_outputs(tmp_path, params)
    write_params(tmp_path, params, {"tuned_dropout": chosen})
    monkeypatch.setattr(sys, "argv", stage(tmp_path, "reports"))
    compare_stage.main()
    assert f"Use {simplest}: " in capsys.readouterr().out
