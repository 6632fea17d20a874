"""Protocols: experiments outside the pipeline, with changed parameters, in a folder of their own."""
