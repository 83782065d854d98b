"""What a bundle holds, and what it must never hold. Lists only: bundle.py gathers, tests/scripts/bundle_test.py judges."""

PLUGINS = ("coreelements", "coretracers", "app", "typefindfunctions", "videotestsrc", "videoconvertscale", "videorate", "videofilter", "debug",
           "debugutilsbad", "x264", "openh264", "nvcodec", "opengl", "videoparsersbad", "rtp", "rtpmanager", "udp", "isomp4", "matroska",
           "pbtypes", "jpeg", "png")
GST_PROGRAMS = ("gst-launch-1.0", "gst-inspect-1.0")
GPU_TESTS = ("tests/engine/gpu_test", "tests/engine/engine_test", "tests/elements/gpu_elements_test",
             "tests/elements/nvencsink_gpu_test")  # for tools/scripts/prove_gpu.py
GIO_MODULES = ("libgiognutls.so",)  # TLS

# Part of every Linux that is new enough: NEEDED stays as it is.
GLIBC = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2", "libutil.so.1", "libmvec.so.1", "libanl.so.1",
         "ld-linux-x86-64.so.2"}
GLIBC_NEWEST = (2, 36)
CXX_RUNTIME = {"libstdc++.so.6", "libgcc_s.so.1"}

# Used where the host has none: the host's drivers are made for the host's.
FALLBACK = CXX_RUNTIME | {"libEGL.so.1", "libGL.so.1", "libGLX.so.0", "libGLdispatch.so.0", "libOpenGL.so.0", "libGLESv2.so.2", "libgbm.so.1", "libdrm.so.2"}

# Drivers, and Mesa's: they belong to the kernel module of the machine they run on. Beginnings of sonames.
FORBIDDEN = ("libcuda.so", "libnvidia-", "libEGL_nvidia", "libGLX_nvidia", "libGLESv2_nvidia", "libnvcuvid", "libnvrtc", "libcudart",
             "libnvoptix", "libEGL_mesa", "libGLX_mesa", "libgallium", "libLLVM", "libvulkan", "swrast_dri", "libasan", "libtsan")


def forbidden(name: str) -> bool:
    return name.startswith(FORBIDDEN) or name in GLIBC
