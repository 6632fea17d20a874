"""Transforms images before the network sees them: colour, distortion, whitening."""
