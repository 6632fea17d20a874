"""Addresses of MLflow's pages that show variants side by side."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

METRICS = ("test/error_pct", "test/error_pct_low", "test/error_pct_high", "test/gap_pct", "test/log_loss")
TAGS = ("verdict", "n", "data_hash")
"""Columns of the table of runs."""

SECTION = "comparison"
"""Of the page of charts; the first by the alphabet, which is MLflow's order."""


def _chart(kind: str, metric: str) -> dict[str, Any]:
    follow = {"useGlobalXaxisKey": True, "useGlobalLineSmoothing": True, "xAxisKey": "step", "yAxisKey": "metric"}
    return {"type": kind, "metricKey": metric, **(follow if kind == "LINE" else {})}


CHARTS: tuple[dict[str, Any], ...] = (
    _chart("BAR", "test/error_pct"),
    _chart("BAR", "test/gap_pct"),
    {
        "type": "SCATTER",
        "xaxis": {"key": "train/best_error_pct", "type": "METRIC"},
        "yaxis": {"key": "test/error_pct", "type": "METRIC"},
        "runsCountToCompare": 100,
    },
    _chart("LINE", "validation/loss"),
    _chart("LINE", "validation/gap_pct"),
    {
        "type": "PARALLEL",
        "selectedParams": ("l1", "l2", "dropout", "input_dropout"),
        "selectedMetrics": ("test/error_pct",),
        "showAllRuns": True,
    },
)
"""How far off, how overfitted, how it came to that, and by which strengths."""


def charts_page(server: str, experiment: str, comparison: str) -> str:
    """Return the page with curves laid over each other and bars side by side, as `shared_view` says.

    Only `workflowType` keeps MLflow from opening the experiment in its mode for language models.
    """
    query = {"viewStateShareKey": comparison, "compareRunsMode": "CHART", "workflowType": "machine_learning"}
    return f"{server}/#/experiments/{experiment}/runs?{urlencode(query)}"


def runs_page(server: str, experiment: str, comparison: str) -> str:
    """Return the table of a comparison's runs, best first, with the columns of `shared_view`."""
    query = {"viewStateShareKey": comparison, "workflowType": "machine_learning"}
    return f"{server}/#/experiments/{experiment}/runs?{urlencode(query)}"


def shared_view(comparison: str) -> str:
    """Return MLflow's JSON for a view of all runs of one comparison, best first; by itself it would draw ten.

    The charts that answer the question have their own section; MLflow adds one for every other metric. The
    names of the fields are those of its page (runs-charts.types.ts).
    """
    view = {
        "searchFilter": f"tags.comparison = '{comparison}'",
        "orderByKey": "metrics.`test/error_pct`",
        "orderByAsc": True,
        "runsHiddenMode": "SHOWALL",
        "selectedColumns": [*(f"metrics.`{name}`" for name in METRICS), *(f"tags.`{name}`" for name in TAGS)],
        "compareRunSections": [{"uuid": SECTION, "name": SECTION, "display": True, "isGenerated": False}],
        "compareRunCharts": [
            {"uuid": f"{SECTION}-{number}", "metricSectionId": SECTION, "deleted": False, "isGenerated": False, **chart}
            for number, chart in enumerate(CHARTS)
        ],
    }
    return json.dumps(view)


def table_page(server: str, experiment: str, runs: Mapping[str, str]) -> str:
    """Return the page with parameters and metrics in columns, a variant each, differences marked."""
    query = {
        "runs": json.dumps(list(runs.values())),
        "experiments": json.dumps([experiment]),
        "workflowType": "machine_learning",
    }
    return f"{server}/#/compare-runs?{urlencode(query, quote_via=quote)}"
