"""Images: fetching sets, reading folders, the bundled default, resampling, patches. No torch.

resample ◀ images ◀ {bundled, layouts, mapped} ◀ store ◀ folders ◀ sets, and images ◀ patches;
catalog ◀ unpack, disk ◀ partial ◀ transfer, and all of these ◀ fetch. Import the file you need:
this package re-exports nothing, so that `nas --help` stays light.
"""
