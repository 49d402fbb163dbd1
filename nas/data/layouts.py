"""Where the HR and LR images of a folder lie: the layouts in which image sets are published.

    train/  valid/ or val/                      what trains and what validates
    DIV2K_train_HR/  DIV2K_valid_HR/            the same; any name instead of DIV2K
    DIV2K_train_HR/0001.png                     with DIV2K_train_LR_bicubic/X3/0001x3.png beside it
    Flickr2K_HR/000001.png                      with Flickr2K_LR_bicubic/X3/000001x3.png
    HR/baby.png                                 with LR_bicubic/X3/babyx3.png
    GTmod12/baby.png                            with LRbicx3/baby.png
    HR/baby.png                                 with LR/baby.png or LR/babyx3.png
    image_SRF_3/img_001_SRF_3_HR.png            with img_001_SRF_3_LR.png
    *.png                                       HR images

Where a set has no LR images for the scale, they are made. `--data` may be the folder of a set, or
that of its HR images. Images directly in a folder come before known sub-folders, but for `HR` with
`LR`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from nas.data.images import list_images
from nas.errors import DataError

__all__ = ["Found", "find_images", "find_parts"]

_SRF = re.compile(r"(?P<name>.+)_SRF_(?P<scale>\d+)_HR")


@dataclass(frozen=True, slots=True)
class Found:
    """The image files of a folder.

    Args:
        folder: Where the HR images are.
        files: HR and LR of each image, sorted by the name of the HR file.
        has_lr: There are LR images, and those whose LR is None lack it; else all LR is made.
    """

    folder: Path
    files: tuple[tuple[Path, Path | None], ...]
    has_lr: bool


def find_parts(folder: Path) -> tuple[Path, Path | None]:
    """What trains and what validates; None if the folder does not say."""
    if (folder / "train").is_dir() and (folder / "valid").is_dir():
        return folder / "train", folder / "valid"
    if not folder.is_dir() or list_images(folder):
        return folder, None
    if (folder / "train").is_dir() and (folder / "val").is_dir():
        return folder / "train", folder / "val"
    if len(parts := _sub_folders(folder, "_train_HR")) == 1:
        valid = folder / f"{parts[0].name.removesuffix('train_HR')}valid_HR"
        return parts[0], valid if valid.is_dir() else None
    return folder, None


def find_images(folder: Path, scale: int, lr_folder: Path | None = None) -> Found:
    """The images of a folder in any of the layouts above.

    Args:
        folder: Of images, or of a set.
        scale: Whole factor between LR and HR.
        lr_folder: Where the LR images are, if the layout does not say.

    Raises:
        DataError: The folder is missing, or holds several sets, or none for this scale.
    """
    if lr_folder is not None:
        return _paired(folder, lr_folder, scale)
    if (folder / "HR").is_dir() and (folder / "LR").is_dir():
        return _paired(folder / "HR", folder / "LR", scale)
    files = list_images(folder)
    if not files and (inner := _inner(folder, scale)) is not None:
        return find_images(inner, scale)
    if any(_SRF.fullmatch(file.stem) for file in files):
        return _with_factor(folder, files, scale)
    if (beside := _lr_beside(folder, scale)) is not None:
        return _paired(folder, beside, scale)
    return Found(folder, tuple((file, None) for file in files), has_lr=False)


def _inner(folder: Path, scale: int) -> Path | None:
    """The sub-folder that holds the HR images, if one is known to."""
    for name in ("HR", "GTmod12"):
        if (folder / name).is_dir():
            return folder / name
    if factors := _sub_folders(folder, "", "image_SRF_"):
        if (wanted := folder / f"image_SRF_{scale}") in factors:
            return wanted
        names = ", ".join(path.name for path in factors)
        raise DataError(f"{folder} has no images for x{scale}, only {names}", "use another scale")
    parts = _sub_folders(folder, "_HR")
    if len(parts) > 1:
        names = " and ".join(path.name for path in parts)
        raise DataError(f"{folder} holds {names}", "name one of these folders")
    return parts[0] if parts else None


def _sub_folders(folder: Path, suffix: str, prefix: str = "") -> list[Path]:
    return sorted(path for path in folder.glob(f"{prefix}*{suffix}") if path.is_dir())


def _lr_beside(folder: Path, scale: int) -> Path | None:
    """Where a set keeps the LR images of this folder of HR images."""
    beside = []
    if folder.name == "GTmod12":
        beside = [folder.with_name(f"LRbicx{scale}")]
    elif folder.name == "HR" or folder.name.endswith("_HR"):
        bicubic = folder.with_name(f"{folder.name.removesuffix('HR')}LR_bicubic")
        beside = [bicubic / f"X{scale}", bicubic / f"x{scale}"]
    return next((path for path in beside if path.is_dir()), None)


def _paired(hr_folder: Path, lr_folder: Path, scale: int) -> Found:
    files = list_images(hr_folder)
    partners = {file.stem: file for file in list_images(lr_folder)}
    pairs = [
        (file, partners.get(file.stem) or partners.get(f"{file.stem}x{scale}")) for file in files
    ]
    return Found(hr_folder, tuple(pairs), has_lr=True)


def _with_factor(folder: Path, files: list[Path], scale: int) -> Found:
    """HR and LR in one folder; other files in it are results of other methods."""
    stems = {file.stem: file for file in files}
    pairs = [
        (file, stems.get(f"{match['name']}_SRF_{scale}_LR"))
        for file in files
        if (match := _SRF.fullmatch(file.stem)) and int(match["scale"]) == scale
    ]
    if not pairs:
        raise DataError(f"{folder} has no images for x{scale}", "use another scale")
    return Found(folder, tuple(pairs), has_lr=True)
