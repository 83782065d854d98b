"""Reads what GStreamer's leaks tracer says when a process ends with gst_deinit. Environment of the process: `TRACING`."""
import re

TRACING = {"GST_TRACERS": "leaks", "GST_DEBUG": "GST_TRACER:7", "GST_DEBUG_NO_COLOR": "1"}


def alive(output: str) -> list[str]:
    """The lines that name what was still alive. Raises where nothing was traced: no line at all would look like no leak."""
    # The tracer announces its record by a format string.
    if "object-alive, type-name=(string)%s" not in output:
        raise AssertionError(f"the leaks tracer did not run:\n{output[-4000:]}")
    return [line for line in output.splitlines() if re.search(r"object-alive, type-name=\(string\)[^%]", line)]
