"""PNG of few colours: a third of the size of full colour, and lines keep theirs exactly."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_rgb
from PIL import Image

from davylamp.judge.sample import Role
from davylamp.report.plots import look

_SHADES = 5
"""Of each colour on white, for the soft edges of lines and letters."""
_NEARLY_WHITE = 0.95
_BAND = 0.15
_MOST = 256


def to_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """(height, width, 4) → a PNG with a palette."""
    image = Image.fromarray(pixels).convert("RGB")
    out = io.BytesIO()
    few = image.quantize(palette=_palette(), dither=Image.Dither.NONE)
    few.save(out, "PNG", compress_level=6)
    return out.getvalue()


@cache
def _palette() -> Image.Image:
    """White, bands and where they overlap, and shades of every colour that is drawn."""
    white = np.ones(3)
    bands = [_mixed(white, np.array(to_rgb(c)), _BAND) for c in look.SIDES.values()]
    found = [white, *bands, _mixed(bands[1], np.array(to_rgb(look.SIDES[Role.CANDIDATE])), _BAND)]
    for colour in look.ALL_COLOURS:
        solid = np.array(to_rgb(colour))
        shades = (_mixed(white, solid, (k + 1) / _SHADES) for k in range(_SHADES))
        found.extend(shade for shade in shades if shade.min() < _NEARLY_WHITE)
    levels = [round(255 * float(v)) for colour in found[:_MOST] for v in colour]
    palette = Image.new("P", (1, 1))
    palette.putpalette(levels)
    return palette


def _mixed(
    ground: npt.NDArray[np.float64], colour: npt.NDArray[np.float64], share: float
) -> npt.NDArray[np.float64]:
    return ground * (1 - share) + colour * share
