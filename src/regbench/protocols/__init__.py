"""Studies beside the pipeline: the same library on changed parameters, in a folder of their own."""
