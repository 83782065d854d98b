"""Runs unittest cases and prints TAP, so that meson counts cases and shows why one was skipped."""
import sys
import traceback
import unittest


class TapResult(unittest.TestResult):
    def __init__(self, stream, count: int) -> None:
        super().__init__()
        self.out, self.number = stream, 0
        self.failed_by_subtest: set = set()
        print(f"TAP version 13\n1..{count}", file=stream, flush=True)

    def line(self, ok: bool, test, note: str = "") -> None:
        self.number += 1
        name = test.id().removeprefix("__main__.").replace("#", "_")
        print(f"{'ok' if ok else 'not ok'} {self.number} - {name}{note}", file=self.out, flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line(True, test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(True, test, f" # SKIP {reason}")

    def report(self, test, error) -> None:
        self.line(False, test)
        print("".join(traceback.format_exception(*error)), file=sys.stderr, flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.report(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        if isinstance(test, unittest.TestCase):
            self.report(test, err)
        else:  # a fixture failed: every case of it is lost
            print(f"Bail out! {test}: {err[1]}", file=self.out, flush=True)
            traceback.print_exception(*err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            print(f"{subtest.id()}:", file=sys.stderr)
            traceback.print_exception(*err)
            if test not in self.failed_by_subtest:
                self.failed_by_subtest.add(test)
                self.line(False, test)


def main(module: str = "__main__") -> None:
    """Runs the cases of `module`; arguments choose some, as unittest's do."""
    loader = unittest.TestLoader()
    names = sys.argv[1:]
    suite = loader.loadTestsFromNames(names, sys.modules[module]) if names else loader.loadTestsFromModule(sys.modules[module])
    result = TapResult(sys.stdout, suite.countTestCases())
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
