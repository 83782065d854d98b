// The render delegate over one drawing back end: takes plans, draws the newest once whoever asks
// first, and hands the picture to all who ask. Knows no GStreamer. A `still` plan that is being
// drawn is given up as soon as a newer plan is there; a moving one is finished, since a stream of
// plans would otherwise show nothing. Threads: every method is [any]; drawing runs in the thread
// that asks. Pictures may be freed on any thread, also after the renderer is gone.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "data/render_plan.hpp"
#include "engine/api.hpp"
#include "engine/drawer.hpp"
#include "engine/render_delegate.hpp"

namespace napari::engine {

class PicturePool;

struct RendererStats {
  std::uint64_t pictures_drawn{0};
  std::uint64_t draws_given_up{0};   // still plans overtaken by newer ones
  std::uint64_t plans_coalesced{0};  // replaced before anybody drew them
  double draw_ms_p50{0};             // of the last 64
};

class Renderer final : public RenderDelegate {
 public:
  struct Params {
    bool frame_id_barcode{false};
    std::function<void(const data::FrameInfo&)>
        on_drawn;  // in the drawing thread, no lock held, once a picture
  };
  Renderer(std::unique_ptr<Drawer> drawer, Params params);
  ~Renderer() override;

  void submit(data::RenderPlanPtr plan);  // latest wins; wakes the listeners
  void interrupt();  // makes `picture` fail at once, here and waiting, until `resume`; a draw is
                     // given up
  void resume();

  [[nodiscard]] std::uint64_t damage() const override;
  [[nodiscard]] bool draws_on_gpu() const override { return drawer_->draws_on_gpu(); }
  [[nodiscard]] gstx::Result<PicturePtr> picture() override;
  std::uint64_t listen(std::function<void()> wake) override;
  void unlisten(std::uint64_t id) override;

  // Draws `plan` at its canvas size, rows top first, tight, whatever is being shown. Waits for a
  // draw that is running.
  [[nodiscard]] gstx::Result<std::vector<std::uint8_t>> draw_still(const data::RenderPlan& plan);
  [[nodiscard]] std::string drawer_name() const;
  [[nodiscard]] RendererStats stats() const;

 private:
  struct Listener;
  [[nodiscard]] gstx::Result<PicturePtr> draw(const data::RenderPlan& plan,
                                              const std::stop_token& stop);
  void redraw();
  void redraw_better();
  void wake_listeners();
  [[nodiscard]] gstx::Result<void> draw_anywhere(const data::RenderPlan& plan, Picture& picture,
                                                 const std::stop_token& stop);
  [[nodiscard]] gstx::Result<void> draw_on_cpu(const data::RenderPlan& plan, Picture& picture,
                                               const std::stop_token& stop);
  [[nodiscard]] gstx::Result<void> draw_on_gpu(const data::RenderPlan& plan, Picture& picture,
                                               const std::stop_token& stop);
  [[nodiscard]] gstx::Result<void> draw_timed(const data::RenderPlan& plan,
                                              const DrawTarget& target, Picture& picture,
                                              const std::stop_token& stop);
  [[nodiscard]] gstx::Result<void> write_barcode(const data::RenderPlan& plan,
                                                 const Picture& picture, GpuFrame& frame) const;
  void note_draw_time(std::int64_t duration_ns);

  const std::unique_ptr<Drawer> drawer_;
  const Params params_;
  const std::shared_ptr<PicturePool> pool_;
  std::mutex drawer_mutex_;         // one draw at a time; taken without mutex_ held
  std::uint64_t next_frame_id_{1};  // under drawer_mutex_

  mutable std::mutex mutex_;
  std::condition_variable drawn_;
  data::RenderPlanPtr plan_;
  std::uint64_t damage_{0};
  std::uint64_t drawn_damage_{0};  // which damage picture_ answers
  PicturePtr picture_;
  std::uint64_t drawing_damage_{0};  // which damage is being drawn; 0: none
  bool interrupted_{false};
  std::stop_source stop_;  // of the draw that is running
  bool stop_on_submit_{false};
  RendererStats stats_;
  std::array<float, 64> draw_ms_{};
  std::size_t draws_timed_{0};

  std::mutex listeners_mutex_;  // never taken with mutex_ held
  std::map<std::uint64_t, std::shared_ptr<Listener>> listeners_;
  std::uint64_t next_listener_{1};
};

// The size drawn for a plan: canvas * draw_scale, rounded up to even, at least 2 and at most the
// canvas.
[[nodiscard]] data::CanvasSize drawn_size(const data::RenderPlan& plan);

struct ChosenDrawer {
  std::unique_ptr<Drawer> drawer;
  std::string reason;  // why this one and not something better
};

// `automatic` draws on the CPU unless a hardware GL device answers; a software rasteriser is used
// only when asked for.
[[nodiscard]] gstx::Result<ChosenDrawer> make_drawer(const EngineConfig& config);

}  // namespace napari::engine
