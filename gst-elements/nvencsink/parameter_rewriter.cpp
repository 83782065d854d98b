#include "nvencsink/parameter_rewriter.hpp"

#include <utility>

#include <fmt/format.h>

#include "engine/elements.hpp"
#include "gstx/gst_error.hpp"
#include "gstx/gst_mapped.hpp"

namespace napari::elements {
namespace {

// No shared memory, no copy: the buffer owns the bytes.
gstx::Ref<GstBuffer> wrap(std::vector<std::uint8_t> bytes) {
  auto* owned = new std::vector<std::uint8_t>(std::move(bytes));
  return gstx::Ref<GstBuffer>::adopt(gst_buffer_new_wrapped_full(
      GST_MEMORY_FLAG_READONLY, owned->data(), owned->size(), 0, owned->size(), owned,
      [](gpointer data) noexcept { delete static_cast<std::vector<std::uint8_t>*>(data); }));
}

}  // namespace

gstx::Ref<GstBuffer> ParameterRewriter::rewrite(gstx::Ref<GstBuffer> buffer) {
  gstx::Result<std::vector<std::uint8_t>> rewritten;
  {
    const gstx::MappedBuffer mapped(buffer.get(), GST_MAP_READ);
    if (!mapped) return buffer;
    rewritten = engine::rewrite_annexb(mapped.bytes(), shared_->colour.copy());
  }
  if (!rewritten) {
    if (!std::exchange(warned_, true))
      gstx::post_warning(bin_, {rewritten.error().code,
                                fmt::format("the encoder's parameter set stays as it is: {}",
                                            rewritten.error().message)});
    return buffer;
  }
  auto result = wrap(std::move(*rewritten));
  gst_buffer_copy_into(result.get(), buffer.get(), GST_BUFFER_COPY_METADATA, 0,
                       static_cast<gsize>(-1));
  return result;
}

GstFlowReturn ParameterRewriter::chain(GstPad* source_pad, GstBuffer* buffer) {
  auto unit = gstx::Ref<GstBuffer>::adopt(buffer);
  // Parameter sets come in band with an IDR, and with nothing else.
  if (!GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT)) unit = rewrite(std::move(unit));
  return gst_pad_push(source_pad, unit.release());
}

bool ParameterRewriter::sink_query(GstPad* pad, GstObject* element, GstQuery* query) {
  if (GST_QUERY_TYPE(query) == GST_QUERY_ALLOCATION) return false;
  return PadPairHandler::sink_query(pad, element, query);
}

}  // namespace napari::elements
