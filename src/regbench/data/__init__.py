"""Raw images to arrays: the canonical layout, decoding, splits, the data report."""
