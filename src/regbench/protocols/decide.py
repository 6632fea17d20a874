"""Adds seeds only to undecided comparisons, until all are settled or time is up."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regbench.config.params import Params
from regbench.engine.run import Engine, Training, open_engine, train_until
from regbench.engine.tasks import RUNS
from regbench.errors import InputError
from regbench.evaluation.evaluate import Evaluated, load_evaluated
from regbench.evaluation.tasks import PROBABILITIES, EvaluationTask, evaluate_missing
from regbench.files import atomic, read_array, write_csv
from regbench.layout import LIVE, STORE
from regbench.protocols.protocol import prepare_trainings
from regbench.protocols.protocol_files import write_study
from regbench.protocols.race_tables import NOTES, SCALES, Score, decisions, progress, seen_rows, sentences, shown_rows
from regbench.report.answers import losses
from regbench.report.drawing import to_png
from regbench.report.race_chart import race_chart
from regbench.report.study_page import study_page
from regbench.report.summary import text_table
from regbench.statistics.race import Race, plan_looks
from regbench.statistics.units import Units

Cells = NDArray[np.float64]


@dataclass(frozen=True)
class Setup:
    """The inputs of a race."""

    engine: Engine
    trainings: dict[str, Training]
    data: Path
    evaluated: Evaluated
    score: Score
    units: Units
    seeds: tuple[int, ...]
    """All seeds of the last look, in the order in which they are added."""

    def cells(self, variant: str, count: int) -> Cells:
        """Return the score of each of the first `count` seeds on each unit; evaluates missing ones."""
        spec = self.trainings[variant].spec
        tasks = [
            EvaluationTask(
                self.engine.store.place(RUNS, spec.run(seed)),
                self.data,
                self.evaluated.name,
                0,
                self.engine.hardware,
                self.engine.store.root,
            )
            for seed in self.seeds[:count]
        ]
        entries = evaluate_missing(self.engine, tasks, quiet=True)
        probabilities = np.stack([read_array(entry / PROBABILITIES) for entry in entries])
        labels = self.evaluated.split.labels
        return self.units.cells(
            losses(probabilities, labels) if self.score == "log-loss" else probabilities.argmax(2) == labels
        )


def write_decisions(
    params: Params,
    data: Path,
    out: Path,
    minutes: float,
    most: int,
    score: Score = "error",
    store: Path = STORE,
) -> str:
    """Race the variants of `params` against the baseline; write decide.csv, .md, .png, .html and looks.csv to `out`.

    Finished trainings and evaluations are in the store, so the same call resumes where an earlier one stopped. The
    results are the same bytes as without interruption. Returns the Markdown.

    Args:
        params: variants without ranges; its seeds are the seeds of the first look.
        data: folder of the ingested splits.
        out: folder of the results.
        minutes: time limit; no training begins later, but running ones are finished.
        most: number of seeds of the last look; further seeds count up from the largest given one.
        score: score that is compared.
        store: the project's store.

    Raises:
        InputError: time is up before the first look, or as `run_protocol`.
        DivergedError, IntegrityError: as `run_protocol`.
    """
    deadline = time.monotonic() + 60 * minutes
    baseline = "baseline" if "baseline" in params.variants else next(iter(params.variants))
    rivals = tuple(name for name in params.variants if name != baseline)
    looks = plan_looks(len(params.seeds), most)
    margin = params.evaluate.margin / 100 if score == "error" else 0.0
    race = Race(baseline, rivals, looks, params.evaluate.confidence, margin, score == "log-loss")
    following = range(max(params.seeds) + 1, max(params.seeds) + 1 + looks[-1])
    seeds = (*params.seeds, *following)[: looks[-1]]
    with open_engine(params.compute, store) as engine:
        trainings = {training.label: training for training in prepare_trainings(engine, params, data)}
        evaluated = load_evaluated(data)
        counted = params.evaluate.score if score == "error" else "error"
        units = Units.of(evaluated.split.labels, evaluated.split.groups or None, counted)
        setup = Setup(engine, trainings, data, evaluated, score, units, seeds)
        while race.open and _advance(race, setup, deadline):
            print(progress(race), flush=True)
        networks = {(training.spec.digest, seed) for training in trainings.values() for seed in seeds}
        trained = sum(engine.store.place(RUNS, f"{digest}/seed-{seed}").is_dir() for digest, seed in networks)
    if not race.seen:
        raise InputError(
            f"minutes = {minutes:g}: time is up before all variants have {looks[0]} seeds: {trained} of "
            f"{len(networks)} networks are trained: give more minutes, the same command goes on from here"
        )
    table, seen = decisions(race), seen_rows(race)
    write_csv(out / "looks.csv", seen)
    said = sentences(race, table, score, (trained, len(networks)), setup.evaluated)
    header, rows = shown_rows(table, score)
    factor, unit, _ = SCALES[score]
    drawn = seen.assign(**{name: factor * seen[name] for name in ("gain", "low", "high")})
    chart = race_chart(drawn.replace({"verdict": {"same network": "practically equal"}}), factor * race.margin, unit)
    with atomic(out / "decide.html") as page:
        content = study_page("How each comparison settled", [*said, NOTES], header, rows, {"race": chart})
        page.write_text(content, encoding="utf-8")
    text = "\n\n".join(["\n".join(f"- {line}" for line in said), text_table(header, rows), f"{NOTES}\n"])
    return write_study(out, "decide", table, text, to_png(chart))


def _advance(race: Race, setup: Setup, deadline: float) -> bool:
    """Train what the open comparisons need for their next look, and look at the complete ones; False: time is up."""
    waiting = race.open
    place = race.next_look(waiting[0])
    seeds = setup.seeds[: race.looks[place]]
    wanted = [race.baseline, *waiting]
    runs = [(setup.trainings[name], seed) for name in wanted for seed in seeds]
    there = train_until(setup.engine, runs, setup.data, LIVE / "protocols", deadline)
    ready = [name for name in wanted if all((name, seed) in there for seed in seeds)]
    if race.baseline not in ready or len(ready) < 2:
        return False
    count = {name: seen.seeds for name, seen in race.latest.items()} | dict.fromkeys(ready, len(seeds))
    if len(count) < len(wanted) and not race.seen:
        return False  # The first look needs all variants, since their noise is pooled.
    cells = {name: setup.cells(name, number) for name, number in count.items()}
    race.look(cells, [name for name in waiting if name in ready])
    return len(ready) == len(wanted)
