#include "_helpers/standin_encoder/standin_encoder.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gst/video/video.h>

#include "_helpers/standin_encoder/x264_session.hpp"
#include "gstx/gst_ref.hpp"

// The stock elements' category: what the product listens to.
GST_DEBUG_CATEGORY_STATIC(standin_debug);
#define GST_CAT_DEFAULT standin_debug

namespace napari::standin {
namespace {

using gstx::Ref;

struct World {
  std::mutex mutex;
  std::condition_variable changed;
  Orders orders;
  Counts counts;
  int stall_epoch{0};
};
World& world() {
  static World instance;
  return instance;
}

Orders current_orders() {
  const std::lock_guard lock(world().mutex);
  return world().orders;
}

void hold_until_released() {
  std::unique_lock lock(world().mutex);
  const int epoch = world().stall_epoch;
  world().changed.wait(lock, [&] { return world().stall_epoch != epoch; });
}

// One element: the frames it has taken wait for its thread.
class Work {
 public:
  explicit Work(GstVideoEncoder* encoder) : encoder_(encoder) {}

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
    for (GstVideoCodecFrame* frame : frames_) gst_video_codec_frame_unref(frame);
    frames_.clear();
    stopping_ = false;
    taken_ = 0;
    close_session();
  }
  void set_info(const GstVideoInfo& info) {
    info_ = info;
    close_session();
  }

  GstFlowReturn take(GstVideoCodecFrame* frame);  // with the stream lock, as all but `run`
  void drain();

 private:
  void run();
  [[nodiscard]] bool open_session();
  void close_session();

  GstVideoEncoder* const encoder_;
  GstVideoInfo info_{};
  std::unique_ptr<X264Session> session_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<GstVideoCodecFrame*> frames_;
  bool encoding_{false};
  bool stopping_{false};
  int taken_{0};
  std::thread thread_;
};

struct StandIn {
  GstVideoEncoder parent;
  Work* work;
  std::vector<double>* values;  // by property
};

struct StandInClass {
  GstVideoEncoderClass parent;
  const Property* properties;
  gsize count;
};

StandIn& self_of(gpointer object) { return *static_cast<StandIn*>(object); }
StandInClass& class_of(gpointer object) {
  return *reinterpret_cast<StandInClass*>(G_OBJECT_GET_CLASS(object));
}

double value_of(gpointer object, const char* name) {
  const StandInClass& klass = class_of(object);
  for (gsize i = 0; i < klass.count; ++i) {
    if (std::strcmp(klass.properties[i].name, name) != 0) continue;
    GST_OBJECT_LOCK(object);
    const double value = (*self_of(object).values)[i];
    GST_OBJECT_UNLOCK(object);
    return value;
  }
  return 0;
}

bool Work::open_session() {
  if (session_) return true;
  if (current_orders().refuse) {
    GST_ERROR_OBJECT(encoder_, "Failed to open session, status: NV_ENC_ERR_OUT_OF_MEMORY (10)");
    return false;
  }
  session_ = std::make_unique<X264Session>(info_);
  const std::lock_guard lock(world().mutex);
  ++world().counts.sessions_opened;
  ++world().counts.sessions_open;
  return true;
}

void Work::close_session() {
  if (!session_) return;
  session_.reset();
  const std::lock_guard lock(world().mutex);
  --world().counts.sessions_open;
}

GstFlowReturn Work::take(GstVideoCodecFrame* frame) {
  const Orders orders = current_orders();
  if (!open_session()) {
    gst_video_encoder_finish_frame(encoder_, frame);
    return GST_FLOW_NOT_NEGOTIATED;
  }
  if (orders.die_after >= 0 && taken_ >= orders.die_after) {
    gst_video_encoder_finish_frame(encoder_, frame);
    GST_ELEMENT_ERROR(encoder_, STREAM, ENCODE, ("NV_ENC_ERR_GENERIC, as ordered by the test"),
                      (nullptr));
    return GST_FLOW_ERROR;
  }
  if (orders.hold_after >= 0 && taken_ >= orders.hold_after) hold_until_released();
  const auto caps = Ref<GstCaps>::adopt(gst_pad_get_current_caps(encoder_->sinkpad));
  const bool in_device =
      gst_caps_features_is_equal(gst_caps_get_features(caps.get(), 0),
                                 GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY) == FALSE;
  {
    const std::lock_guard lock(world().mutex);
    ++(in_device ? world().counts.pictures_in_device_memory
                 : world().counts.pictures_in_system_memory);
  }
  const std::lock_guard lock(mutex_);
  ++taken_;
  frames_.push_back(frame);
  changed_.notify_all();
  return GST_FLOW_OK;
}

void Work::drain() {
  GST_VIDEO_ENCODER_STREAM_UNLOCK(encoder_);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return (frames_.empty() && !encoding_) || stopping_; });
  }
  GST_VIDEO_ENCODER_STREAM_LOCK(encoder_);
}

void Work::run() {
  int finished = 0;
  while (true) {
    GstVideoCodecFrame* frame = nullptr;
    {
      std::unique_lock lock(mutex_);
      encoding_ = false;
      changed_.notify_all();
      changed_.wait(lock, [&] { return stopping_ || !frames_.empty(); });
      if (stopping_) return;
      frame = frames_.front();
      frames_.pop_front();
      encoding_ = true;
    }
    const Orders orders = current_orders();
    if (orders.stall_after >= 0 && finished >= orders.stall_after) {
      // It has swallowed the picture.
      gst_video_codec_frame_unref(frame);
      continue;
    }
    session_->set_bitrate_kbit(static_cast<guint>(value_of(encoder_, "bitrate")));
    auto unit = session_->encode(frame->input_buffer,
                                 GST_VIDEO_CODEC_FRAME_IS_FORCE_KEYFRAME(frame) != FALSE);
    if (unit && !GST_BUFFER_FLAG_IS_SET(unit.get(), GST_BUFFER_FLAG_DELTA_UNIT))
      GST_VIDEO_CODEC_FRAME_SET_SYNC_POINT(frame);
    frame->output_buffer = unit ? gst_buffer_copy(unit.get()) : nullptr;
    frame->dts = frame->pts;
    ++finished;
    gst_video_encoder_finish_frame(encoder_, frame);
  }
}

// --- GObject ---

void set_property(GObject* object, guint id, const GValue* value, GParamSpec* spec) noexcept {
  double number = 0;
  if (G_IS_PARAM_SPEC_BOOLEAN(spec)) number = g_value_get_boolean(value);
  if (G_IS_PARAM_SPEC_INT(spec)) number = g_value_get_int(value);
  if (G_IS_PARAM_SPEC_UINT(spec)) number = g_value_get_uint(value);
  if (G_IS_PARAM_SPEC_DOUBLE(spec)) number = g_value_get_double(value);
  if (G_IS_PARAM_SPEC_ENUM(spec)) number = g_value_get_enum(value);
  GST_OBJECT_LOCK(object);
  (*self_of(object).values)[id - 1] = number;
  GST_OBJECT_UNLOCK(object);
}

void get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) noexcept {
  GST_OBJECT_LOCK(object);
  const double number = (*self_of(object).values)[id - 1];
  GST_OBJECT_UNLOCK(object);
  if (G_IS_PARAM_SPEC_BOOLEAN(spec)) g_value_set_boolean(value, number != 0);
  if (G_IS_PARAM_SPEC_INT(spec)) g_value_set_int(value, static_cast<gint>(number));
  if (G_IS_PARAM_SPEC_UINT(spec)) g_value_set_uint(value, static_cast<guint>(number));
  if (G_IS_PARAM_SPEC_DOUBLE(spec)) g_value_set_double(value, number);
  if (G_IS_PARAM_SPEC_ENUM(spec)) g_value_set_enum(value, static_cast<gint>(number));
}

// GLib takes no dots in the names of types.
std::string type_name(std::string text) {
  std::replace(text.begin(), text.end(), '.', '_');
  return text;
}

GType enum_type(const std::string& owner, const Property& property) {
  const std::string name = type_name("StandIn-" + owner + "-" + property.name);
  if (const GType known = g_type_from_name(name.c_str()); known != G_TYPE_INVALID) return known;
  auto* values = new std::vector<GEnumValue>();  // as long as the type: for ever
  for (int i = 0; property.nicks[i] != nullptr; ++i)
    values->push_back({i, property.nicks[i], property.nicks[i]});
  values->push_back({0, nullptr, nullptr});
  return g_enum_register_static(g_intern_string(name.c_str()), values->data());
}

GParamSpec* make_spec(const std::string& owner, const Property& property) {
  int flags = property.read_only ? G_PARAM_READABLE : G_PARAM_READWRITE;
  flags |= G_PARAM_STATIC_STRINGS;
  flags |= property.only_ready ? GST_PARAM_MUTABLE_READY : GST_PARAM_MUTABLE_PLAYING;
  const auto kept = static_cast<GParamFlags>(flags);
  const char* name = property.name;
  switch (property.kind) {
    case PropertyKind::boolean:
      return g_param_spec_boolean(name, name, "As the stock element's", property.initial != 0,
                                  kept);
    case PropertyKind::integer:
      return g_param_spec_int(
          name, name, "As the stock element's", static_cast<gint>(property.minimum),
          static_cast<gint>(property.maximum), static_cast<gint>(property.initial), kept);
    case PropertyKind::unsigned_integer:
      return g_param_spec_uint(name, name, "As the stock element's", 0,
                               static_cast<guint>(property.maximum),
                               static_cast<guint>(property.initial), kept);
    case PropertyKind::real:
      return g_param_spec_double(name, name, "As the stock element's", property.minimum,
                                 property.maximum, property.initial, kept);
    case PropertyKind::enumeration:
      break;
  }
  return g_param_spec_enum(name, name, "As the stock element's", enum_type(owner, property),
                           static_cast<gint>(property.initial), kept);
}

struct ClassData {
  std::string factory;
  Release release;
};

void add_pads(GstElementClass* element_class, const ClassData& data) {
  const std::string fields = raw_fields_of(data.factory.c_str(), data.release);
  const auto sink = Ref<GstCaps>::adopt(gst_caps_from_string(
      ("video/x-raw(memory:CUDAMemory), " + fields + "; video/x-raw(memory:GLMemory), " + fields +
       "; video/x-raw, " + fields)
          .c_str()));
  const auto source = Ref<GstCaps>::adopt(gst_caps_from_string(
      "video/x-h264, stream-format=(string){ byte-stream, avc }, alignment=(string)au, "
      "profile=(string){ main, high, constrained-baseline, baseline, high-4:4:4 }"));
  gst_element_class_add_pad_template(
      element_class, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, sink.get()));
  gst_element_class_add_pad_template(
      element_class, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, source.get()));
}

gboolean set_format(GstVideoEncoder* encoder, GstVideoCodecState* state) noexcept {
  self_of(encoder).work->set_info(state->info);
  GstCaps* caps =
      gst_caps_from_string("video/x-h264, stream-format=(string)byte-stream, alignment=(string)au");
  gst_caps_set_simple(caps, "profile", G_TYPE_STRING,
                      current_orders().says_baseline ? "baseline" : "constrained-baseline",
                      nullptr);
  gst_video_codec_state_unref(gst_video_encoder_set_output_state(encoder, caps, state));
  return TRUE;
}

void install_vfuncs(GstVideoEncoderClass* encoder_class) {
  encoder_class->start = [](GstVideoEncoder* encoder) noexcept -> gboolean {
    gst_video_encoder_set_min_pts(encoder, GST_SECOND * 60 * 60 * 1000);
    self_of(encoder).work->start();
    return TRUE;
  };
  encoder_class->stop = [](GstVideoEncoder* encoder) noexcept -> gboolean {
    self_of(encoder).work->stop();
    return TRUE;
  };
  encoder_class->set_format = set_format;
  encoder_class->handle_frame = [](GstVideoEncoder* encoder,
                                   GstVideoCodecFrame* frame) noexcept -> GstFlowReturn {
    return self_of(encoder).work->take(frame);
  };
  encoder_class->finish = [](GstVideoEncoder* encoder) noexcept -> GstFlowReturn {
    self_of(encoder).work->drain();
    return GST_FLOW_OK;
  };
  encoder_class->flush = [](GstVideoEncoder* encoder) noexcept -> gboolean {
    self_of(encoder).work->drain();
    return TRUE;
  };
}

void init_class(gpointer g_class, gpointer class_data) noexcept {
  const ClassData& data = *static_cast<const ClassData*>(class_data);
  auto* const klass = static_cast<StandInClass*>(g_class);
  const auto properties = properties_of(data.factory.c_str(), data.release);
  klass->properties = properties.data();
  klass->count = properties.size();
  auto* const object_class = G_OBJECT_CLASS(g_class);
  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->finalize = [](GObject* object) noexcept {
    delete self_of(object).work;
    delete self_of(object).values;
    G_OBJECT_CLASS(g_type_class_peek(GST_TYPE_VIDEO_ENCODER))->finalize(object);
  };
  const std::string owner = data.factory + "-" + name_of(data.release);
  for (gsize i = 0; i < klass->count; ++i)
    g_object_class_install_property(object_class, static_cast<guint>(i + 1),
                                    make_spec(owner, properties[i]));
  install_vfuncs(GST_VIDEO_ENCODER_CLASS(g_class));
  auto* const element_class = GST_ELEMENT_CLASS(g_class);
  add_pads(element_class, data);
  gst_element_class_set_metadata(
      element_class, ("Test double of " + owner).c_str(), "Codec/Encoder/Video/Test double",
      "Stands in for an NVENC element in tests: its caps and properties, x264 inside",
      "napari-cuda-server");
}

void init_instance(GTypeInstance* instance, gpointer g_class) noexcept {
  auto& self = *reinterpret_cast<StandIn*>(instance);
  const auto& klass = *static_cast<StandInClass*>(g_class);
  self.work = new Work(&self.parent);
  self.values = new std::vector<double>();
  for (gsize i = 0; i < klass.count; ++i) self.values->push_back(klass.properties[i].initial);
}

GType type_of(const char* factory, Release release) {
  const std::string name =
      type_name(std::string("NapariStandIn-") + factory + "-" + name_of(release));
  if (const GType known = g_type_from_name(name.c_str()); known != G_TYPE_INVALID) return known;
  const GTypeInfo info{sizeof(StandInClass),
                       nullptr,
                       nullptr,
                       init_class,
                       nullptr,
                       new ClassData{factory, release},  // as long as the type: for ever
                       sizeof(StandIn),
                       0,
                       init_instance,
                       nullptr};
  return g_type_register_static(GST_TYPE_VIDEO_ENCODER, g_intern_string(name.c_str()), &info,
                                GTypeFlags{});
}

constexpr const char* kFactories[] = {"nvcudah264enc", "nvh264enc"};

}  // namespace

void set_orders(const Orders& orders) {
  const std::lock_guard lock(world().mutex);
  world().orders = orders;
}

void release_held() {
  const std::lock_guard lock(world().mutex);
  ++world().stall_epoch;
  world().changed.notify_all();
}

bool register_elements(GstPlugin* plugin, Release release) {
  GST_DEBUG_CATEGORY_INIT(standin_debug, "nvencoder", 0, "test double of NVENC");
  unregister_elements();
  // A type's class points to its first factory for ever, so factories that were made stay and are added again.
  static std::map<GType, GstPluginFeature*> made;
  for (const char* factory : kFactories) {
    if (properties_of(factory, release).empty()) continue;
    const GType type = type_of(factory, release);
    if (const auto known = made.find(type); known != made.end()) {
      gst_registry_add_feature(gst_registry_get(), known->second);
      continue;
    }
    // nvcudah264enc has no rank in 1.22; nvh264enc is a primary choice.
    const guint rank = factory == kFactories[0] ? GST_RANK_NONE : GST_RANK_PRIMARY;
    if (gst_element_register(plugin, factory, rank, type) == FALSE) return false;
    made[type] = gst_registry_lookup_feature(gst_registry_get(), factory);
    GST_OBJECT_FLAG_SET(made[type], GST_OBJECT_FLAG_MAY_BE_LEAKED);
  }
  return true;
}

void unregister_elements() {
  GstRegistry* registry = gst_registry_get();
  for (const char* factory : kFactories) {
    GstPluginFeature* feature = gst_registry_lookup_feature(registry, factory);
    if (feature == nullptr) continue;
    gst_registry_remove_feature(registry, feature);
    gst_object_unref(feature);
  }
}

Counts counts() {
  const std::lock_guard lock(world().mutex);
  return world().counts;
}

}  // namespace napari::standin
