"""How long a network takes on a device: measured rows, a fitted model, its card.

Import from the files, so that predicting loads no scipy: `nas.latency.devices.load_device`.
"""
