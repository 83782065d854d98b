// naparieglsrc: a live source that draws a picture and hands it downstream (docs/pipelines.md). The GObject shell; the work
// is EglSource's.
#pragma once

#include <gst/base/gstpushsrc.h>

[[nodiscard]] GType napari_egl_src_get_type();
