#!/usr/bin/env python3
"""Has glslangValidator read every shader in every variant that the GL drawer compiles.

    check_shaders.py VALIDATOR SHADER...

A shader names its variants in lines `// variant: NAME=VALUE NAME=VALUE`. Exit status 1 with the validator's words for
each variant that it refuses, or when a shader names none.
"""
import pathlib
import subprocess
import sys

from embed_text import expand


def main() -> int:
    validator, *shaders = sys.argv[1:]
    failures = checked = 0
    for shader in map(pathlib.Path, shaders):
        text = expand(shader)
        variants = [line.split(":", 1)[1].split() for line in text.splitlines() if line.startswith("// variant:")]
        if not variants:
            print(f"{shader}: names no variant")
            failures += 1
        for variant in variants:
            # As GlProgram::compile does it: the defines go below the line with #version.
            version, _, rest = text.partition("\n")
            defines = "".join(f"#define {define.replace('=', ' ', 1)}\n" for define in variant)
            done = subprocess.run([validator, "--stdin", "-S", "comp"], input=f"{version}\n{defines}{rest}",
                                  capture_output=True, text=True, check=False)
            checked += 1
            if done.returncode != 0:
                failures += 1
                print(f"{shader} {' '.join(variant)}:\n{done.stdout}{done.stderr}")
    print(f"{checked} variants checked, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
