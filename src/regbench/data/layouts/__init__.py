"""Readers of the layouts of labelled images: one module each. All return the same kind of listing."""
