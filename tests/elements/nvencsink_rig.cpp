#include "nvencsink_rig.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/napari_events.hpp"
#include "fakes/patience.hpp"
#include "gstx/gst_mapped.hpp"
#include "gstx/unique.hpp"

namespace napari::elements::testing {
namespace {

using gstx::Ref;

// The leaks tracer reports what is still alive when GStreamer is shut down.
class GstEnvironment : public ::testing::Environment {
 public:
  void SetUp() override { gst_init(nullptr, nullptr); }
  void TearDown() override { gst_deinit(); }
};
[[maybe_unused]] const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new GstEnvironment);

void register_sink() {
  static const bool once = [] {
    gst_init(nullptr, nullptr);
    return gst_element_register(nullptr, "naparinvencsink", GST_RANK_NONE,
                                napari_nvenc_sink_get_type()) != FALSE;
  }();
  g_assert(once);
}

Ref<GstBuffer> allocate_nv12(data::CanvasSize size) {
  const auto luma = static_cast<gsize>(size.width_px) * static_cast<gsize>(size.height_px);
  auto buffer = Ref<GstBuffer>::adopt(gst_buffer_new_allocate(nullptr, luma * 3 / 2, nullptr));
  gst_buffer_memset(buffer.get(), luma, 128, luma / 2);
  return buffer;
}

}  // namespace

bool wait_until(const std::function<bool()>& done, int timeout_ms) {
  const std::int64_t deadline =
      g_get_monotonic_time() + std::int64_t{1000} * timeout_ms * fakes::patience();
  while (!done()) {
    if (g_get_monotonic_time() > deadline) return false;
    g_usleep(500);
  }
  return true;
}

Unit to_unit(GstBuffer* buffer) {
  Unit unit;
  const gstx::MappedBuffer mapped(buffer, GST_MAP_READ);
  unit.bytes.assign(mapped.bytes().begin(), mapped.bytes().end());
  unit.keyframe = !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  unit.pts = GST_BUFFER_PTS(buffer);
  if (const auto* info = engine::find_frame_info(buffer)) {
    unit.has_info = true;
    unit.info = *info;
  }
  return unit;
}

Ref<GstBuffer> make_picture(data::CanvasSize size, std::uint64_t number) {
  auto buffer = allocate_nv12(size);
  const gstx::MappedBuffer mapped(buffer.get(), GST_MAP_WRITE);
  std::uint8_t* luma = mapped.bytes().data();
  for (int y = 0; y < size.height_px; ++y) {
    for (int x = 0; x < size.width_px; ++x)
      *luma++ = static_cast<std::uint8_t>(
          16 + (static_cast<std::uint64_t>(x * 3 + y) + number * 5) % 200);
  }
  return buffer;
}

Ref<GstBuffer> make_slice_picture(data::CanvasSize size, int shift_px) {
  auto buffer = allocate_nv12(size);
  const gstx::MappedBuffer mapped(buffer.get(), GST_MAP_WRITE);
  std::uint8_t* luma = mapped.bytes().data();
  const auto width = static_cast<std::size_t>(size.width_px);
  std::vector<double> across(width);
  std::vector<double> falloff(width);
  for (std::size_t x = 0; x < width; ++x) {
    const double dx = static_cast<double>(x) - size.width_px / 2.0 - shift_px;
    across[x] = 35 * std::sin(dx / 19.0);
    falloff[x] = 110 * std::exp(-6 * dx * dx / size.height_px / size.height_px);
  }
  for (int y = 0; y < size.height_px; ++y) {
    const double dy = y - size.height_px / 2.0;
    const double down = std::cos(dy / 13.0);
    const double fade = std::exp(-6 * dy * dy / size.height_px / size.height_px);
    const double radius = 0.46 * size.height_px;
    const double half = std::sqrt(std::max(0.0, radius * radius - dy * dy));
    for (std::size_t x = 0; x < width; ++x) {
      const double dx = static_cast<double>(x) - size.width_px / 2.0 - shift_px;
      // Grain that moves with the picture: the sum of the bytes of a hash, nearly normal, deviation 6.
      const auto column = static_cast<std::uint32_t>(static_cast<int>(x) - shift_px + 65536);
      std::uint32_t hash =
          (column * 2654435761U) ^ (static_cast<std::uint32_t>(y) * 40503U * 65537U);
      hash = (hash ^ (hash >> 15U)) * 2246822519U;
      hash ^= hash >> 13U;
      const double grain =
          (static_cast<double>((hash & 255U) + (hash >> 8U & 255U) + (hash >> 16U & 255U)) -
           382.5) /
          21;
      const double tissue = falloff[x] * fade + across[x] * down + grain + 50;
      *luma++ = static_cast<std::uint8_t>(
          std::clamp(16 + (std::abs(dx) < half ? tissue : 0.0), 16.0, 235.0));
    }
  }
  return buffer;
}

Consumer::Consumer(GstElement* pipeline, GstElement* sink, const std::string& description)
    : pipeline_(Ref<GstElement>::retain(pipeline)), sink_(Ref<GstElement>::retain(sink)) {
  GError* error = nullptr;
  bin_ = Ref<GstElement>::sink(gst_parse_bin_from_description(description.c_str(), TRUE, &error));
  g_assert_no_error(error);
  const auto end = Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(bin_.get()), "end"));
  if (end) {
    g_object_set(end.get(), "async", FALSE, "sync", FALSE, "signal-handoffs", TRUE, nullptr);
    g_signal_connect(
        end.get(), "handoff",
        G_CALLBACK(+[](GstElement*, GstBuffer* buffer, GstPad*, gpointer self) noexcept {
          static_cast<Consumer*>(self)->on_buffer(buffer);
        }),
        this);
  }
  gst_bin_add(GST_BIN(pipeline), bin_.get());
  pad_ = Ref<GstPad>::adopt(gst_element_request_pad_simple(sink, "src_%u"));
  link();
  gst_element_sync_state_with_parent(bin_.get());
}

Consumer::~Consumer() {
  release();
  gst_element_set_state(bin_.get(), GST_STATE_NULL);
  gst_bin_remove(GST_BIN(pipeline_.get()), bin_.get());
}

Ref<GstPad> Consumer::input() const {
  return Ref<GstPad>::adopt(gst_element_get_static_pad(bin_.get(), "sink"));
}

void Consumer::link() {
  linked_us_ = g_get_monotonic_time();
  gst_pad_link(pad_.get(), input().get());
}

void Consumer::unlink() { gst_pad_unlink(pad_.get(), input().get()); }

void Consumer::release() {
  if (!pad_) return;
  gst_element_release_request_pad(sink_.get(), pad_.get());
  pad_.reset();
}

void Consumer::on_buffer(GstBuffer* buffer) {
  const std::lock_guard lock(mutex_);
  if (first_us_ == 0) first_us_ = g_get_monotonic_time();
  units_.push_back(to_unit(buffer));
}

std::size_t Consumer::count() const {
  const std::lock_guard lock(mutex_);
  return units_.size();
}

Unit Consumer::unit(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return units_.at(index);
}

std::int64_t Consumer::first_us() const {
  const std::lock_guard lock(mutex_);
  return first_us_;
}

Rig::Rig(const RigParams& params) : params_(params) {
  register_sink();
  build();
}

void Rig::build() {
  pipeline_ = Ref<GstElement>::sink(gst_pipeline_new(nullptr));
  source_ = Ref<GstElement>::sink(gst_element_factory_make("appsrc", nullptr));
  sink_ = Ref<GstElement>::sink(gst_element_factory_make("naparinvencsink", "out"));
  const auto caps = Ref<GstCaps>::adopt(gst_caps_new_simple(
      "video/x-raw", "format", G_TYPE_STRING, "NV12", "width", G_TYPE_INT, params_.size.width_px,
      "height", G_TYPE_INT, params_.size.height_px, "framerate", GST_TYPE_FRACTION, params_.fps, 1,
      "colorimetry", G_TYPE_STRING, params_.colorimetry.c_str(), nullptr));
  g_object_set(source_.get(), "caps", caps.get(), "format", GST_FORMAT_TIME, "is-live", TRUE,
               "do-timestamp", TRUE, "max-bytes", guint64{0}, nullptr);
  g_object_set(sink_.get(), "encoder", params_.encoder.c_str(), "threads", 2, nullptr);
  g_signal_connect(sink_.get(), "access-unit",
                   G_CALLBACK(+[](GstElement*, GstSample* sample, gpointer self) noexcept {
                     static_cast<Rig*>(self)->on_unit(sample);
                   }),
                   this);
  gst_bin_add_many(GST_BIN(pipeline_.get()), source_.get(), sink_.get(), nullptr);
  if (params_.between.empty()) {
    g_assert(gst_element_link(source_.get(), sink_.get()) != FALSE);
  } else {
    GError* error = nullptr;
    GstElement* between = gst_parse_bin_from_description(params_.between.c_str(), TRUE, &error);
    g_assert_no_error(error);
    gst_bin_add(GST_BIN(pipeline_.get()), between);
    g_assert(gst_element_link_many(source_.get(), between, sink_.get(), nullptr) != FALSE);
  }
  const auto pad = Ref<GstPad>::adopt(gst_element_get_static_pad(source_.get(), "src"));
  gst_pad_add_probe(
      pad.get(), GST_PAD_PROBE_TYPE_EVENT_UPSTREAM,
      [](GstPad*, GstPadProbeInfo* info, gpointer self) noexcept -> GstPadProbeReturn {
        static_cast<Rig*>(self)->on_upstream_event(GST_PAD_PROBE_INFO_EVENT(info));
        return GST_PAD_PROBE_OK;
      },
      this, nullptr);
}

Rig::~Rig() { stop(); }

void Rig::play() { gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING); }

void Rig::stop() { gst_element_set_state(pipeline_.get(), GST_STATE_NULL); }

void Rig::on_upstream_event(GstEvent* event) {
  Ref<GstBuffer> again;
  {
    const std::lock_guard lock(mutex_);
    if (engine::is_credit_event(event)) ++credits_;
    if (!engine::is_repaint_event(event)) return;
    ++repaints_;
    if (params_.answer_repaint && last_picture_)
      again = Ref<GstBuffer>::adopt(gst_buffer_copy(last_picture_.get()));
  }
  if (again) gst_app_src_push_buffer(GST_APP_SRC(source_.get()), again.release());
}

void Rig::on_unit(GstSample* sample) {
  g_assert(gst_sample_get_caps(sample) != nullptr);
  Unit unit = to_unit(gst_sample_get_buffer(sample));
  const std::lock_guard lock(mutex_);
  units_.push_back(std::move(unit));
}

void Rig::push_picture(Ref<GstBuffer> picture, const data::FrameInfo& info) {
  engine::add_frame_meta(picture.get(), info);
  {
    const std::lock_guard lock(mutex_);
    last_picture_ = Ref<GstBuffer>::adopt(gst_buffer_copy(picture.get()));
  }
  next_frame_ = info.frame_id + 1;
  gst_app_src_push_buffer(GST_APP_SRC(source_.get()), picture.release());
}

void Rig::push(const data::FrameInfo& info) {
  push_picture(make_picture(params_.size, info.frame_id), info);
}

void Rig::push_frames(int count) {
  for (int i = 0; i < count; ++i)
    push({.frame_id = next_frame_, .scene_version = next_frame_ * 10});
}

bool Rig::encode(int count) {
  for (int i = 0; i < count; ++i) {
    if (!encode({.frame_id = next_frame_, .scene_version = next_frame_ * 10})) return false;
  }
  return true;
}

bool Rig::encode(const data::FrameInfo& info) {
  const std::size_t before = units();
  push(info);
  return wait_for_units(before + 1);
}

std::size_t Rig::units() const {
  const std::lock_guard lock(mutex_);
  return units_.size();
}

Unit Rig::unit(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return units_.at(index);
}

std::size_t Rig::keyframes() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(units_.begin(), units_.end(), [](const Unit& unit) { return unit.keyframe; }));
}

int Rig::repaints() const {
  const std::lock_guard lock(mutex_);
  return repaints_;
}

int Rig::credits() const {
  const std::lock_guard lock(mutex_);
  return credits_;
}

void Rig::drain_bus() {
  const auto bus = Ref<GstBus>::adopt(gst_element_get_bus(pipeline_.get()));
  while (const auto message = Ref<GstMessage>::adopt(gst_bus_pop(bus.get()))) {
    const GstMessageType type = GST_MESSAGE_TYPE(message.get());
    if (type == GST_MESSAGE_EOS) eos_ = true;
    if (type != GST_MESSAGE_ERROR && type != GST_MESSAGE_WARNING) continue;
    GError* error = nullptr;
    if (type == GST_MESSAGE_ERROR) {
      gst_message_parse_error(message.get(), &error, nullptr);
    } else {
      gst_message_parse_warning(message.get(), &error, nullptr);
    }
    const gstx::UniqueError owned(error);
    messages_.emplace_back(
        type, fmt::format("{}: {}", GST_MESSAGE_SRC_NAME(message.get()), error->message));
  }
}

bool Rig::wait_for_eos() {
  return wait_until([&] {
    drain_bus();
    return eos_;
  });
}

std::vector<std::string> Rig::take_messages(GstMessageType type) {
  drain_bus();
  std::vector<std::string> texts;
  for (const auto& [kind, text] : messages_) {
    if (kind == type) texts.push_back(text);
  }
  std::erase_if(messages_, [&](const auto& message) { return message.first == type; });
  return texts;
}

Ref<GstElement> Rig::find(const char* factory) const {
  GstIterator* iterator =
      gst_bin_iterate_all_by_element_factory_name(GST_BIN(sink_.get()), factory);
  GValue value = G_VALUE_INIT;
  Ref<GstElement> found;
  if (gst_iterator_next(iterator, &value) == GST_ITERATOR_OK) {
    found = Ref<GstElement>::retain(GST_ELEMENT(g_value_get_object(&value)));
    g_value_unset(&value);
  }
  gst_iterator_free(iterator);
  return found;
}

std::string Rig::string_property(const char* name) const {
  gchar* text = nullptr;
  g_object_get(sink_.get(), name, &text, nullptr);
  const gstx::UniqueString owned(text);
  return text;
}

}  // namespace napari::elements::testing
