"""The table of `benchmarks.verdicts` as Markdown."""

import pandas as pd

MOST = 0.055
COLUMNS = ["family_error", "family_error_some", "coverage", "equal_error", "power_1.2", "power_2.0"]


def markdown(table: pd.DataFrame) -> str:
    """Return the worst setting of each kind of variances and number of variants, the power, and what exceeds MOST."""
    groups = table.groupby(["variances", "variants"], sort=False)
    worst = groups.agg({"family_error": "max", "family_error_some": "max", "coverage": "min", "equal_error": "max"})
    parts = [f"# Verdicts, simulated: {table['draws'].min():,} draws a setting", "", "Worst over seeds and noises:", ""]
    parts += rows(worst.reset_index())
    default = table[table["noise"] == "default data"]
    parts += ["", "Power with the default data's noise, 18 variants:", ""]
    parts += rows(default[["seeds", *COLUMNS]])
    parts += ["", f"Settings with a family-wise error above {MOST}:", ""]
    above = table[(table["family_error"] > MOST) | (table["family_error_some"] > MOST)]
    parts += rows(above[["variants", "seeds", "variances", "noise", *COLUMNS]]) if len(above) else ["none"]
    return "\n".join(parts) + "\n"


def rows(table: pd.DataFrame) -> list[str]:
    lines = ["| " + " | ".join(str(column).replace("_", " ") for column in table.columns) + " |"]
    lines += ["|" + " --- |" * len(table.columns)]
    for _, row in table.iterrows():
        cells = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
