"""Full-integer inference: scheme, simulation, post-training quantisation, conversion, LiteRT."""
