"""The typed form of `params.yaml`: one module per section, and the loader that checks it."""
