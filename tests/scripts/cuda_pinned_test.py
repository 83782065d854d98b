#!/usr/bin/env python3
"""Everything that names GStreamer's CUDA headers compiles with the cuda.h of the pinned wheel, whatever Toolkit this build used.

    cuda_pinned_test.py BUILD_DIR
"""
import json
import pathlib
import re
import shlex
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/cuda"), str(ROOT / "tests")]
import fetch_headers  # noqa: E402
from _helpers import tap  # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
USES_CUDA = re.compile(r'^#include (<gst/cuda/|"engine/cuda/gst_cuda.hpp")', re.MULTILINE)


class PinnedHeaders(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.headers = BUILD / "cuda-pinned"
        cls.reason = ""
        if not (cls.headers / "cuda.h").is_file():
            try:
                fetch_headers.fetch(BUILD, cls.headers.name)
            except fetch_headers.ERRORS as error:
                cls.reason = f"the pinned wheel cannot be fetched: {error}"

    def commands(self) -> list[dict]:
        listed = json.loads((BUILD / "compile_commands.json").read_text())
        sources = {pathlib.Path(entry["directory"], entry["file"]).resolve(): entry for entry in listed}
        return [entry for path, entry in sources.items()
                if path.is_relative_to(ROOT / "src") and USES_CUDA.search(path.read_text(errors="replace"))]

    def test_every_cuda_file_compiles(self) -> None:
        if self.reason:
            self.skipTest(self.reason)
        entries = self.commands()
        self.assertGreaterEqual(len(entries), 3, "the CUDA road is not in this build")
        for entry in entries:
            words = shlex.split(entry["command"])
            del words[words.index("-o"):words.index("-o") + 2]
            # Before the folders of the build's own: the first that has a header is taken.
            words = [word for word in words if word != "ccache"]
            done = subprocess.run([words[0], "-isystem", str(self.headers), *words[1:], "-fsyntax-only", "-MF", "/dev/null"],
                                  cwd=entry["directory"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            shown = subprocess.run([words[0], "-isystem", str(self.headers), *words[1:], "-M", "-MF", "-"],
                                   cwd=entry["directory"], capture_output=True, text=True, check=False).stdout
            self.assertIn(str(self.headers / "cuda.h"), shown, entry["file"])


if __name__ == "__main__":
    tap.main()
