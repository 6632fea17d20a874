"""What is done to images before the network sees them: colour, distortion, whitening."""
