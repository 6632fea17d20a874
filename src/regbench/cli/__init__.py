"""The command `regbench`: all that people call and that is no stage of the pipeline."""
