"""Hardware-aware search for networks that run fully quantised, in real time, on mobile NPUs."""

import os

__all__ = ["__version__"]

__version__ = "0.1.0"

# The TFLite converter reads Keras models of the TensorFlow backend only, and Keras chooses its
# backend once, when it is first imported, which may be in any of our files.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
