// A data set drawn without a server: opened, fitted, loaded coarse to fine, its plans handed to whoever draws.
// `interface.hpp` declares how it is made from a location. Threads: plans come on the render thread.
#pragma once

#include <functional>
#include <memory>

#include "data/image_source.hpp"
#include "gstx/result.hpp"
#include "runtime/interface.hpp"

namespace napari::runtime {

// On an image that is already open.
[[nodiscard]] gstx::Result<std::unique_ptr<StandaloneView>> make_standalone_view(
    data::ImageSourcePtr image, data::CanvasSize canvas, int ndisplay,
    std::function<void(data::RenderPlanPtr)> submit);

}  // namespace napari::runtime
