// The engine's face for the runtime: plans in, pictures drawn once, pipelines assembled from named elements, access units
// and errors out as values. Names no client, ledger or data set, and no GStreamer, CUDA or EGL type.
// Threads: every method is [any] unless tagged; callbacks say where they run and must return quickly.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "data/encoded_frame.hpp"
#include "data/render_plan.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

enum class BackendChoice { automatic, egl, cpu };

struct EngineConfig {
  BackendChoice backend{BackendChoice::automatic};
  std::string device{"0"};       // CUDA ordinal or UUID; where there is no CUDA, EGL's index
  int draw_threads{2};           // SIMD pool
  bool frame_id_barcode{false};  // draws FrameInfo::frame_id into the picture (docs/protocol.md)
  std::int64_t vram_budget_bytes{0};  // for textures; 0: vram_budget_percent of the GPU's memory
  double vram_budget_percent{50};     // 1..90
};

struct EngineDescription {
  std::string draws_with;   // "cpu (AVX2, 2 threads)"
  std::string draw_reason;  // why not something better
};

using PropertyValue = std::variant<bool, std::int64_t, double, std::string>;

// One element of a chain, linked to the one before. Properties are set as gst-launch-1.0 would.
struct ElementSpec {
  std::string factory;
  std::string name;
  std::vector<std::pair<std::string, PropertyValue>> properties;
};

struct PipelineStats {
  std::uint64_t frames_drawn{0};  // pictures pushed by the source
  std::uint64_t frames_encoded{0};
  std::uint64_t keyframes{0};
  std::uint64_t bytes_encoded{0};
  double encode_ms_p50{0};
  double draw_ms_p50{0};
  double fps{0};  // over the last second
  double bitrate_bps{0};
  std::string encoder;         // factory name; empty until chosen
  std::string encoder_report;  // every candidate passed over, with its reason
};

struct PipelineEvents {
  std::function<void(data::EncodedFramePtr)> on_access_unit;  // [stream]
  // [stream] before the first frame that needs it
  std::function<void(const data::StreamConfig&)> on_config;
  // [stream] a new picture was drawn (not a repeat)
  std::function<void(const data::FrameInfo&)> on_drawn;
  std::function<void(const gstx::Error&)> on_warning;  // [bus thread] degraded, goes on
  std::function<void(const gstx::Error&)> on_error;    // [bus thread] the pipeline stopped
};

class Pipeline {
 public:
  Pipeline() = default;
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;
  virtual ~Pipeline() = default;  // stops

  // returns once the state change is under way
  [[nodiscard]] virtual gstx::Result<void> start() = 0;
  virtual void stop() = 0;  // blocks until no callback runs any more
  [[nodiscard]] virtual gstx::Result<void> set(std::string_view element, std::string_view property,
                                               const PropertyValue& value) = 0;
  virtual void request_keyframe() = 0;  // coalesces; a still scene repaints
  [[nodiscard]] virtual PipelineStats stats() const = 0;
  [[nodiscard]] virtual std::string dot_graph() const = 0;
};

class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  [[nodiscard]] virtual EngineDescription describe() const = 0;

  // The newest thing to show; latest wins. Wakes every source. A still plan that is being drawn is given up when a newer
  // one comes.
  virtual void submit(data::RenderPlanPtr plan) = 0;

  // Assembles `chain` in order. Every naparieglsrc in it draws this engine's plans. Pipelines must not outlive the engine.
  [[nodiscard]] virtual gstx::Result<std::unique_ptr<Pipeline>> make_pipeline(
      const std::vector<ElementSpec>& chain, PipelineEvents events) = 0;

  // Draws `plan` once, at its canvas size, in the calling thread's time: RGBA8, rows top first, tight. For thumbnails
  // and screenshots; not for main while serving.
  [[nodiscard]] virtual gstx::Result<std::vector<std::uint8_t>> draw_still(
      const data::RenderPlan& plan) = 0;
};

// Initialises GStreamer and registers our elements on the first call.
[[nodiscard]] gstx::Result<std::unique_ptr<Engine>> make_engine(const EngineConfig& config);

// Frees what GStreamer keeps for the process, so that a leaks tracer reports what is alive. The last call of all: every engine is
// gone, and make_engine fails from then on. Does nothing where no engine was ever made, or the second time. [main]
void shut_down_gstreamer();

// Whether an encoder of `choice` ("auto", "nvenc", …) opens at this size; the error has every candidate's reason. Takes a while
// the first time; the answer is kept.
[[nodiscard]] gstx::Result<void> check_encoder(const std::string& choice, data::CanvasSize size,
                                               int fps);

// What this machine can do, a line an item, for `doctor`: ending in one sentence "draws with X, encodes with Y, because Z".
[[nodiscard]] std::vector<std::string> probe_machine(const EngineConfig& config,
                                                     data::CanvasSize size, int fps,
                                                     const std::string& encoder);

}  // namespace napari::engine
