"""The command `regbench`: everything that users call and that is no stage of the pipeline."""
