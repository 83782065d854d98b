// The runtime with the parts that tests replace: what interface.hpp's make_runtime builds on. Threads: as interface.hpp.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>

#include "engine/api.hpp"
#include "gstx/result.hpp"
#include "runtime/chains.hpp"
#include "runtime/interface.hpp"

namespace napari::runtime {

// Settings of the engine as the user's configuration implies them.
[[nodiscard]] gstx::Result<engine::EngineConfig> engine_config(const data::ServeConfig& config);

// `config.post` and `config.open_image` must be set.
[[nodiscard]] gstx::Result<std::unique_ptr<Runtime>> make_runtime(
    RuntimeConfig config, RuntimeEvents events, std::unique_ptr<engine::Engine> engine,
    ChainTimings timings = {});

// Contrast of an image that was just opened. A store that cannot be sampled degrades to the range of the data type, and
// `degraded` says why.
[[nodiscard]] scene::OpenedImage measure_image(const data::ImageSourcePtr& image,
                                               const std::stop_token& stop,
                                               std::optional<gstx::Error>& degraded);

}  // namespace napari::runtime
