"""Plants violations of the include contract, one at a time, and expects each to be found."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools/scripts/import_matrix.py"

# file to write -> line, and what the report must say
PLANTED = [
    ("src/data/planted.hpp", '#include "scene/scene.hpp"', "data -> scene"),
    ("src/data/planted.cpp", '#include <gst/gst.h>', "may name gst/"),
    ("src/data/planted.cpp", '#include <json-glib/json-glib.h>', "may name json-glib/"),
    ("src/scene/planted.cpp", '#include "runtime/interface.hpp"', "scene -> runtime"),
    ("src/engine/planted.cpp", '#include "scene/scene.hpp"', "engine -> scene"),
    ("src/runtime/planted.cpp", '#include "engine/renderer.hpp"', "runtime -> engine"),
    ("src/control/planted.cpp", '#include "engine/api.hpp"', "control -> engine"),
    ("src/control/planted.cpp", '#include "runtime/render_worker.hpp"', "control -> runtime"),
    ("src/app/planted.cpp", '#include "engine/api.hpp"', "app -> engine"),
    ("gst-elements/planted.cpp", '#include "engine/renderer.hpp"', "gst-elements -> engine"),
    ("src/control/planted.cpp", '#include "../scene/scene.hpp"', "is not rooted"),
    ("src/data/encoded_frame.hpp", '#include <gst/gst.h>', "engine/api.hpp leaks"),
    ("src/scene/scene.hpp", '#include <libsoup/soup.h>', "may name libsoup/"),
]


class ImportMatrix(unittest.TestCase):
    def report(self, root: pathlib.Path) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, SCRIPT, "--root", root], capture_output=True, text=True, check=False)

    def test_the_tree_keeps_the_contract(self):
        done = self.report(ROOT)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_planted_violation_is_reported(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name in ("src", "gst-elements"):
                shutil.copytree(ROOT / name, root / name)
            self.assertEqual(self.report(root).returncode, 0)
            for file, line, expected in PLANTED:
                with self.subTest(file=file, line=line):
                    path = root / file
                    before = path.read_text() if path.exists() else None
                    path.write_text((before or "") + "\n" + line + "\n")
                    done = self.report(root)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn(expected, done.stdout)
                    if before is None:
                        path.unlink()
                    else:
                        path.write_text(before)
            self.assertEqual(self.report(root).returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
