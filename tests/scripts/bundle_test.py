#!/usr/bin/env python3
"""The bundle of this build: what would be in it, whether the loader finds everything there, and that it starts where it is put.

    bundle_test.py BUILD_DIR
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/bundle"), str(ROOT / "tests")]
import bundle  # noqa: E402
import contents  # noqa: E402
import elf  # noqa: E402
from _helpers import tap  # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()


class FileList(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.bundle = bundle.Bundle(BUILD, [])
        cls.elves = {place: elf.read(path) for place, path in cls.bundle.files.items()}

    def test_holds_no_driver_and_nothing_of_glibc(self) -> None:
        wrong = [place for place, path in self.bundle.files.items()
                 if contents.forbidden(pathlib.PurePath(place).name) or contents.forbidden(path.name) or contents.forbidden(path.resolve().name)]
        self.assertEqual(wrong, [])

    def test_knows_a_driver_when_it_sees_one(self) -> None:
        for name in ("libcuda.so.1", "libEGL_nvidia.so.0", "libnvidia-encode.so.1", "libc.so.6", "libLLVM-15.so.1"):
            self.assertTrue(contents.forbidden(name), name)
        self.assertFalse(contents.forbidden("libEGL.so.1"))  # the loader that finds a driver's EGL

    def test_every_library_is_inside_or_part_of_glibc(self) -> None:
        places = set(self.bundle.files)
        missing = [f"{place} needs {soname}" for place, file in self.elves.items() for soname in file.needed
                   if soname not in contents.GLIBC and not places & {f"lib/{soname}", f"lib/fallback/{soname}/{soname}"}]
        self.assertEqual(missing, [])

    def test_asks_for_no_newer_glibc_than_it_says(self) -> None:
        newest = max(tuple(map(int, version.removeprefix("GLIBC_").split(".")))
                     for file in self.elves.values() for soname in contents.GLIBC for version in file.versions.get(soname, ())
                     if version.startswith("GLIBC_") and version[6].isdigit())
        self.assertLessEqual(newest[:2], contents.GLIBC_NEWEST)

    def test_what_must_match_the_drivers_is_a_fallback_only(self) -> None:
        for place in self.bundle.files:
            self.assertFalse(place.startswith("lib/") and place.removeprefix("lib/") in contents.FALLBACK, place)
        self.assertIn("lib/fallback/libEGL.so.1/libEGL.so.1", self.bundle.files)

    def test_holds_the_plugin_and_the_encoders(self) -> None:
        for name in ("naparicuda", "x264", "openh264", "nvcodec"):
            self.assertIn(f"lib/gstreamer-1.0/libgst{name}.so", self.bundle.files)


class Written(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name) / "a folder"  # with a space
        cls.folder.mkdir()
        bundle.Bundle(BUILD, []).write(cls.folder)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.scratch.cleanup()

    def run_inside(self, *command: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run([self.folder / "bin" / command[0], *command[1:]], text=True, capture_output=True, check=False, timeout=60,
                              env={"PATH": "/usr/bin:/bin", "HOME": self.scratch.name, **environment})

    def test_every_file_looks_beside_itself(self) -> None:
        for path in self.folder.rglob("*"):
            if path.is_symlink() or not path.is_file() or not elf.is_elf(path):
                continue
            file = elf.read(path)
            self.assertEqual(file.rpath, "", path)
            self.assertEqual((path.parent / file.runpath.removeprefix("$ORIGIN/")).resolve(), (self.folder / "lib").resolve(), path)

    def test_runs_with_its_own_libraries(self) -> None:
        done = self.run_inside("napari-cuda-server", "doctor", LD_DEBUG="libs")
        self.assertEqual(done.returncode, 0, done.stderr[-500:])
        self.assertRegex(done.stdout.strip().splitlines()[-1], r"^draws with .+, encodes with .+, because ")
        started = [line.partition("calling init: ")[2] for line in done.stderr.splitlines() if "calling init: " in line]
        for name in ("libglib-2.0", "libgstreamer-1.0", "libx264", "libepoxy"):
            paths = {path for path in started if name in path}
            self.assertTrue(paths, name)
            self.assertEqual([path for path in paths if not path.startswith(str(self.folder))], [])

    def test_runs_a_pipeline_in_spite_of_the_callers_variables(self) -> None:
        done = self.run_inside("gst-launch-1.0", "-q", "naparieglsrc", "num-buffers=5", "!", "naparicudaconvert", "!", "x264enc", "!", "fakesink",
                               LD_LIBRARY_PATH="/usr/lib/x86_64-linux-gnu", GST_PLUGIN_SYSTEM_PATH="/nonexistent", GST_REGISTRY="/nonexistent/r")
        self.assertEqual(done.returncode, 0, done.stderr[-500:])

    def test_takes_drivers_from_the_caller_and_other_peoples_libraries_not(self) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            driver, conda = pathlib.Path(scratch) / "driver", pathlib.Path(scratch) / "conda"
            for path in (driver / "libcuda.so.1", driver / "libEGL_nvidia.so.0", conda / "libglib-2.0.so.0", conda / "libnvrtc.so.12"):
                path.parent.mkdir(exist_ok=True)
                path.touch()
            program = self.folder / "libexec/show-environment"
            program.write_text("#!/bin/sh\nenv\n")
            program.chmod(0o755)
            (self.folder / "bin/show-environment").symlink_to("../libexec/launch")
            done = self.run_inside("show-environment", LD_LIBRARY_PATH=f"{conda}::{driver}")
        seen = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(seen["LD_LIBRARY_PATH"].split(":")[0], str(driver))
        self.assertNotIn(str(conda), seen["LD_LIBRARY_PATH"])
        if not list(pathlib.Path("/usr/share/glvnd/egl_vendor.d").glob("*nvidia*")):
            self.assertEqual(seen["__EGL_VENDOR_LIBRARY_FILENAMES"], f"{self.folder}/share/egl_vendor.d/10_nvidia.json")
        self.assertTrue(seen["GST_REGISTRY_1_0"].startswith(f"{self.scratch.name}/.cache/napari-cuda-server/"))

    def test_says_what_is_not_in_it(self) -> None:
        (self.folder / "bin/napari-cuda-nothing").symlink_to("../libexec/launch")
        done = self.run_inside("napari-cuda-nothing")
        self.assertEqual(done.returncode, 127)
        self.assertIn("not in this bundle", done.stderr)

    def test_names_versions_and_holds_licences(self) -> None:
        version = (self.folder / "VERSION").read_text()
        self.assertIn("glibc 2.36", version)
        self.assertRegex(version, r"(?m)^libx264-\d+ ")
        self.assertTrue((self.folder / "share/licenses/napari-cuda-server/LICENSE").exists())
        self.assertTrue(list((self.folder / "share/licenses").glob("libx264-*/copyright")))


if __name__ == "__main__":
    tap.main()
