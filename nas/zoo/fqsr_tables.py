"""Headline rows of the FQSR paper, by scale; bits are of weights, feature maps and skips.

Operations and memory are for an output of 2040x1356.
"""

from nas.zoo.figures import FQSR_PAPER, Figure, fqsr_table

__all__ = ["EDSR", "LITE", "SRGAN", "SRRESNET", "WITHOUT_MAPPING"]

SRRESNET = {
    2: (
        Figure("ops_float_gmacs", 997.018, f"{FQSR_PAPER}, Table 2"),
        Figure("memory_float_mb", 531.117, f"{FQSR_PAPER}, Table 2"),
        *fqsr_table(
            2, "float", (37.76, 33.27, 31.95, 31.28, None), (0.958, 0.914, 0.895, 0.919, None)
        ),
        *fqsr_table(
            2, "8/8/8",
            (37.555, 33.202, 31.972, 31.356, 33.452), (0.958, 0.914, 0.896, 0.921, 0.942),
        ),
    ),
    4: (
        Figure("ops_float_gmacs", 383.484, f"{FQSR_PAPER}, Table 2"),
        Figure("memory_float_mb", 132.777, f"{FQSR_PAPER}, Table 2"),
        *fqsr_table(
            2, "float", (31.76, 28.25, 27.38, 25.54, None), (0.888, 0.773, 0.727, 0.767, None)
        ),
        *fqsr_table(
            2, "8/8/8",
            (32.098, 28.514, 27.526, 25.968, 28.328), (0.888, 0.773, 0.725, 0.77, 0.829),
        ),
    ),
}  # fmt: skip
LITE = {
    2: (
        Figure("ops_6_6_8_gmacs", 14.456, f"{FQSR_PAPER}, Table 2"),
        *fqsr_table(
            2, "6/6/8",
            (37.349, 33.07, 31.851, 30.964, 33.753), (0.956, 0.912, 0.895, 0.916, 0.939),
        ),
    ),
    4: (
        Figure("ops_6_6_8_gmacs", 8.339, f"{FQSR_PAPER}, Table 2"),
        *fqsr_table(
            2, "6/6/8",
            (31.644, 28.249, 27.348, 25.46, 28.405), (0.886, 0.774, 0.727, 0.765, 0.826),
        ),
    ),
}  # fmt: skip
WITHOUT_MAPPING = {
    2: (
        Figure("ops_float_gmacs", 155.749, f"{FQSR_PAPER}, Table 2"),
        Figure("memory_float_mb", 177.039, f"{FQSR_PAPER}, Table 2"),
        *fqsr_table(
            2, "float",
            (36.863, 32.536, 31.379, 29.525, 33.268), (0.954, 0.907, 0.887, 0.896, 0.934),
        ),
    ),
    4: (
        Figure("ops_float_gmacs", 173.175, f"{FQSR_PAPER}, Table 2"),
        Figure("memory_float_mb", 44.26, f"{FQSR_PAPER}, Table 2"),
        *fqsr_table(
            2, "float",
            (30.88, 27.808, 27.059, 24.777, 28.081), (0.841, 0.723, 0.694, 0.714, 0.815),
        ),
    ),
}  # fmt: skip
EDSR = {
    2: (
        *fqsr_table(
            3, "float",
            (37.885, 33.425, 32.106, 31.777, 34.471), (0.958, 0.915, 0.897, 0.924, 0.944),
        ),
        *fqsr_table(
            3, "8/8/8",
            (37.955, 33.524, 32.152, 32.008, 34.533), (0.959, 0.916, 0.898, 0.927, 0.944),
        ),
    ),
    4: (
        *fqsr_table(
            3, "float",
            (32.007, 28.486, 27.528, 25.934, 28.88), (0.892, 0.778, 0.731, 0.781, 0.835),
        ),
        *fqsr_table(
            3, "8/8/8",
            (32.102, 28.524, 27.539, 25.944, 28.853), (0.892, 0.779, 0.731, 0.781, 0.835),
        ),
    ),
}  # fmt: skip
SRGAN = {
    2: (
        *fqsr_table(
            4, "float",
            (37.446, 33.033, 31.971, 31.3, 33.885), (0.958, 0.914, 0.896, 0.92, 0.942),
        ),
        *fqsr_table(
            4, "8/8/8",
            (37.669, 33.293, 32.009, 31.488, 34.162), (0.957, 0.914, 0.895, 0.921, 0.942),
        ),
    ),
    4: (
        *fqsr_table(
            4, "float",
            (31.934, 28.451, 27.47, 25.824, 28.712), (0.89, 0.776, 0.728, 0.775, 0.832),
        ),
        *fqsr_table(
            4, "8/8/8",
            (31.96, 28.483, 27.514, 25.898, 28.76), (0.89, 0.777, 0.73, 0.778, 0.833),
        ),
    ),
}  # fmt: skip
