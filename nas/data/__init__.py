"""Images: reading folders, the bundled default, resampling, patches, quality figures. No torch.

resample ◀ {dead_leaves, images, metrics} ◀ {bundled, patches} ◀ sets. Import the file you need:
this package re-exports nothing, so that `nas --help` stays light.
"""
