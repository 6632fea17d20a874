"""The report of a comparison: tables, pictures and pages."""
