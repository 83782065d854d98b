"""Runs every ```sh block of docs/pipelines.md as it stands, decodes what it says it writes, and runs it again under the
leaks tracer. Blocks marked ```sh gpu need CUDA, ```sh egl an EGL device; without they are skipped, with the reason. Started by
meson with the root of the repository, the build folder and the program."""
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

import av

ROOT, BUILD = Path(sys.argv.pop(1)), Path(sys.argv.pop(1))
PROGRAM = BUILD / "napari-cuda-server"
DEMO_INPUT = Path("/usr/share/mricron/templates/ch2better.nii.gz")
SECONDS_MAX = 60
sys.path.insert(0, str(ROOT / "tests" / "_helpers"))
import leaks  # noqa: E402
import tap  # noqa: E402


def why_no_gpu() -> str:
    """Why blocks marked `gpu` cannot run here; empty: they can."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver: libcuda.so.1 cannot be loaded"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value < 1:
        return "the NVIDIA driver shows no GPU to this process"
    if subprocess.run(["gst-inspect-1.0", "--exists", "cudadownload"], check=False).returncode != 0:
        return "GStreamer's nvcodec plug-in has no cudadownload here"
    return ""


def why_no_egl() -> str:
    """Why blocks marked `egl` cannot run here; empty: they can."""
    dependencies = json.loads((BUILD / "meson-info" / "intro-dependencies.json").read_text())
    if not any(dependency["name"] == "epoxy" for dependency in dependencies):
        return "this build has no EGL back end"
    try:
        egl = ctypes.CDLL("libEGL.so.1")
    except OSError:
        return "libEGL.so.1 cannot be loaded"
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    query = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    count = ctypes.c_int(0)
    if query is None or not ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(query)(
            0, None, ctypes.byref(count)) or count.value < 1:
        return "EGL has no device here"
    return ""


REASONS = {"": lambda: "", "gpu": why_no_gpu, "egl": why_no_egl}


def read_blocks() -> list[tuple[str, list[tuple[str, bool, int]], str]]:
    """Each block with what it says it writes, (path, whether the count is a minimum, frames), and what it is marked with."""
    text = (ROOT / "docs" / "pipelines.md").read_text()
    blocks = []
    for match in re.finditer(r"```sh ?([a-z]*)\n(.*?)```\n(.*?)(?=```sh|\Z)", text, re.S):
        writes = re.findall(r"^Writes `([^`]+)`: (at least )?(\d+) frames\.$", match[3], re.M)
        blocks.append((match[2], [(path, bool(least), int(count)) for path, least, count in writes], match[1]))
    return blocks


def count_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


class Lines(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The blocks say build/; another build folder gets a root of its own with links.
        cls.root = ROOT
        if BUILD.resolve() != (ROOT / "build").resolve():
            cls.root = BUILD / "pipelines-root"
            cls.root.mkdir(exist_ok=True)
            link = cls.root / "build"
            if not link.is_symlink():
                link.symlink_to(BUILD)
        shutil.rmtree(BUILD / "pipelines", ignore_errors=True)
        (BUILD / "pipelines").mkdir()
        demo = BUILD / "demo" / "ch2better.ome.zarr"
        if not demo.exists():
            demo.parent.mkdir(exist_ok=True)
            subprocess.run([PROGRAM, "convert", DEMO_INPUT, demo], check=True, timeout=120)

    def require(self, number: int) -> None:
        if reason := REASONS[BLOCKS[number][2]]():
            self.skipTest(reason)

    def run_block(self, block: str, extra: dict[str, str]) -> str:
        env = {**os.environ, "GST_PLUGIN_PATH": str(BUILD / "gst-elements"), "GST_DEBUG_NO_COLOR": "1",
               "GST_REGISTRY": str(BUILD / "pipelines" / "registry.bin"), **extra}
        process = subprocess.Popen(["bash", "-e", "-o", "pipefail", "-c", block], cwd=self.root, env=env, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            self.fail(f"still running after {SECONDS_MAX} s:\n{block}\n{output[-4000:]}")
        self.assertEqual(process.returncode, 0, f"{block}\n{output[-4000:]}")
        return output

    def check(self, number: int) -> None:
        self.require(number)
        block, writes, _ = BLOCKS[number]
        output = self.run_block(block, {})
        self.assertNotIn("WARNING", output, output[-4000:])
        self.assertNotIn("CRITICAL", output, output[-4000:])
        for path, is_minimum, frames in writes:
            decoded = count_frames(self.root / path)
            if is_minimum:
                self.assertGreaterEqual(decoded, frames, path)
            else:
                self.assertEqual(decoded, frames, path)
        if "filesink" in block:
            self.assertTrue(writes, f"a block writes a file and does not say which:\n{block}")

    def check_leaks(self, number: int) -> None:
        self.require(number)
        block = BLOCKS[number][0]
        alive = leaks.alive(self.run_block(block.replace("| grep napari-stats", ""), leaks.TRACING))
        self.assertFalse(alive, "\n".join(alive)[:4000])


BLOCKS = read_blocks()
for index, (text, _, mark) in enumerate(BLOCKS):
    def plain(self, number=index):
        self.check(number)

    def traced(self, number=index):
        self.check_leaks(number)

    name = f"test_{index:02}" + (f"_{mark}" if mark else "")
    setattr(Lines, f"{name}_runs", plain)
    if "gst-launch-1.0" in text:
        setattr(Lines, f"{name}_leaks_nothing", traced)


class LeaksTracer(unittest.TestCase):
    # GStreamer by ctypes: a program that leaks one object of its choice.
    LEAKY = ("import ctypes; gst = ctypes.CDLL('libgstreamer-1.0.so.0'); gst.gst_init(None, None); "
             "{}; gst.gst_deinit()")

    def alive_after(self, statement: str, tracing: dict[str, str]) -> list[str]:
        done = subprocess.run([sys.executable, "-c", self.LEAKY.format(statement)], text=True, timeout=SECONDS_MAX,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **tracing})
        self.assertEqual(done.returncode, 0, done.stdout)
        return leaks.alive(done.stdout)

    def test_a_planted_leak_is_noticed(self):
        found = self.alive_after("gst.gst_caps_new_empty_simple(b'planted/leak')", leaks.TRACING)
        self.assertEqual(len(found), 1, found)
        self.assertIn("planted/leak", found[0])

    def test_no_leak_is_none_and_no_tracer_is_an_error(self):
        self.assertEqual(self.alive_after("pass", leaks.TRACING), [])
        with self.assertRaises(AssertionError):
            self.alive_after("gst.gst_caps_new_empty_simple(b'planted/leak')", {"GST_TRACERS": "", "GST_DEBUG": "0"})


class Extraction(unittest.TestCase):
    def test_every_kind_of_line_is_there(self):
        whole = "\n".join(block for block, _, _ in BLOCKS)
        for word in ("location=", "ndisplay=3", "udpsink", "udpsrc", "avdec_h264", "mp4mux", "out.src_1",
                     "GST_DEBUG_DUMP_DOT_DIR", "napari-stats", "memory:NapariGpuFrame", "memory:CUDAMemory", "cudaupload"):
            self.assertIn(word, whole)
        self.assertGreaterEqual(sum(len(writes) for _, writes, _ in BLOCKS), 12)
        self.assertGreaterEqual(sum(mark == "gpu" for _, _, mark in BLOCKS), 3)


if __name__ == "__main__":
    tap.main()
