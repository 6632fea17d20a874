"""The typed mirror of `params.yaml`: a module a section, and the loader that checks it."""
