"""Protocols beside the pipeline: the same library on changed parameters, each in a separate folder."""
