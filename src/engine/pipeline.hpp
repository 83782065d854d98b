// A chain of elements as a GstPipeline behind engine/api.hpp: builds it by name, hands access units and errors out as
// values, steers it while it runs. Knows no tier and no client.
// Threads: as engine/api.hpp tags them; the bus is read on `bus_thread`, which the engine owns and which outlives the
// pipeline. Owns its elements; shares the renderer.
#pragma once

#include <memory>
#include <vector>

#include "engine/api.hpp"
#include "engine/renderer.hpp"
#include "gstx/thread.hpp"

namespace napari::engine {

// GStreamer is initialised and our elements are registered.
[[nodiscard]] gstx::Result<std::unique_ptr<Pipeline>> make_gst_pipeline(
    const std::vector<ElementSpec>& chain, PipelineEvents events,
    std::shared_ptr<Renderer> renderer, gstx::ContextThread& bus_thread);

}  // namespace napari::engine
