"""Whose images a network was trained on and a package holds, and on which terms."""

from pathlib import PurePath

from nas.data.catalog import ImageSet, all_sets

__all__ = ["attribution"]

_BUNDLED = """\
64 images of overlapping random shapes, drawn by this software. Nobody else's work is in them, and
nothing is asked of those who use them.
"""

_VALIDATION = """\
Validation took the photographs inside the scikit-image package: those of the next section, and the
two views of a motorcycle of the Middlebury Stereo Datasets 2014 (Scharstein et al., GCPR 2014),
whose terms scikit-image does not state. The network was chosen by its figures on them, not trained
on them, and the motorcycle is not in this package.
"""

_CHECK = """\
Centres of photographs that scikit-image distributes, and the same made smaller. Their makers ask
for nothing, as scikit-image states:

| image | what | maker | terms |
| --- | --- | --- | --- |
| `astronaut` | Eileen Collins | NASA | no known copyright restrictions, public domain |
| `coffee` | a cup of coffee | Rachel Michetti, by courtesy of Pikolo Espresso Bar | CC0 |
| `chelsea` | a cat | Stefan van der Walt | CC0 |
| `rocket` | launch of DSCOVR on a Falcon 9 | SpaceX | public domain |
| `retina` | a human retina | Mikael Häggström | CC0 1.0 |
| `hubble_deep_field` | Hubble eXtreme Deep Field | NASA | public domain |
"""

_SCRIPT = """\
`run.py` is part of the software that made this package and under the Apache License, Version 2.0:
https://www.apache.org/licenses/LICENSE-2.0. All other files are data that it wrote.
"""


def attribution(data: str, valid: str | None) -> str:
    """`ATTRIBUTION.md` of a package.

    Args:
        data: Images that trained the network, as `--data` names them.
        valid: Images that it was validated on, if named apart.
    """
    trained, validated = _entries(data), _entries(valid or "")
    parts = ["# Attribution\n", "## Training images\n"]
    parts += [_of(entry) for entry in trained]
    parts.append("## Validation images\n")
    for entry in validated or trained:
        apart = (
            _of(entry) if validated else f"Images of `{PurePath(entry).name}` that were held out.\n"
        )
        parts.append(_VALIDATION if entry == "bundled" else apart)
    parts += ["## Images in `check/`\n", _CHECK, "## Code\n", _SCRIPT]
    return "\n".join(parts)


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _of(entry: str) -> str:
    if entry == "bundled":
        return _BUNDLED
    name = PurePath(entry).name or entry
    known = _in_catalogue(PurePath(entry))
    if known is None:
        return (
            f"The folder `{name}`, of which nothing is known here. Whoever passes this network on "
            "must\nfind out whose images these are, and what their licence asks for.\n"
        )
    return (
        f"{known.title}, by the name of its folder, `{name}`.\n\n"
        f"- Licence: {known.licence}\n- Source: {known.homepage}\n- Cite: {known.citation}\n"
    )


def _in_catalogue(folder: PurePath) -> ImageSet | None:
    """The set whose folder this is or lies above it."""
    parts = [part.casefold() for part in folder.parts]
    for known in all_sets():
        names = [part.casefold() for part in PurePath(known.folder).parts]
        whole = any(parts[i : i + len(names)] == names for i in range(len(parts)))
        if whole or known.title.casefold() in parts or known.name in parts:
            return known
    return None
