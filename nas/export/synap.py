"""The metafile for the converter of Synaptics' SyNAP toolkit.

Source: "Conversion Metafile", https://developer.synaptics.com/docs/synap/conversion_metafile. The
toolkit converts a quantised file without any; this one says that it runs on the NPU, keeps the
order of the pixels, and what the codes mean to those who fill tensors by SyNAP's own functions.
"""

__all__ = ["SYNAP_YAML"]

SYNAP_YAML = """\
# For: synap convert --model model.tflite --meta synap.yaml --target VS680 --out-dir compiled
# Written after the toolkit's documentation; it has not been run by the toolkit here.
# There is no section "quantization": the file is quantised already.
delegate: npu
data_layout: nhwc
inputs:
  - format: rgb keep_proportions=0
    means: [0, 0, 0]
    scale: 255
outputs:
  - dequantize: false
    format: rgb
"""
