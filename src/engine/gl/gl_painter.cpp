#include "engine/gl/gl_painter.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "engine/gl/ray_layout.hpp"
#include "engine/gl/texel_format.hpp"

namespace napari::engine {
namespace {

using data::Interpolation;

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
  kDark,
  kEnough,
  kCoarseShape,
  kTexelScale,
};

const char* sampler_prefix(TexelKind kind) {
  switch (kind) {
    case TexelKind::unsigned_integer:
      return "u";
    case TexelKind::signed_integer:
      return "i";
    case TexelKind::floating:
      break;
  }
  return "";
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

GlPainter::GlPainter(GlContext& context, const GlDrawerOptions& options)
    : context_(context),
      filters_(options.filter_in_software || !context.info().software),
      textures_({.limits = context.limits(),
                 .software = context.info().software,
                 .budget_bytes = texture_budget(context, options),
                 .free_bytes = [&context] { return context.free_memory_bytes(); }}),
      frame_(context.limits()),
      // Guesses for one core and for a GPU that is slow, whose first picture of 1080p is drawn in a few bands.
      slice_pacer_(context.info().software ? 50.0 : 5.0, 0.0),
      mip_pacer_(context.info().software ? 1000.0 : 10.0, context.info().software ? 300.0 : 0.0) {}

gstx::Result<void> GlPainter::warm_up() {
  GSTX_TRY(slice_program(data::DType::u16, Interpolation::linear));
  GSTX_TRY(volume_program(data::DType::u16, Interpolation::linear, filters_));
  if (!context_.info().software) {
    GSTX_TRY(volume_program(data::DType::u16, Interpolation::linear, false));
    GSTX_TRY(textures_.warm_up());
  }
  GSTX_TRY(program("resolve.comp", {}));
  return context_.check("compiling shaders");
}

gstx::Result<GlProgram*> GlPainter::program(const std::string& shader,
                                            const std::vector<std::string>& defines) {
  std::string key = shader;
  for (const std::string& define : defines) key += ", " + define;
  auto found = programs_.find(key);
  if (found == programs_.end()) {
    GSTX_ASSIGN_OR_RETURN(GlProgram compiled, GlProgram::compile(shader, defines));
    found = programs_.emplace(key, std::move(compiled)).first;
  }
  return &found->second;
}

gstx::Result<GlProgram*> GlPainter::slice_program(data::DType dtype, Interpolation interpolation) {
  return program("slice.comp",
                 {fmt::format("SAMPLER {}sampler2D", sampler_prefix(texel_kind(dtype))),
                  fmt::format("LINEAR {}", interpolation == Interpolation::linear ? 1 : 0)});
}

gstx::Result<GlProgram*> GlPainter::volume_program(data::DType dtype, Interpolation interpolation,
                                                   bool filtered) {
  // A filtered texture is seen as floating point, whatever it holds.
  const TexelKind kind = filtered ? TexelKind::floating : texel_kind(dtype);
  const int texel = kind == TexelKind::floating ? 2 : data::byte_size(dtype) <= 2 ? 0 : 1;
  return program(
      "mip.comp",
      {fmt::format("SAMPLER {}sampler3D", sampler_prefix(kind)), fmt::format("TEXEL {}", texel),
       fmt::format("LINEAR {}", interpolation == Interpolation::linear ? 1 : 0),
       fmt::format("FILTER {}", filtered ? 1 : 0)});
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
  auto complaints = context_.check("drawing");
  // A driver may find out only now that a texture does not fit: the next picture starts with a clean slate.
  if (!complaints && complaints.error().code == gstx::ErrorCode::unavailable) textures_.clear();
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
                        slice_program(block.dtype, layer.interpolation));
  shader->use();
  glActiveTexture(GL_TEXTURE0);
  glBindTexture(GL_TEXTURE_2D, texture);
  GSTX_TRY(set_colours(layer.transfer, block.dtype, layer.interpolation, pass));
  glUniform2i(kAxisStart, axis_start.first, axis_start.second);
  for (const PixelRect& part : parts) GSTX_TRY(slice_pacer_.run(part, pass.stop, dispatch));
  return {};
}

gstx::Result<void> GlPainter::bind_volume(const data::PlanLayer& layer, const Pass& pass) {
  const data::VolumeBlock& volume = *layer.volume;
  const data::VoxelBlock& block = *volume.block;
  const bool filtered = filters_ && !pass.plan.still && is_filterable(block.dtype) &&
                        layer.interpolation == Interpolation::linear;
  GSTX_ASSIGN_OR_RETURN(const GLuint texture, filtered ? textures_.filtered_volume(block, pass.stop)
                                                       : textures_.volume(block, pass.stop));
  GSTX_ASSIGN_OR_RETURN(const GlProgram* const shader,
                        volume_program(block.dtype, layer.interpolation, filtered));
  shader->use();
  BrickShapes shapes;
  if (pass.skipping && volume.bricks != nullptr) {
    GSTX_ASSIGN_OR_RETURN(const GLuint buffer, textures_.bricks(block, volume.bricks));
    glBindBufferBase(GL_SHADER_STORAGE_BUFFER, kBricks, buffer);
    shapes = brick_shapes(*volume.bricks);
  } else {
    const float nothing = 0;
    no_bricks_.set(kBricks, &nothing, sizeof(nothing));
  }
  glActiveTexture(GL_TEXTURE0);
  glBindTexture(GL_TEXTURE_3D, texture);
  const auto set_shape = [](GLint location, const std::array<std::int64_t, 3>& s) {
    glUniform3i(location, static_cast<GLint>(s[0]), static_cast<GLint>(s[1]),
                static_cast<GLint>(s[2]));
  };
  set_shape(kShape, block.shape);
  set_shape(kBrickShape, shapes.bricks);
  set_shape(kCoarseShape, shapes.coarse);
  if (filtered) glUniform1f(kTexelScale, texel_scale(block.dtype));
  return {};
}

gstx::Result<void> GlPainter::paint_volume(const data::PlanLayer& layer, const Pass& pass) {
  const data::VoxelBlock& block = *layer.volume->block;
  const RayLayout rays = lay_rays(pass.plan.volume, *layer.volume, pass.plan.canvas, pass.size);
  GSTX_TRY(bind_volume(layer, pass));
  rays_.set(kRows, rays.rows.data(), rays.rows.size() * sizeof(RowRays));
  GSTX_TRY(set_colours(layer.transfer, block.dtype, layer.interpolation, pass));
  const ColourRange range = colour_range(layer.transfer);
  glUniform1f(kDark, range.dark);
  glUniform1f(kEnough, range.enough);
  glUniform1i(kFixedAxis, rays.fixed_axis);
  glUniform2fv(kFixedSlope, 1, rays.fixed_slope.data());
  glUniform3fv(kPointStep, 1, rays.point_step.data());
  glUniform3fv(kDirectionStep, 1, rays.direction_step.data());
  glUniform3iv(kFrontFirst, 1, rays.front_first.data());
  glUniform3iv(kFrontEnd, 1, rays.front_end.data());
  return mip_pacer_.run({0, 0, pass.size.width_px, pass.size.height_px}, pass.stop, dispatch);
}

gstx::Result<void> GlPainter::resolve(const Pass& pass) {
  GSTX_ASSIGN_OR_RETURN(const GlProgram* const shader, program("resolve.comp", {}));
  shader->use();
  glUniform1i(kTargetWidth, pass.size.width_px);
  return slice_pacer_.run({0, 0, pass.size.width_px, pass.size.height_px}, pass.stop, dispatch);
}

}  // namespace napari::engine
