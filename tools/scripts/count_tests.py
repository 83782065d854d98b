#!/usr/bin/env python3
"""Counts the cases of one run of the tests and prints `N passed, N failed, N skipped` as the last line.

    count_tests.py LOGS            LOGS: meson-logs; reads testlog.junit.xml and, if there, again.junit.xml
    count_tests.py --failed LOGS   prints the names of the test programs that failed, for running them again

`again` holds the programs that failed and were run once more, alone; its cases replace theirs, and each program is named. A
program that reports no cases of its own (an exit code alone) counts as one. Every skip is listed with its reason.
"""
import json
import pathlib
import sys
import xml.etree.ElementTree as ET

BAD = {"FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"}


def failed_programs(logs: pathlib.Path) -> list[str]:
    runs = [json.loads(line) for line in (logs / "testlog.json").read_text().splitlines()]
    return [run["name"].rsplit(" / ", 1)[-1] for run in runs if run["result"] in BAD]


def suites(path: pathlib.Path) -> dict[str, ET.Element]:
    return {suite.get("name"): suite for suite in ET.parse(path).getroot().iter("testsuite")} if path.exists() else {}


def state(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    skipped = case.find("skipped") is not None or case.get("result") == "skipped" or case.get("status") == "notrun"
    return "skipped" if skipped else "passed"


def reason(case: ET.Element) -> str:
    skipped = case.find("skipped")
    text = (skipped.get("message") or skipped.text or "") if skipped is not None else ""
    return text.strip().splitlines()[-1] if text.strip() else "no reason given"


def cases(logs: pathlib.Path):
    """(name, state, element) of every case that counts."""
    first, again = suites(logs / "testlog.junit.xml"), suites(logs / "again.junit.xml")
    for suite in {**first, **again}.values():
        for case in suite.iter("testcase"):
            yield ".".join(filter(None, (suite.get("name"), case.get("classname"), case.get("name")))), state(case), case


def main(arguments: list[str]) -> int:
    logs = pathlib.Path(arguments[-1])
    if arguments[0] == "--failed":
        print("\n".join(failed_programs(logs)))
        return 0
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, result, case in cases(logs):
        counts[result] += 1
        if result == "failed":
            print(f"FAILED  {name}")
        elif result == "skipped":
            print(f"skipped {name}: {reason(case)}")
    for name in suites(logs / "again.junit.xml"):
        print(f"ran twice: {name}")
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
