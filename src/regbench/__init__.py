"""regbench: which regularizer makes your image classifier generalize, and by how much?"""

__version__ = "0.1.0"
