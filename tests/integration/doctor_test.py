"""What `doctor` and `serve` say of GPUs: without a driver, and with a stand-in driver whose one GPU has CUDA but neither EGL nor NVENC.

The stand-in's folder comes as NAPARI_STANDIN_CUDA."""
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _helpers import tap  # noqa: E402
from _helpers.server import BUILD  # noqa: E402

SCRATCH = tempfile.TemporaryDirectory()  # GStreamer's list of plug-ins differs where a driver is seen
STANDIN = {"LD_LIBRARY_PATH": os.environ["NAPARI_STANDIN_CUDA"], "GST_REGISTRY": f"{SCRATCH.name}/registry.bin"}
UUID = "GPU-01010101-0101-0101-0101-010101010101"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    # Meson names the folder of what a test depends on, and so the stand-in, in LD_LIBRARY_PATH.
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NAPARI_CUDA_", "CUDA_", "LD_LIBRARY_PATH"))}
    return subprocess.run([BUILD / "napari-cuda-server", *arguments], text=True, capture_output=True, check=False, timeout=60,
                          env={**clean, **environment})


class DoctorCase(unittest.TestCase):
    def lines(self, *arguments: str, **environment: str) -> list[str]:
        done = run("doctor", *arguments, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout.splitlines()[-1], r"^draws with .+, encodes with .+, because ")
        return done.stdout.splitlines()


class Doctor(DoctorCase):
    def test_a_gpu_is_described_with_what_it_lacks(self):
        text = "\n".join(self.lines(**STANDIN))
        self.assertRegex(text, rf"(?m)^gpu 0: Stand-in GPU, {UUID}, 8\.0 GiB, .*CUDA 13\.0, compute capability 9\.0$")
        self.assertRegex(text, r"(?m)^gpu 0: graphics: none: EGL does not offer it")
        self.assertRegex(text, r"(?m)^gpu 0: NVENC encodes nothing: .*libnvidia-encode")
        self.assertRegex(text, r"(?m)^road: the CPU draws; the CPU converts; x264enc encodes on the CPU")
        self.assertIn("not offered by EGL", text.splitlines()[-1])

    def test_a_gpu_is_named_by_its_uuid_or_the_beginning_of_it(self):
        for name in (UUID, UUID[:8].lower(), "0"):
            self.assertIn("GPU 0 (Stand-in GPU) is not offered by EGL", self.lines("--device", name, **STANDIN)[-1])

    def test_a_gpu_that_is_not_there_is_said_with_those_that_are(self):
        self.assertIn(f'no GPU is "5": 0 is Stand-in GPU ({UUID})', self.lines("--device", "5", **STANDIN)[-1])
        self.assertIn('no GPU is "GPU-77"', self.lines(NAPARI_CUDA_DEVICE="GPU-77", **STANDIN)[-1])

    def test_the_gpu_that_was_asked_for_cannot_draw(self):
        done = run("serve", "--backend", "egl", "--port", "0", **STANDIN)
        self.assertEqual(done.returncode, 2)
        self.assertIn("GPU 0 (Stand-in GPU) is not offered by EGL", done.stderr)

    def test_nonsense_is_no_device(self):
        for arguments in (("--device", "first"), ("--device", "256"), ("--device", "GPU-")):
            done = run("serve", *arguments, "--port", "0")
            self.assertEqual(done.returncode, 2)
            self.assertIn("is neither an ordinal in 0..255 nor a UUID", done.stderr)


class NoDriver(DoctorCase):
    def setUp(self):
        if any(re.match(r"gpu \d+:", line) for line in self.lines()):
            self.skipTest("gpu: this machine has one")

    def test_is_said_in_a_line_and_the_cpu_goes_on(self):
        self.assertIn("gpu: none: no NVIDIA driver", "\n".join(self.lines()))

    def test_gives_no_gpu_by_its_uuid(self):
        self.assertRegex(self.lines("--device", UUID)[-1], r"no GPU can be found by its UUID .*: no NVIDIA driver")


if __name__ == "__main__":
    tap.main()
