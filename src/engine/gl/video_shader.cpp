#include "engine/gl/video_shader.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "engine/video_plan.hpp"

namespace napari::engine {
namespace {

// Bindings and uniform locations of convert.comp.
enum Binding : GLuint { kCodes, kPlanes, kTaps };
enum Location : GLint {
  kSource,
  kTarget,
  kOffsets,
  kStrides,
  kLumaFactors,
  kBlueFactors,
  kRedFactors,
  kBottomFirst
};

constexpr std::size_t kStrideUnit = 64;
constexpr std::uint32_t kWeightBits = 15;

GLuint groups(int extent, int step, int edge) {
  const int unit = step * edge;
  return static_cast<GLuint>((extent + unit - 1) / unit);
}

}  // namespace

MappedVideo lay_video(VideoLayout layout, data::CanvasSize size) {
  MappedVideo video{.layout = layout, .size = size, .memory = nullptr};
  const auto width = static_cast<std::size_t>(size.width_px);
  const auto height = static_cast<std::size_t>(size.height_px);
  const int planes = layout == VideoLayout::nv12 ? 2 : 3;
  for (std::size_t plane = 0; plane < static_cast<std::size_t>(planes); ++plane) {
    const bool chroma = plane > 0;
    const std::size_t row = chroma && layout == VideoLayout::i420 ? width / 2 : width;
    const std::size_t rows = chroma && layout != VideoLayout::y444 ? height / 2 : height;
    video.offset[plane] = video.bytes;
    video.stride_bytes[plane] = (row + kStrideUnit - 1) / kStrideUnit * kStrideUnit;
    video.bytes += video.stride_bytes[plane] * rows;
  }
  return video;
}

gstx::Result<void> VideoShader::warm_up() {
  for (const bool enlarged : {false, true}) GSTX_TRY(program(VideoLayout::nv12, enlarged));
  return {};
}

gstx::Result<GlProgram*> VideoShader::program(VideoLayout layout, bool enlarged) {
  const auto kind = static_cast<std::size_t>(layout);
  GlProgram& program = programs_[2 * kind + (enlarged ? 1 : 0)];
  if (!program) {
    GSTX_ASSIGN_OR_RETURN(
        program,
        GlProgram::compile("convert.comp", {fmt::format("LAYOUT {}", kind),
                                            fmt::format("ENLARGED {}", enlarged ? 1 : 0)}));
  }
  return &program;
}

void VideoShader::bind_taps(data::CanvasSize source, data::CanvasSize target) {
  ++uses_;
  auto found = std::ranges::find_if(taps_, [&](const Taps& taps) {
    return taps.buffer && taps.source == source && taps.target == target;
  });
  if (found == taps_.end()) {
    std::vector<std::uint32_t> packed;
    packed.reserve(static_cast<std::size_t>(target.width_px) +
                   static_cast<std::size_t>(target.height_px));
    const auto append = [&](int source_extent, int extent) {
      for (int i = 0; i < extent; ++i) {
        const VideoTap tap = video_tap(i, source_extent, extent);
        packed.push_back(static_cast<std::uint32_t>(tap.index) << kWeightBits |
                         static_cast<std::uint32_t>(tap.weight));
      }
    };
    append(source.width_px, target.width_px);
    append(source.height_px, target.height_px);
    found = std::ranges::min_element(taps_, {}, &Taps::last_used);
    found->source = source;
    found->target = target;
    found->buffer = GlBuffer::make();
    glBindBuffer(GL_SHADER_STORAGE_BUFFER, found->buffer.get());
    glBufferData(GL_SHADER_STORAGE_BUFFER,
                 static_cast<GLsizeiptr>(packed.size() * sizeof(std::uint32_t)), packed.data(),
                 GL_STATIC_DRAW);
  }
  found->last_used = uses_;
  glBindBufferBase(GL_SHADER_STORAGE_BUFFER, kTaps, found->buffer.get());
}

gstx::Result<void> VideoShader::dispatch(GLuint codes, data::CanvasSize source, GLuint planes,
                                         const MappedVideo& video, const ConvertOptions& options) {
  if (video.bytes > context_.limits().storage_bytes) {
    return gstx::fail(
        gstx::ErrorCode::unsupported,
        fmt::format("video of {} x {} exceeds this device's largest storage buffer, {} bytes",
                    video.size.width_px, video.size.height_px, context_.limits().storage_bytes));
  }
  const bool enlarged = !(source == video.size);
  GSTX_ASSIGN_OR_RETURN(const GlProgram* const shader, program(video.layout, enlarged));
  shader->use();
  glBindBufferBase(GL_SHADER_STORAGE_BUFFER, kCodes, codes);
  glBindBufferBase(GL_SHADER_STORAGE_BUFFER, kPlanes, planes);
  if (enlarged) bind_taps(source, video.size);
  const auto set_words = [](GLint location, const std::array<std::size_t, 3>& bytes) {
    glUniform3i(location, static_cast<GLint>(bytes[0] / 4), static_cast<GLint>(bytes[1] / 4),
                static_cast<GLint>(bytes[2] / 4));
  };
  const simd::VideoFactors f = video_factors(options.matrix);
  glUniform2i(kSource, source.width_px, source.height_px);
  glUniform2i(kTarget, video.size.width_px, video.size.height_px);
  set_words(kOffsets, video.offset);
  set_words(kStrides, video.stride_bytes);
  glUniform3ui(kLumaFactors, f.y_red, f.y_green, f.y_blue);
  glUniform3ui(kBlueFactors, f.cb_red, f.cb_green, f.cb_blue);
  glUniform3ui(kRedFactors, f.cr_red, f.cr_green, f.cr_blue);
  glUniform1i(kBottomFirst, options.bottom_first ? 1 : 0);
  // As many pixels as an invocation of convert.comp converts, and as a work group has invocations.
  const int columns = video.layout == VideoLayout::i420 ? 8 : 4;
  const int rows = video.layout == VideoLayout::y444 ? 1 : 2;
  glDispatchCompute(groups(video.size.width_px, columns, 32), groups(video.size.height_px, rows, 8),
                    1);
  return {};
}

}  // namespace napari::engine
