"""MLflow's pages that show variants side by side."""

import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode

METRICS = ("test/error_pct", "test/error_pct_low", "test/error_pct_high", "test/gap_pct", "test/log_loss")
TAGS = ("n", "data_hash")
"""Columns of the table of runs."""


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
    """Return MLflow's JSON for a view of all runs of one comparison, best first; by itself it would draw ten."""
    view = {
        "searchFilter": f"tags.comparison = '{comparison}'",
        "orderByKey": "metrics.`test/error_pct`",
        "orderByAsc": True,
        "runsHiddenMode": "SHOWALL",
        "selectedColumns": [*(f"metrics.`{name}`" for name in METRICS), *(f"tags.`{name}`" for name in TAGS)],
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
