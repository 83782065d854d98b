#include "cudaconvert/naparicudaconvert.h"

#include <atomic>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "cudaconvert/convert_caps.hpp"
#include "element_type.hpp"
#include "engine/elements.hpp"
#include "gstx/gst_error.hpp"

GST_DEBUG_CATEGORY_STATIC(napari_cuda_convert_debug);
#define GST_CAT_DEFAULT napari_cuda_convert_debug

namespace {

namespace data = napari::data;
namespace engine = napari::engine;
using gstx::ErrorCode;
using gstx::fail;

class CudaConvert {
 public:
  void start() {
    const int threads = threads_ > 0 ? threads_.load() : data::core_budget().draw_threads;
    converter_ = std::make_unique<engine::ColorConverter>(threads);
    kept_size_.reset();
  }
  void stop() { converter_.reset(); }

  [[nodiscard]] gstx::Result<void> set_output(const GstVideoInfo& out) {
    const GstVideoColorMatrix matrix = out.colorimetry.matrix;
    if (matrix != GST_VIDEO_COLOR_MATRIX_BT709 && matrix != GST_VIDEO_COLOR_MATRIX_BT601)
      return fail(ErrorCode::unsupported, "the colorimetry is neither bt709 nor bt601");
    options_.matrix = matrix == GST_VIDEO_COLOR_MATRIX_BT709 ? engine::ColorMatrix::bt709
                                                             : engine::ColorMatrix::bt601;
    options_.bottom_first = flip_;
    return {};
  }

  [[nodiscard]] gstx::Result<void> convert(GstVideoFrame& in, GstVideoFrame& out) {
    const engine::RgbaView source{
        .rgba = static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&in, 0)),
        .stride_bytes = static_cast<std::size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(&in, 0)),
        .size = {GST_VIDEO_FRAME_WIDTH(&in), GST_VIDEO_FRAME_HEIGHT(&in)}};
    engine::VideoTarget target{.size = {GST_VIDEO_FRAME_WIDTH(&out), GST_VIDEO_FRAME_HEIGHT(&out)}};
    switch (GST_VIDEO_FRAME_FORMAT(&out)) {
      case GST_VIDEO_FORMAT_NV12:
        target.layout = engine::VideoLayout::nv12;
        break;
      case GST_VIDEO_FORMAT_I420:
        target.layout = engine::VideoLayout::i420;
        break;
      case GST_VIDEO_FORMAT_Y444:
        target.layout = engine::VideoLayout::y444;
        break;
      default:
        return fail(ErrorCode::internal, "an output format that the caps do not offer");
    }
    for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&out); ++plane) {
      target.planes[plane] = static_cast<std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&out, plane));
      target.stride_bytes[plane] =
          static_cast<std::size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(&out, plane));
    }
    kept_size_ = target.size;
    return converter_->convert(source, target, options_);
  }

  // The output keeps its size once a picture has left: what follows (encoder, SPS, decoder) never sees the drawn one.
  [[nodiscard]] std::optional<data::CanvasSize> kept_size() const { return kept_size_; }

  std::atomic<bool> flip_{false};
  std::atomic<int> threads_{0};

 private:
  std::unique_ptr<engine::ColorConverter> converter_;
  engine::ConvertOptions options_;
  std::optional<data::CanvasSize> kept_size_;  // [stream]
};

struct NapariCudaConvert {
  GstVideoFilter parent;
  CudaConvert* impl;  // owned: init news, finalize deletes
};
struct NapariCudaConvertClass {
  GstVideoFilterClass parent_class;
};

GstBaseTransformClass* parent_class = nullptr;

CudaConvert& impl(gpointer self) { return *static_cast<NapariCudaConvert*>(self)->impl; }

enum Property : guint { kPropNone, kPropFlip, kPropThreads };

void set_property(GObject* self, guint id, const GValue* value, GParamSpec* spec) noexcept {
  switch (id) {
    case kPropFlip:
      impl(self).flip_ = g_value_get_boolean(value) != FALSE;
      break;
    case kPropThreads:
      impl(self).threads_ = g_value_get_int(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(self, id, spec);
      break;
  }
}

void get_property(GObject* self, guint id, GValue* value, GParamSpec* spec) noexcept {
  switch (id) {
    case kPropFlip:
      g_value_set_boolean(value, impl(self).flip_);
      break;
    case kPropThreads:
      g_value_set_int(value, impl(self).threads_);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(self, id, spec);
      break;
  }
}

GstCaps* transform_caps(GstBaseTransform* self, GstPadDirection direction, GstCaps* caps,
                        GstCaps* filter) noexcept {
  GstCaps* all = napari::elements::transform_convert_caps(direction, caps, impl(self).flip_);
  if (filter == nullptr) return all;
  GstCaps* some = gst_caps_intersect_full(filter, all, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref(all);
  return some;
}

GstCaps* fixate_caps(GstBaseTransform* self, GstPadDirection direction, GstCaps* caps,
                     GstCaps* other) noexcept {
  data::CanvasSize wanted;
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  gst_structure_get_int(structure, "width", &wanted.width_px);
  gst_structure_get_int(structure, "height", &wanted.height_px);
  if (direction == GST_PAD_SINK) wanted = impl(self).kept_size().value_or(wanted);
  return napari::elements::fixate_convert_caps(other, wanted);
}

gboolean set_info(GstVideoFilter* self, GstCaps* in, GstVideoInfo*, GstCaps* out,
                  GstVideoInfo* out_info) noexcept {
  if (gst_caps_is_equal(in, out) != FALSE) return TRUE;  // passes through
  if (auto set = impl(self).set_output(*out_info); !set) {
    GST_ERROR_OBJECT(self, "%s", set.error().message.c_str());
    return FALSE;
  }
  return TRUE;
}

GstFlowReturn transform_frame(GstVideoFilter* self, GstVideoFrame* in,
                              GstVideoFrame* out) noexcept {
  if (auto converted = impl(self).convert(*in, *out); !converted) {
    gstx::post_error(GST_ELEMENT(self), converted.error());
    return GST_FLOW_ERROR;
  }
  return GST_FLOW_OK;
}

gboolean transform_meta(GstBaseTransform* self, GstBuffer* out, GstMeta* meta,
                        GstBuffer* in) noexcept {
  if (meta->info->api == engine::frame_meta_api_type()) return TRUE;
  return parent_class->transform_meta(self, out, meta, in);
}

void init(GTypeInstance* instance, gpointer) noexcept {
  auto* self = reinterpret_cast<NapariCudaConvert*>(instance);
  self->impl = new CudaConvert();
  // A frame dropped here would take its credit with it: rate is the source's business.
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), FALSE);
}

void install_properties(GObjectClass* object) {
  constexpr auto kFlags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY);
  object->set_property = set_property;
  object->get_property = get_property;
  g_object_class_install_property(
      object, kPropFlip,
      g_param_spec_boolean("flip", "Flip",
                           "Write the rows bottom first; no RGBA passes through then", FALSE,
                           kFlags));
  g_object_class_install_property(
      object, kPropThreads,
      g_param_spec_int(
          "threads", "Threads",
          "Threads to convert with; 0: the drawing share of the cores this process may use", 0, 64,
          0, kFlags));
}

void install_metadata(GstElementClass* element) {
  GstCaps* sink = napari::elements::make_convert_sink_caps();
  GstCaps* source = napari::elements::make_convert_source_caps();
  gst_element_class_add_pad_template(
      element, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, sink));
  gst_element_class_add_pad_template(
      element, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, source));
  gst_caps_unref(sink);
  gst_caps_unref(source);
  gst_element_class_set_static_metadata(
      element, "napari picture converter", "Filter/Converter/Video/Scaler/Colorspace",
      "Converts RGBA to NV12, I420 or Y444 in limited range (BT.709, or BT.601 by the colorimetry "
      "in "
      "the caps), flips it and scales it up to a fixed size; exact to one code value",
      "napari-cuda-server");
}

void class_init(gpointer klass, gpointer) noexcept {
  GST_DEBUG_CATEGORY_INIT(napari_cuda_convert_debug, "naparicudaconvert", 0, "naparicudaconvert");
  parent_class = static_cast<GstBaseTransformClass*>(g_type_class_peek_parent(klass));
  auto* object = G_OBJECT_CLASS(klass);
  object->finalize = [](GObject* self) noexcept {
    delete reinterpret_cast<NapariCudaConvert*>(self)->impl;
    G_OBJECT_CLASS(parent_class)->finalize(self);
  };
  install_properties(object);

  auto* transform = GST_BASE_TRANSFORM_CLASS(klass);
  transform->passthrough_on_same_caps = TRUE;
  transform->transform_caps = transform_caps;
  transform->fixate_caps = fixate_caps;
  transform->transform_meta = transform_meta;
  transform->start = [](GstBaseTransform* self) noexcept -> gboolean {
    impl(self).start();
    return TRUE;
  };
  transform->stop = [](GstBaseTransform* self) noexcept -> gboolean {
    impl(self).stop();
    return TRUE;
  };
  auto* filter = GST_VIDEO_FILTER_CLASS(klass);
  filter->set_info = set_info;
  filter->transform_frame = transform_frame;
  install_metadata(GST_ELEMENT_CLASS(klass));
}

}  // namespace

GType napari_cuda_convert_get_type() {
  static const GType type =
      napari::elements::ensure_type({.name = "NapariCudaConvert",
                                     .parent = GST_TYPE_VIDEO_FILTER,
                                     .class_size = sizeof(NapariCudaConvertClass),
                                     .class_init = class_init,
                                     .instance_size = sizeof(NapariCudaConvert),
                                     .init = init});
  return type;
}
