#include "engine/gl/gl_painter.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "engine/gl/ray_layout.hpp"

namespace napari::engine {
namespace {

using data::Interpolation;

constexpr std::size_t kMiB = std::size_t{1} << 20;

// Bindings and uniform locations of the shaders (gl/shaders).
enum Binding : GLuint { kTable = 2, kAxes = 3, kRows = 3, kBricks = 4 };
enum Location : GLint {
  kArea = 0,
  kTargetWidth,
  kOpacity,
  kOnlyLayer,
  kExact,
  kLow,
  kSpan,
  kGamma,
  kTableLast,
  kLowRest,
  kAxisStart = 10,
  kShape = 10,
  kBrickShape,
  kFixedAxis,
  kFixedSlope,
  kPointStep,
  kDirectionStep,
  kFrontFirst,
  kFrontEnd,
};

std::size_t texture_budget(const GlContext& context) {
  if (context.info().software) return 1024 * kMiB;
  const std::size_t memory = context.limits().memory_bytes;
  return memory == 0 ? 2048 * kMiB : memory / 2;
}

void dispatch(const PixelRect& area) {
  constexpr int kTile = 8;  // local_size of common.glsl
  glUniform4i(kArea, area.x, area.y, area.width, area.height);
  glDispatchCompute(static_cast<GLuint>((area.width + kTile - 1) / kTile),
                    static_cast<GLuint>((area.height + kTile - 1) / kTile), 1);
}

// Both axes of `patch`: columns, then rows.
std::pair<AxisRun, AxisRun> lay_patch(const data::PlanePatch& patch, const data::RenderPlan& plan,
                                      data::CanvasSize size, Interpolation interpolation) {
  AxisView axis{.target_px = size.width_px,
                .canvas_px = plan.canvas.width_px,
                .center = plan.plane.center[0],
                .world_per_px = plan.plane.world_per_px,
                .origin = patch.origin[0],
                .spacing = patch.spacing[0],
                .first = patch.x0,
                .end = patch.x1,
                .length = patch.block->shape[2]};
  AxisRun columns = lay_axis(axis, interpolation);
  axis.target_px = size.height_px;
  axis.canvas_px = plan.canvas.height_px;
  axis.center = plan.plane.center[1];
  axis.origin = patch.origin[1];
  axis.spacing = patch.spacing[1];
  axis.first = patch.y0;
  axis.end = patch.y1;
  axis.length = patch.block->shape[1];
  return {std::move(columns), lay_axis(axis, interpolation)};
}

// Where the patches of a layer go, and the axis tables of all of them in one.
struct SliceLayout {
  std::vector<AxisSample> axes;
  std::vector<std::pair<int, int>> starts;  // in axes, of target column 0 and row 0
  std::vector<std::vector<PixelRect>> parts;
  std::int64_t painted_px{0};
};

SliceLayout lay_slice(const data::PlanLayer& layer, const data::RenderPlan& plan,
                      data::CanvasSize size) {
  SliceLayout layout;
  std::vector<PixelRect> painted;
  for (const data::PlanePatch& patch : layer.patches) {
    const auto [columns, rows] = lay_patch(patch, plan, size, layer.interpolation);
    const auto begin = static_cast<int>(layout.axes.size());
    const auto width = static_cast<int>(columns.samples.size());
    layout.starts.emplace_back(begin - columns.start, begin + width - rows.start);
    layout.axes.insert(layout.axes.end(), columns.samples.begin(), columns.samples.end());
    layout.axes.insert(layout.axes.end(), rows.samples.begin(), rows.samples.end());
    painted.push_back({columns.start, rows.start, width, static_cast<int>(rows.samples.size())});
  }
  layout.parts = visible_parts(painted);
  for (const auto& parts : layout.parts) {
    for (const PixelRect& part : parts) {
      layout.painted_px += static_cast<std::int64_t>(part.width) * part.height;
    }
  }
  return layout;
}

bool has_content(const data::PlanLayer& layer, int ndisplay) {
  return ndisplay == 3 ? layer.volume.has_value() : !layer.patches.empty();
}

}  // namespace

GlPainter::GlPainter(GlContext& context)
    : context_(context),
      textures_(context.limits(), texture_budget(context)),
      frame_(context.limits()),
      // Guesses for llvmpipe on one core; a GPU soon learns that it is faster.
      slice_pacer_(50.0, 0.0),
      mip_pacer_(1000.0, context.info().software ? 300.0 : 0.0) {}

gstx::Result<void> GlPainter::warm_up() {
  for (const char* shader : {"slice.comp", "mip.comp"}) {
    GSTX_TRY(program(shader, TexelKind::unsigned_integer, Interpolation::linear));
  }
  GSTX_TRY(program("resolve.comp", TexelKind::floating, Interpolation::nearest));
  return context_.check("compiling shaders");
}

gstx::Result<GlProgram*> GlPainter::program(const std::string& shader, TexelKind kind,
                                            Interpolation interpolation) {
  const char* prefix = kind == TexelKind::unsigned_integer ? "u"
                       : kind == TexelKind::signed_integer ? "i"
                                                           : "";
  const int linear = interpolation == Interpolation::linear ? 1 : 0;
  const std::string key = fmt::format("{} {}{}", shader, prefix, linear);
  auto found = programs_.find(key);
  if (found == programs_.end()) {
    const char* dimensions = shader == "mip.comp" ? "3D" : "2D";
    GSTX_ASSIGN_OR_RETURN(
        GlProgram compiled,
        GlProgram::compile(shader, {fmt::format("SAMPLER {}sampler{}", prefix, dimensions),
                                    fmt::format("LINEAR {}", linear)}));
    found = programs_.emplace(key, std::move(compiled)).first;
  }
  return &found->second;
}

gstx::Result<void> GlPainter::paint(const data::RenderPlan& plan, const CodesTarget& target,
                                    bool skipping, const std::stop_token& stop) {
  const auto layers = std::count_if(plan.layers.begin(), plan.layers.end(),
                                    [&](const auto& l) { return has_content(l, plan.ndisplay); });
  const Pass pass{plan, target.size, layers <= 1, skipping, stop};
  GSTX_TRY(frame_.bind(target, !pass.only_layer));
  if (layers == 0) frame_.clear_codes();
  if (!pass.only_layer) frame_.clear_blended();
  auto painted = paint_layers(pass);
  // For whoever converts, copies or draws over it next.
  glMemoryBarrier(GL_SHADER_STORAGE_BARRIER_BIT | GL_BUFFER_UPDATE_BARRIER_BIT);
  GSTX_TRY(slice_pacer_.let_go());
  GSTX_TRY(mip_pacer_.let_go());
  const auto complaints = context_.check("drawing");
  GSTX_TRY(painted);
  return complaints;
}

gstx::Result<void> GlPainter::paint_layers(const Pass& pass) {
  for (const data::PlanLayer& layer : pass.plan.layers) {
    if (!has_content(layer, pass.plan.ndisplay)) continue;
    GSTX_TRY(pass.plan.ndisplay == 3 ? paint_volume(layer, pass) : paint_slice(layer, pass));
    if (!pass.only_layer) glMemoryBarrier(GL_SHADER_STORAGE_BARRIER_BIT);
  }
  return pass.only_layer ? gstx::Result<void>() : resolve(pass);
}

gstx::Result<void> GlPainter::set_colours(const data::Transfer& transfer, data::DType dtype,
                                          Interpolation interpolation, const Pass& pass) {
  const std::pair wanted{dtype, interpolation};
  if (table_.entries.empty() || table_of_ != transfer || table_for_ != wanted) {
    GSTX_ASSIGN_OR_RETURN(table_, make_colour_table(transfer, dtype, interpolation));
    table_of_ = transfer;
    table_for_ = wanted;
    colours_.set(kTable, table_.entries.data(), table_.entries.size() * sizeof(table_.entries[0]));
  } else {
    colours_.bind(kTable);
  }
  glUniform1i(kTargetWidth, pass.size.width_px);
  glUniform1f(kOpacity, table_.opacity);
  glUniform1i(kOnlyLayer, pass.only_layer ? 1 : 0);
  glUniform1i(kExact, table_.exact ? 1 : 0);
  glUniform1f(kLow, table_.low);
  glUniform1f(kLowRest, table_.low_rest);
  glUniform1f(kSpan, table_.span);
  glUniform1f(kGamma, table_.gamma);
  glUniform1i(kTableLast, static_cast<GLint>(table_.entries.size()) - 1);
  return {};
}

gstx::Result<void> GlPainter::paint_slice(const data::PlanLayer& layer, const Pass& pass) {
  const SliceLayout layout = lay_slice(layer, pass.plan, pass.size);
  const std::int64_t pixels = std::int64_t{pass.size.width_px} * pass.size.height_px;
  if (pass.only_layer && layout.painted_px < pixels) frame_.clear_codes();
  axes_.set(kAxes, layout.axes.data(), layout.axes.size() * sizeof(AxisSample));
  for (std::size_t i = 0; i < layer.patches.size(); ++i) {
    if (layout.parts[i].empty()) continue;
    GSTX_TRY(paint_patch(layer, layer.patches[i], layout.parts[i], layout.starts[i], pass));
  }
  return {};
}

gstx::Result<void> GlPainter::paint_patch(const data::PlanLayer& layer,
                                          const data::PlanePatch& patch,
                                          const std::vector<PixelRect>& parts,
                                          std::pair<int, int> axis_start, const Pass& pass) {
  const data::VoxelBlock& block = *patch.block;
  GSTX_ASSIGN_OR_RETURN(const GLuint texture, textures_.plane(block, pass.stop));
  GSTX_ASSIGN_OR_RETURN(const GlProgram* const shader,
                        program("slice.comp", texel_kind(block.dtype), layer.interpolation));
  shader->use();
  glActiveTexture(GL_TEXTURE0);
  glBindTexture(GL_TEXTURE_2D, texture);
  GSTX_TRY(set_colours(layer.transfer, block.dtype, layer.interpolation, pass));
  glUniform2i(kAxisStart, axis_start.first, axis_start.second);
  for (const PixelRect& part : parts) GSTX_TRY(slice_pacer_.run(part, pass.stop, dispatch));
  return {};
}

gstx::Result<void> GlPainter::paint_volume(const data::PlanLayer& layer, const Pass& pass) {
  const data::VolumeBlock& volume = *layer.volume;
  const data::VoxelBlock& block = *volume.block;
  const RayLayout rays = lay_rays(pass.plan.volume, volume, pass.plan.canvas, pass.size);
  GSTX_ASSIGN_OR_RETURN(const GLuint texture, textures_.volume(block, pass.stop));
  GSTX_ASSIGN_OR_RETURN(const GlProgram* const shader,
                        program("mip.comp", texel_kind(block.dtype), layer.interpolation));
  shader->use();
  std::array<std::int64_t, 3> bricks{};
  if (pass.skipping && volume.bricks != nullptr) {
    GSTX_ASSIGN_OR_RETURN(const GLuint buffer, textures_.bricks(block, volume.bricks));
    glBindBufferBase(GL_SHADER_STORAGE_BUFFER, kBricks, buffer);
    bricks = volume.bricks->shape;
  } else {
    const float nothing = 0;
    no_bricks_.set(kBricks, &nothing, sizeof(nothing));
  }
  rays_.set(kRows, rays.rows.data(), rays.rows.size() * sizeof(RowRays));
  glActiveTexture(GL_TEXTURE0);
  glBindTexture(GL_TEXTURE_3D, texture);
  GSTX_TRY(set_colours(layer.transfer, block.dtype, layer.interpolation, pass));
  const auto set_shape = [](GLint location, const std::array<std::int64_t, 3>& s) {
    glUniform3i(location, static_cast<GLint>(s[0]), static_cast<GLint>(s[1]),
                static_cast<GLint>(s[2]));
  };
  set_shape(kShape, block.shape);
  set_shape(kBrickShape, bricks);
  glUniform1i(kFixedAxis, rays.fixed_axis);
  glUniform2fv(kFixedSlope, 1, rays.fixed_slope.data());
  glUniform3fv(kPointStep, 1, rays.point_step.data());
  glUniform3fv(kDirectionStep, 1, rays.direction_step.data());
  glUniform3iv(kFrontFirst, 1, rays.front_first.data());
  glUniform3iv(kFrontEnd, 1, rays.front_end.data());
  return mip_pacer_.run({0, 0, pass.size.width_px, pass.size.height_px}, pass.stop, dispatch);
}

gstx::Result<void> GlPainter::resolve(const Pass& pass) {
  GSTX_ASSIGN_OR_RETURN(const GlProgram* const shader,
                        program("resolve.comp", TexelKind::floating, Interpolation::nearest));
  shader->use();
  glUniform1i(kTargetWidth, pass.size.width_px);
  return slice_pacer_.run({0, 0, pass.size.width_px, pass.size.height_px}, pass.stop, dispatch);
}

}  // namespace napari::engine
