"""The comparison: table, pictures, pages."""
