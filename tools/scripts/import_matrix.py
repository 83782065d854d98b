#!/usr/bin/env python3
"""Checks the include contract and prints the domain x domain matrix.

    import_matrix.py [--root DIR] [--write]

Reads every #include below the folders that import_contract.toml names. Exit status 1 and a line
`file:line: a -> b breaks the contract (…)` for each violation, or when the matrix embedded in
docs/server/architecture.md is stale; --write updates that page. Needs no git and nothing but Python 3.11.
"""
import argparse
import pathlib
import re
import sys
import tomllib

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SUFFIXES = {".hpp", ".cpp", ".h", ".c", ".cu", ".cuh", ".inc"}
PAGE = "docs/server/architecture.md"
BEGIN, END = "<!-- import matrix: begin -->", "<!-- import matrix: end -->"


class Checker:
    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        contract = tomllib.loads((pathlib.Path(__file__).parent / "import_contract.toml").read_text())
        self.domains = contract["domains"]
        self.external = contract["external"]
        self.faces = contract["faces"]
        self.errors: list[str] = []
        self.matrix: dict[tuple[str, str], int] = {}

    def sources(self, folder: str):
        base = self.root / folder
        return sorted(p for p in base.rglob("*") if p.suffix in SUFFIXES and p.is_file())

    @staticmethod
    def includes(path: pathlib.Path):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if found := INCLUDE.match(line):
                yield number, found[1] == '"', found[2]

    def owner(self, include: str) -> str | None:
        """The domain whose header `include` names, if it is ours."""
        for domain, rule in self.domains.items():
            name = rule["folder"].removeprefix("src/")
            if include.startswith(name + "/"):
                return domain
        return None

    def external_rule(self, include: str) -> tuple[str, list[str]] | None:
        hits = [(prefix, folders) for prefix, folders in self.external.items() if include.startswith(prefix)]
        return max(hits, key=lambda hit: len(hit[0])) if hits else None

    def check_ours(self, where: str, domain: str, include: str) -> None:
        target = self.owner(include)
        if target is None:
            return
        self.matrix[domain, target] = self.matrix.get((domain, target), 0) + 1
        may = self.domains[domain]["may"]
        if target != domain and target not in may and include not in may:
            self.errors.append(f'{where}: {domain} -> {target} breaks the contract ("{include}"; may name: '
                               f'{", ".join(may) or "nothing"})')

    def check_external(self, where: str, folder: str, include: str) -> None:
        rule = self.external_rule(include)
        if rule and not any(folder == f or folder.startswith(f + "/") for f in rule[1]):
            self.errors.append(f'{where}: {folder} -> <{include}> breaks the contract (only '
                               f'{", ".join(rule[1]) or "tests"} may name {rule[0]})')

    def check_file(self, domain: str, path: pathlib.Path) -> None:
        relative = path.relative_to(self.root)
        for number, quoted, include in self.includes(path):
            where = f"{relative}:{number}"
            if include.startswith("../") or "/../" in include:
                self.errors.append(f'{where}: "{include}" is not rooted')
            elif "/" not in include and quoted and (path.parent / include).exists():
                self.errors.append(f'{where}: "{include}" is not rooted (write its path from the source root)')
            else:
                self.check_ours(where, domain, include)
                self.check_external(where, str(relative.parent), include)

    def check_face(self, face: str, like: str) -> None:
        """Nothing that a consumer of the face sees may name what the consumer may not."""
        seen, todo = set(), [face]
        while todo:
            header = todo.pop()
            path = self.root / "src" / header
            if header in seen or not path.exists():
                continue
            seen.add(header)
            for number, _, include in self.includes(path):
                todo.append(include)
                rule = self.external_rule(include)
                if rule and not any(like == f or like.startswith(f + "/") for f in rule[1]):
                    self.errors.append(f"src/{header}:{number}: the face {face} leaks <{include}>")

    def run(self) -> None:
        for domain, rule in self.domains.items():
            for path in self.sources(rule["folder"]):
                self.check_file(domain, path)
        for face, rule in self.faces.items():
            self.check_face(face, rule["like"])

    def table(self) -> str:
        names = list(self.domains)
        lines = ["| includes → | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
        for a in names:
            lines.append(f"| **{a}** | " + " | ".join("×" if (a, b) in self.matrix and a != b else
                                                     "·" if a == b else " " for b in names) + " |")
        return "\n".join(lines)

    def check_page(self, write: bool) -> None:
        page = self.root / PAGE
        if not page.exists():
            return
        text = page.read_text()
        if BEGIN not in text or END not in text:
            self.errors.append(f"{PAGE}: the marks of the import matrix are missing")
            return
        head, rest = text.split(BEGIN, 1)
        _, tail = rest.split(END, 1)
        fresh = f"{head}{BEGIN}\n{self.table()}\n{END}{tail}"
        if write:
            page.write_text(fresh)
        elif fresh != text:
            self.errors.append(f"{PAGE}: the matrix is stale: run tools/scripts/import_matrix.py --write")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--write", action="store_true", help=f"update the matrix in {PAGE}")
    options = parser.parse_args()
    checker = Checker(options.root.resolve())
    checker.run()
    checker.check_page(options.write)
    print(checker.table())
    print("\n".join(checker.errors) if checker.errors else "the include contract holds")
    return 1 if checker.errors else 0


if __name__ == "__main__":
    sys.exit(main())
