"""MLflow's pages that show variants side by side."""

import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode


def charts_page(server: str, experiment: str, comparison: str) -> str:
    """Return the page with curves laid over each other and bars side by side, as `shared_view` says.

    Only `workflowType` keeps MLflow from opening the experiment in its mode for language models.
    """
    query = {"viewStateShareKey": comparison, "compareRunsMode": "CHART", "workflowType": "machine_learning"}
    return f"{server}/#/experiments/{experiment}/runs?{urlencode(query)}"


def shared_view(comparison: str) -> str:
    """Return MLflow's JSON for a view of all runs of one comparison, best first; by itself it would draw ten."""
    view = {
        "searchFilter": f"tags.comparison = '{comparison}'",
        "orderByKey": "metrics.`test/error_pct`",
        "orderByAsc": True,
        "runsHiddenMode": "SHOWALL",
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
