#!/usr/bin/env python3
"""Where cuda.h is taken from, what of the pinned wheel is unpacked, and that a build without a registry goes on."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools/cuda"
sys.path[:0] = [str(TOOLS), str(ROOT / "tests")]
import fetch_headers  # noqa: E402
import find_headers  # noqa: E402
from _helpers import tap  # noqa: E402


class Headers(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def headers(self, *names: str, below: str) -> pathlib.Path:
        folder = self.folder / below
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_text("")
        return folder

    def find(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
        clean = {key: value for key, value in os.environ.items() if key not in ("CUDA_HOME", "CUDA_PATH")}
        return subprocess.run([sys.executable, TOOLS / "find_headers.py", *map(str, arguments)], capture_output=True, text=True,
                              check=False, env={**clean, **environment})

    def test_a_folder_that_is_given_is_the_only_one(self) -> None:
        folder = self.headers("cuda.h", "cudaGL.h", below="given")
        self.assertEqual(self.find("--option", folder).stdout.strip(), str(folder.resolve()))
        half = self.headers("cuda.h", below="half")
        refused = self.find("--option", half)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("cudaGL.h is not there", refused.stderr)

    def test_the_environment_comes_before_the_fetched_ones(self) -> None:
        toolkit = self.headers("cuda.h", "cudaGL.h", below="toolkit/include")
        self.headers("cuda.h", "cudaGL.h", below="build/cuda-headers")
        found = self.find("--build", self.folder / "build", CUDA_HOME=str(toolkit.parent))
        self.assertEqual(found.stdout.strip(), str(toolkit.resolve()))

    def test_the_fetched_ones_come_last(self) -> None:
        places = [str(place) for place in find_headers.candidates("", str(self.folder))]
        self.assertEqual(places[-1], str(self.folder / "cuda-headers"))

    def test_takes_the_two_headers_and_what_they_include_of_the_wheel(self) -> None:
        wheel = self.folder / "made-up.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            at = "nvidia/cuda_runtime/include/"
            archive.writestr(at + "cuda.h", "#include <stdlib.h>\n#include \"inner/a.h\"\n")
            archive.writestr(at + "cudaGL.h", "#include <cuda.h>\n#include \"../escape.h\"\n")
            archive.writestr(at + "inner/a.h", "")
            archive.writestr(at + "../escape.h", "")
            archive.writestr(at + "not_wanted.h", "")
            archive.writestr("nvidia/cuda_runtime/lib/libcudart.so.12", "")
        taken = fetch_headers.unpack(wheel, self.folder / "out")
        self.assertEqual(sorted(taken), ["cuda.h", "cudaGL.h", "inner/a.h"])
        written = sorted(str(path.relative_to(self.folder / "out")) for path in (self.folder / "out").rglob("*.h"))
        self.assertEqual(written, ["cuda.h", "cudaGL.h", "inner/a.h"])
        self.assertFalse((self.folder / "escape.h").exists())

    def test_without_a_registry_it_says_so_in_one_line_and_leaves_nothing(self) -> None:
        program = ("import sys; sys.path.insert(0, sys.argv.pop(1)); import fetch_headers, find_headers, subprocess\n"
                   "real = subprocess.run\n"
                   "def run(command, **more):\n"
                   "    if 'find_headers.py' in str(command[1]): return subprocess.CompletedProcess(command, 0, '', '')\n"
                   "    return real(command, **more)\n"
                   "subprocess.run = run\n"
                   "sys.exit(fetch_headers.main())\n")
        build = self.folder / "build"
        done = subprocess.run([sys.executable, "-c", program, TOOLS, build], capture_output=True, text=True, check=False,
                              env={**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.folder), "PIP_CONFIG_FILE": os.devnull})
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"\Ano CUDA headers: .+\n\Z")
        self.assertEqual(list(build.iterdir()), [])

    def test_the_wheel_is_pinned_by_its_hash(self) -> None:
        text = (TOOLS / "requirements.txt").read_text()
        pins = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
        self.assertEqual(len(pins), 1)
        self.assertRegex(pins[0], r"^[a-z0-9-]+==[0-9.]+ ")
        self.assertEqual(len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", text)), 1)


class Fatbin(unittest.TestCase):
    def test_every_byte_is_in_the_source(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            data = bytes(range(256)) * 3 + b"\x07"
            (folder / "kernel.fatbin").write_bytes(data)
            done = subprocess.run([sys.executable, TOOLS / "embed_fatbin.py", "--output", folder / "out.cpp", "--compiler", "nvcc 1.2",
                                   "--architectures", "75,90", folder / "kernel.fatbin"], check=False)
            self.assertEqual(done.returncode, 0)
            text = (folder / "out.cpp").read_text()
            numbers = re.search(r"kFatbin\[\] = \{(.*?)\};", text, re.DOTALL)[1]
            self.assertEqual(bytes(map(int, numbers.split(","))), data)
            self.assertIn("kArchitectures[] = {75,90}", text)


if __name__ == "__main__":
    tap.main()
