"""The picture of docs/drawing.md, computed a third time in double precision from numpy, scipy and matplotlib alone.

Shares no code with the server. Arrays are [z][y][x]; pictures H x W x 3 uint8, row 0 on top.
"""
import numpy as np
from matplotlib import colormaps
from scipy.ndimage import map_coordinates

# napari's own maps, as control colours spread evenly over 0..1; the others are matplotlib's.
_RAMPS = {
    "gray": [(0, 0, 0), (1, 1, 1)], "gray_r": [(1, 1, 1), (0, 0, 0)],
    "red": [(0, 0, 0), (1, 0, 0)], "green": [(0, 0, 0), (0, 1, 0)], "blue": [(0, 0, 0), (0, 0, 1)],
    "cyan": [(0, 0, 0), (0, 1, 1)], "magenta": [(0, 0, 0), (1, 0, 1)], "yellow": [(0, 0, 0), (1, 1, 0)],
}
MATPLOTLIB_MAPS = ["viridis", "magma", "inferno", "plasma", "turbo", "twilight", "twilight_shifted", "PiYG", "gist_earth", "hsv"]


def table(name: str) -> np.ndarray:
    """256 x 3 colours in 0..1."""
    if name in _RAMPS:
        first, last = map(np.array, _RAMPS[name])
        return first + np.linspace(0, 1, 256)[:, None] * (last - first)
    return colormaps[name].resampled(256)(np.arange(256))[:, :3]


def codes(values: np.ndarray, low: float, high: float, gamma: float = 1, opacity: float = 1, colormap: str = "gray",
          drawn: np.ndarray | None = None) -> np.ndarray:
    """Value to colour over black as real 0..255, before rounding; `drawn` False leaves black."""
    with np.errstate(invalid="ignore"):
        t = np.clip((np.nan_to_num(values.astype(np.float64), nan=low, posinf=np.inf, neginf=-np.inf) - low) / (high - low), 0, 1) ** gamma
    position = t * 255
    first = np.minimum(position.astype(int), 254)
    entries = table(colormap)
    rgb = entries[first] + (position - first)[..., None] * (entries[first + 1] - entries[first])
    if drawn is not None:
        rgb = np.where(drawn[..., None], rgb, 0)
    return 255 * opacity * rgb


def colour(*arguments, **options) -> np.ndarray:
    """As codes(), rounded half up to uint8."""
    return np.floor(codes(*arguments, **options) + 0.5).astype(np.uint8)


def grid(canvas: tuple[int, int], size: tuple[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Canvas offsets from the centre (u right, v down) of every target pixel; sizes are (width, height)."""
    (w, h), (tw, th) = canvas, size or canvas
    u = (np.arange(tw) + 0.5) * w / tw - w / 2
    v = (np.arange(th) + 0.5) * h / th - h / 2
    return np.broadcast_to(u, (th, tw)), np.broadcast_to(v[:, None], (th, tw))


def plane(image: np.ndarray, canvas, center, world_per_px: float, origin=(0, 0), spacing=(1, 1),
          interpolation: str = "linear", size=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A 2-D slice: (values, drawn, near) where `near` marks samples within 1e-3 of a decision. center, origin, spacing: (x, y)."""
    u, v = grid(canvas, size)
    x = (center[0] + u * world_per_px - origin[0]) / spacing[0]
    y = (center[1] + v * world_per_px - origin[1]) / spacing[1]
    height, width = image.shape
    drawn = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
    edge = lambda p: np.abs((p + 0.5) - np.round(p + 0.5)) < 1e-3
    outline = lambda p, n: (np.abs(p + 0.5) < 1e-3) | (np.abs(p - n + 0.5) < 1e-3)
    near = outline(x, width) | outline(y, height)
    if interpolation == "nearest":
        rows = np.clip(np.floor(y + 0.5).astype(int), 0, height - 1)
        columns = np.clip(np.floor(x + 0.5).astype(int), 0, width - 1)
        return image[rows, columns].astype(np.float64), drawn, near | edge(x) | edge(y)
    return bilinear(image, y, x), drawn, near


def bilinear(image: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Bilinear interpolation with coordinates clamped to the image."""
    coordinates = [np.clip(y, 0, image.shape[0] - 1), np.clip(x, 0, image.shape[1] - 1)]
    return map_coordinates(image.astype(np.float64), coordinates, order=1, mode="nearest")


def turntable(azimuth: float, elevation: float, roll: float = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """right, down, forward in world (z, y, x) for angles in degrees (src/scene/camera.hpp)."""
    a, e, r = np.radians([azimuth, elevation, roll])
    forward = np.array([-np.sin(a) * np.cos(e), np.cos(a) * np.cos(e), -np.sin(e)])
    right = np.array([np.cos(a), np.sin(a), 0.0])
    up = np.cross(right, forward)
    right, up = np.cos(r) * right + np.sin(r) * up, np.cos(r) * up - np.sin(r) * right
    return right[::-1], -up[::-1], forward[::-1]


def rays(canvas, center, axes, world_per_px: float, distance: float = 0, size=None):
    """Origin and direction of every pixel's ray in world (z, y, x); distance > 0: perspective."""
    right, down, forward = axes
    u, v = grid(canvas, size)
    points = np.asarray(center) + (u[..., None] * right + v[..., None] * down) * world_per_px
    if distance > 0:
        eye = np.asarray(center) - np.asarray(forward) * distance
        return np.broadcast_to(eye, points.shape), points - eye
    return points, np.broadcast_to(forward, points.shape)


def mip(volume: np.ndarray, origins: np.ndarray, directions: np.ndarray, perspective: bool, origin=(0, 0, 0),
        spacing=(1, 1, 1), interpolation: str = "linear") -> tuple[np.ndarray, np.ndarray]:
    """Maximum over one sample a voxel plane of each ray's main axis: (values, drawn)."""
    o = (origins - np.asarray(origin)) / np.asarray(spacing)
    d = directions / np.asarray(spacing)
    main = np.argmax(np.abs(d), axis=-1)
    best = np.full(main.shape, -np.inf)
    for k in range(3):
        if not (here := main == k).any():
            continue
        a, b = [axis for axis in range(3) if axis != k]
        ok, dk = o[here], d[here]
        top = np.full(len(ok), -np.inf)
        for i, image in enumerate(np.moveaxis(volume, k, 0)):
            t = (i - ok[:, k]) / dk[:, k]
            pa, pb = ok[:, a] + t * dk[:, a], ok[:, b] + t * dk[:, b]
            counts = (pa >= -0.5) & (pa < volume.shape[a] - 0.5) & (pb >= -0.5) & (pb < volume.shape[b] - 0.5)
            if perspective:
                counts &= t > 0
            if not counts.any():
                continue
            if interpolation == "nearest":
                values = image[np.floor(pa[counts] + 0.5).astype(int), np.floor(pb[counts] + 0.5).astype(int)].astype(np.float64)
            else:
                values = bilinear(image, pa[counts], pb[counts])
            top[counts] = np.fmax(top[counts], values)
        best[here] = top
    return best, np.isfinite(best)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio of 8-bit pictures, dB."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else 10 * np.log10(255 ** 2 / error)


_LUMA = {"709": (0.2126, 0.0722), "601": (0.299, 0.114)}


def nv12(rgb: np.ndarray, matrix: str = "709", flip: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Limited-range Y (H x W) and interleaved Cb, Cr (H/2 x W/2 x 2) as exact reals, not rounded."""
    kr, kb = _LUMA[matrix]
    picture = rgb[::-1] if flip else rgb
    c = picture.astype(np.float64) / 255
    luma = lambda p: kr * p[..., 0] + (1 - kr - kb) * p[..., 1] + kb * p[..., 2]
    h, w = c.shape[:2]
    half = c.reshape(h // 2, 2, w // 2, 2, 3).mean(axis=(1, 3))
    y = luma(half)
    chroma = np.stack([128 + 224 * (half[..., 2] - y) / (2 * (1 - kb)), 128 + 224 * (half[..., 0] - y) / (2 * (1 - kr))], -1)
    return 16 + 219 * luma(c), chroma
