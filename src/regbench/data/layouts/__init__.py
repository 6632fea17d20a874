"""Readers of the layouts in which labelled images come: one module each, all giving the same listing."""
