#!/usr/bin/env python3
"""Counts the cases in meson's JUnit report and prints `N passed, N failed, N skipped` as the last line.

A test program that reports no cases of its own (an exit code alone) counts as one. Every skip is listed with its reason.
"""
import sys
import xml.etree.ElementTree as ET


def reason(case: ET.Element) -> str:
    skipped = case.find("skipped")
    text = (skipped.get("message") or skipped.text or "") if skipped is not None else ""
    return text.strip().splitlines()[-1] if text.strip() else "no reason given"


def main(path: str) -> int:
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for case in ET.parse(path).getroot().iter("testcase"):
        name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
            print(f"FAILED  {name}")
        elif case.find("skipped") is not None or case.get("result") == "skipped" or case.get("status") == "notrun":
            counts["skipped"] += 1
            print(f"skipped {name}: {reason(case)}")
        else:
            counts["passed"] += 1
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
