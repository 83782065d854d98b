"""Both drawing back ends and the converter against the oracle, which shares no code with them (issue 2, point 4)."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from _helpers import oracle, tap  # noqa: E402
from _helpers.server import BUILD, DEMO  # noqa: E402

TOOL = BUILD / "tests/engine/draw_tool"
DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
BACKENDS = ["cpu", "gl"]


def evidence(text: str) -> None:
    print(f"evidence A1.4 {text}", file=sys.stderr)


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def volume(dtype: str, shape=(21, 27, 33), seed: int = 7) -> np.ndarray:
    """Smooth blobs with noise over the whole range that `dtype` can show in single precision."""
    z, y, x = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    field = np.sin(7 * x + 3 * y) * np.cos(5 * z) * 0.3 + 0.4 + 0.3 * rng(seed).random(shape)
    low, high = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 60000), "int16": (-20000, 20000),
                 "uint32": (0, 1 << 23), "int32": (-(1 << 22), 1 << 22), "float32": (-2.5, 9.0), "float64": (-2.5, 9.0)}[dtype]
    return (low + np.clip(field, 0, 1) * (high - low)).astype(dtype)


class Drawn(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def draw(self, data: np.ndarray | None, canvas, backend="cpu", **options) -> np.ndarray:
        """H x W x 3 of the drawn size, or the bytes of --video."""
        raw, out = (pathlib.Path(self.folder.name) / n for n in ("in.raw", "out.raw"))
        command = [TOOL, "--out", out, "--canvas", f"{canvas[0]}x{canvas[1]}"]
        if data is not None:
            raw.write_bytes(np.ascontiguousarray(data).tobytes())
            shape = data.shape if data.ndim == 3 else (1, *data.shape)
            command += ["--raw", raw, "--dtype", data.dtype.name, "--shape", ",".join(map(str, shape)), "--backend", backend]
        for name, value in options.items():
            text = ",".join(map(repr, map(float, value))) if isinstance(value, (tuple, list, np.ndarray)) else str(value)
            command += [f"--{name.replace('_', '-')}", text]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        if done.returncode != 0 and backend == "gl" and "EGL" in done.stderr:
            self.skipTest(f"gpu: no EGL device: {done.stderr.strip()}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.said = done.stdout
        picture = np.fromfile(out, np.uint8)
        if "video" in options:
            return picture
        scale = float(options.get("scale", 1))
        size = [max(2, int(np.ceil(n * scale / 2 - 1e-9)) * 2) if scale < 1 else n for n in canvas]
        return picture.reshape(size[1], size[0], 4)[..., :3]

    def compare(self, picture, real, near, allowed: int, message: str) -> int:
        """`real`: the oracle's codes before rounding. allowed 0: every code is a right rounding (a tie may go either way)."""
        over = np.abs(picture.astype(float) - real) - 0.5
        over = np.ceil(np.maximum(over - 2e-5, 0)).max(axis=-1)  # ties go up from 2^-16 below (docs/drawing.md)
        over[near] = 0
        self.assertLessEqual(over.max(), allowed, f"{message}: {np.count_nonzero(over > allowed)} pixels differ, most {over.max()}")
        return int(over.max())


class Slices(Drawn):
    def test_oracle_slices_1_to_1_are_exact_in_every_dtype(self):
        for backend in BACKENDS:
            for dtype in DTYPES:
                for interpolation in ("nearest", "linear"):
                    with self.subTest(backend=backend, dtype=dtype, interpolation=interpolation):
                        image = volume(dtype)[5]
                        low, high = float(image.min()), float(image.max())
                        height, width = image.shape
                        canvas = (width + width % 2, height + height % 2)
                        # The canvas's centre on a pixel's corner, so that every sample is a voxel centre.
                        center = (canvas[0] / 2 - 0.5, canvas[1] / 2 - 0.5)
                        picture = self.draw(image, canvas, backend, center=center, world_per_px=1, interpolation=interpolation,
                                            contrast=(low, high))
                        values, drawn, _ = oracle.plane(image, canvas, center, 1.0, interpolation="nearest")
                        expected = oracle.codes(values, low, high, drawn=drawn)
                        self.compare(picture, expected, np.zeros(drawn.shape, bool), 0, f"{backend} {dtype} {interpolation}")
        evidence("1:1 slices exact: 8 dtypes, nearest and linear, SIMD and GL")

    def test_oracle_scaled_slices_are_within_one_code_value(self):
        worst = {}
        for backend in BACKENDS:
            for dtype in ("uint8", "uint16", "float32"):
                for number in range(6):
                    random = rng(number)
                    image = volume(dtype, (1, 61, 83), number)[0]
                    center, scale = random.random(2) * (83, 61), float(random.choice([0.13, 0.37, 1.0, 2.6]))
                    spacing, origin = random.random(2) + 0.5, random.normal(size=2) * 20
                    center = origin + center * spacing
                    low, high = np.quantile(image.astype(float), [0.05, 0.9])
                    for interpolation in ("nearest", "linear"):
                        options = dict(center=center, world_per_px=scale, spacing=spacing, origin=origin,
                                       interpolation=interpolation, contrast=(low, high))
                        values, drawn, near = oracle.plane(image, (160, 120), center, scale, origin, spacing, interpolation)
                        with self.subTest(backend=backend, dtype=dtype, number=number, interpolation=interpolation):
                            picture = self.draw(image, (160, 120), backend, **options)
                            found = self.compare(picture, oracle.codes(values, low, high, drawn=drawn), near, 1,
                                                 f"{backend} {dtype} {interpolation} x{scale}")
                            worst[interpolation] = max(found, worst.get(interpolation, 0))
        evidence(f"scaled slices, largest difference in code values: {worst}")

    def test_oracle_colour_tables_gamma_and_opacity(self):
        ramp = np.arange(256, dtype=np.uint8).reshape(1, 256).repeat(2, axis=0)
        worst = 0
        for backend in BACKENDS:
            for name in [*oracle._RAMPS, *oracle.MATPLOTLIB_MAPS]:
                for gamma, opacity in ((1, 1), (0.45, 1), (2.2, 0.6)):
                    with self.subTest(backend=backend, colormap=name, gamma=gamma):
                        picture = self.draw(ramp, (256, 2), backend, center=(127.5, 0.5), interpolation="nearest", contrast=(0, 255),
                                            colormap=name, gamma=gamma, opacity=opacity)
                        worst = max(worst, self.compare(picture, oracle.codes(ramp, 0, 255, gamma, opacity, name),
                                                        np.zeros(ramp.shape, bool), 0 if backend == "cpu" else 1, name))
        evidence(f"{len(oracle._RAMPS) + len(oracle.MATPLOTLIB_MAPS)} colour tables x 3 gammas, largest difference {worst}")

    def test_oracle_nan_and_infinity_draw_as_the_limits(self):
        image = np.array([[np.nan, np.inf], [-np.inf, 0.5]], np.float32)
        for backend in BACKENDS:
            with self.subTest(backend=backend):
                picture = self.draw(image, (2, 2), backend, center=(0.5, 0.5), interpolation="nearest", contrast=(0, 1))
                self.assertEqual(picture[..., 0].tolist(), [[0, 255], [0, 128]])


class Volumes(Drawn):
    AXES = {0: ((0, 90), "z"), 1: ((0, 0), "y"), 2: ((90, 0), "x")}

    def test_oracle_axis_aligned_projection_is_the_maximum_along_the_axis(self):
        for backend in BACKENDS:
            for dtype in ("uint8", "uint16", "int16", "float32"):
                data = volume(dtype, (22, 26, 30))
                low, high = float(data.min()), float(data.max())
                for axis, ((azimuth, elevation), name) in self.AXES.items():
                    for interpolation in ("nearest", "linear"):
                        with self.subTest(backend=backend, dtype=dtype, axis=name, interpolation=interpolation):
                            center = (np.array(data.shape) - 1) / 2
                            right, down, _ = oracle.turntable(azimuth, elevation)
                            across, along = int(np.argmax(np.abs(right))), int(np.argmax(np.abs(down)))
                            flat = np.moveaxis(data, axis, 0).max(axis=0)
                            rows, columns = [k for k in range(3) if k != axis]
                            flat = flat if (rows, columns) == (along, across) else flat.T
                            flat = flat[:: int(np.sign(down[along])), :: int(np.sign(right[across]))]
                            canvas = (flat.shape[1], flat.shape[0])
                            picture = self.draw(data, canvas, backend, mode="volume", center=center, azimuth=azimuth,
                                                elevation=elevation, interpolation=interpolation, contrast=(low, high))
                            self.compare(picture, oracle.codes(flat.astype(float), low, high), np.zeros(flat.shape, bool), 0, name)
        evidence("axis-aligned orthographic MIP equals max(axis): 3 axes x 4 dtypes x 2 interpolations, SIMD and GL")

    def views(self):
        random = rng(3)
        for number in range(8):
            yield number, random.uniform(-180, 180), random.uniform(-90, 90), random.uniform(-30, 30), (0 if number % 2 else 60)

    def oblique(self, data, azimuth, elevation, roll, distance, backend="cpu", **more) -> np.ndarray:
        low, high = np.quantile(data.astype(float), [0.01, 0.999])
        return self.draw(data, (96, 80), backend, mode="volume", center=(np.array(data.shape) - 1) / 2, azimuth=azimuth,
                         elevation=elevation, roll=roll, perspective=distance, world_per_px=0.6, contrast=(low, high), **more)

    def test_oracle_oblique_and_perspective_projections(self):
        shares = []
        for backend in BACKENDS:
            data = volume("uint16", (22, 26, 30))
            low, high = np.quantile(data.astype(float), [0.01, 0.999])
            for number, azimuth, elevation, roll, distance in self.views():
                for interpolation in ("nearest", "linear"):
                    with self.subTest(backend=backend, view=number, interpolation=interpolation):
                        picture = self.oblique(data, azimuth, elevation, roll, distance, backend, interpolation=interpolation)
                        origins, directions = oracle.rays((96, 80), (np.array(data.shape) - 1) / 2,
                                                          oracle.turntable(azimuth, elevation, roll), 0.6, distance)
                        values, drawn = oracle.mip(data, origins, directions, distance > 0, interpolation=interpolation)
                        expected = oracle.colour(np.where(drawn, values, 0), low, high, drawn=drawn)
                        close = np.abs(picture.astype(int) - expected.astype(int)).max(axis=-1) <= 1
                        shares.append(close.mean())
                        # A sample that lies on a boundary to the last bit may fall on either side of it.
                        self.assertGreaterEqual(close.mean(), 0.99)
        evidence(f"oblique and perspective MIP: {100 * min(shares):.2f} % of pixels within 1 of the oracle in the worst view")

    def test_oracle_skipping_never_changes_a_bit(self):
        sparse = volume("uint16", (40, 44, 48))
        sparse[rng(5).random(sparse.shape) < 0.97] = 0
        for backend in BACKENDS:
            for number, azimuth, elevation, roll, distance in self.views():
                for interpolation in ("nearest", "linear"):
                    with self.subTest(backend=backend, view=number, interpolation=interpolation):
                        one, two = (self.oblique(sparse, azimuth, elevation, roll, distance, backend, skip=skip,
                                                 interpolation=interpolation) for skip in (0, 1))
                        self.assertEqual(one.tobytes(), two.tobytes())
        evidence("skipping on and off bit-identical in 16 views, SIMD and GL")

    def test_oracle_simd_and_gl_agree_on_the_demo(self):
        import zarr
        data = zarr.open(str(DEMO), "r")["1"][:]
        agree, largest = [], 0
        for azimuth, elevation, distance in ((30, 30, 0), (0, 0, 0), (77, -20, 250), (200, 65, 0)):
            pictures = [self.draw(data, (480, 270), backend, mode="volume", center=(np.array(data.shape) - 1) / 2, azimuth=azimuth,
                                  elevation=elevation, perspective=distance, world_per_px=0.8, contrast=(0, 118)) for backend in BACKENDS]
            difference = np.abs(pictures[0].astype(int) - pictures[1].astype(int)).max(axis=-1)
            agree.append((difference <= 1).mean())
            largest = max(largest, int(difference.max()))
        evidence(f"SIMD and GL on the demo volume: {100 * min(agree):.3f} % of pixels within 1, largest difference {largest}")
        self.assertGreaterEqual(min(agree), 0.999)

    def test_oracle_instruction_sets_agree(self):
        data = volume("uint16", (22, 26, 30))
        pictures = {target: self.oblique(data, 33, 21, 0, 0, target=target).tobytes() for target in ("SSE4", "AVX2")}
        self.assertEqual(len(set(pictures.values())), 1)


class Video(Drawn):
    def test_oracle_nv12_is_within_one_of_double_precision(self):
        rgba = np.concatenate([rng(1).integers(0, 256, (50, 70, 3), np.uint8), np.full((50, 70, 1), 255, np.uint8)], axis=-1)
        rgba[:4] = [[[255, 0, 0, 255]], [[0, 255, 0, 255]], [[0, 0, 255, 255]], [[255, 255, 255, 255]]]
        file = pathlib.Path(self.folder.name) / "rgba"
        file.write_bytes(rgba.tobytes())
        worst = 0.0
        for matrix in ("709", "601"):
            for flip in (0, 1):
                with self.subTest(matrix=matrix, flip=flip):
                    out = self.draw(None, (70, 50), video="nv12", matrix=matrix, flip=flip, rgba=file)
                    luma, chroma = oracle.nv12(rgba[..., :3], matrix, bool(flip))
                    y, uv = out[:50 * 70].reshape(50, 70), out[50 * 70:].reshape(25, 35, 2)
                    error = max(np.abs(y - luma).max(), np.abs(uv - chroma).max())
                    self.assertLessEqual(error, 1.0)
                    worst = max(worst, float(error))
        evidence(f"NV12 within {worst:.3f} of double precision: BT.709 and BT.601, flipped and not")


if __name__ == "__main__":
    os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
    tap.main()
