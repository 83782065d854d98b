// One EGL device with one desktop GL context (>= 4.3 core, surfaceless, no window system) that is current on one thread
// for its whole life. Not a window, and not shared with GStreamer's own GL. A second one may share what the first has made.
// Threads: `open` and the destructor block on the gl thread, so never call them there; GL may be called in `run` only.
// Ownership: the context owns its thread. EGL displays belong to the process and are never terminated, since EGL does
// not count who uses them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gstx/result.hpp"
#include "gstx/thread.hpp"

namespace napari::engine {

struct EglDevice;

struct GlDeviceInfo {
  int egl_index{-1};                // place in EGL's enumeration; -1: Mesa's surfaceless platform
  std::optional<int> cuda_ordinal;  // where EGL says which CUDA device it is
  std::string egl_version;
  std::string vendor;
  std::string renderer;
  std::string version;
  bool software{false};  // drawn by the CPU: the SIMD drawer is faster
};

// What this context can hold, read once.
struct GlLimits {
  int texture_edge_px{0};          // 2-D
  int volume_edge_voxels{0};       // 3-D
  std::size_t storage_bytes{0};    // one shader storage block
  std::size_t memory_bytes{0};     // of the device, or what was free of it; 0: it does not say
  bool persistent_mapping{false};  // GL 4.4 or ARB_buffer_storage
};

class GlContext {
 public:
  // The GPU whose CUDA ordinal is `device`, found by its UUID, else by that ordinal; without CUDA the `device`-th that EGL
  // lists; where EGL lists none, Mesa's surfaceless platform as device 0. Errors name what is missing. [any but gl]
  [[nodiscard]] static gstx::Result<std::shared_ptr<GlContext>> open(int device);
  [[nodiscard]] static gstx::Result<std::shared_ptr<GlContext>> open_on(const EglDevice& device);
  // Another context of the same device with a thread of its own, so named, that sees the textures, buffers and fences of
  // `with`, and `with` those of it. Either may end first. `unsupported` where the driver does not share. [any]
  [[nodiscard]] static gstx::Result<std::shared_ptr<GlContext>> open_shared(
      const GlContext& with, const std::string& thread_name);
  ~GlContext();  // [any but gl]
  GlContext(const GlContext&) = delete;
  GlContext& operator=(const GlContext&) = delete;

  [[nodiscard]] const GlDeviceInfo& info() const { return info_; }  // [any]
  [[nodiscard]] const GlLimits& limits() const { return limits_; }  // [any]
  [[nodiscard]] std::string describe() const;  // [any] "llvmpipe (…), OpenGL 4.5 …, software"
  [[nodiscard]] const gstx::ThreadRole& role() const { return thread_.role(); }

  // Runs `task` on the gl thread, with the context current, and waits for it. [any but gl]
  void run(const gstx::TaskQueue::Task& task) { thread_.run_sync(task); }
  // Has the gl thread run `task` some time, which must not keep this context: the last to let go of it must not be that
  // thread. [any]
  void post(gstx::TaskQueue::Task task) { thread_.post(std::move(task)); }

  // [gl] What the device has left for everybody, now; nothing where it does not say.
  [[nodiscard]] std::optional<std::size_t> free_memory_bytes() const;

  // [gl] What GL has complained about since the last call; out of memory is `unavailable`, the rest `internal`.
  [[nodiscard]] gstx::Result<void> check(const char* doing);

 private:
  explicit GlContext(const std::string& thread_name) : thread_(thread_name) {}
  [[nodiscard]] gstx::Result<void> start(void* display, void* shared);  // [gl]
  void read_properties();                                               // [gl]

  GlDeviceInfo info_;
  GlLimits limits_;
  void* display_{nullptr};
  void* context_{nullptr};
  std::string last_message_;    // [gl] of KHR_debug
  gstx::ContextThread thread_;  // last: its thread ends before what it uses
};

}  // namespace napari::engine
