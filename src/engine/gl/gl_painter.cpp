#include "engine/gl/gl_painter.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>
#include <glib.h>

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

bool has_content(const data::PlanLayer& layer, int ndisplay) {
  return ndisplay == 3 ? layer.volume.has_value() : !layer.patches.empty();
}

std::shared_ptr<GlContext> open_upload_context(const GlContext& context) {
  auto opened = GlContext::open_shared(context, "gl-upload");
  if (opened) return *std::move(opened);
  g_message("voxels are uploaded while nothing is drawn: %s", opened.error().message.c_str());
  return nullptr;
}

// In the order in which they are painted.
std::vector<PoolBlock> blocks_of(const data::RenderPlan& plan,
                                 const std::vector<SliceLayout>& slices) {
  std::vector<PoolBlock> blocks;
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    const data::PlanLayer& layer = plan.layers[i];
    if (plan.ndisplay == 3 && layer.volume)
      blocks.push_back({layer.volume->block, true, layer.volume->bricks});
    for (std::size_t patch = 0; plan.ndisplay != 3 && patch < layer.patches.size(); ++patch) {
      if (!slices[i].parts[patch].empty())
        blocks.push_back({layer.patches[patch].block, false, nullptr});
    }
  }
  return blocks;
}

}  // namespace

GlPainter::GlPainter(GlContext& context, const GlDrawerOptions& options)
    : context_(context),
      filters_(options.filter_in_software || !context.info().software),
      textures_({.limits = context.limits(),
                 .software = context.info().software,
                 .budget_bytes = texture_budget(context, options),
                 .free_bytes = [&context] { return context.free_memory_bytes(); },
                 .upload_context = open_upload_context(context)}),
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
                                    const How& how, const std::stop_token& stop) {
  const auto layers = std::count_if(plan.layers.begin(), plan.layers.end(),
                                    [&](const auto& l) { return has_content(l, plan.ndisplay); });
  const GlUploader& uploader = textures_.uploader();
  Pass pass{.plan = plan,
            .size = target.size,
            .only_layer = layers <= 1,
            .skipping = how.skipping,
            .stands_in = plan.ndisplay == 3 && !plan.still && how.whom == PictureFor::viewers &&
                         uploader.has_thread() && uploader.has_listener(),
            .stop = stop,
            .slices = {},
            .blocks = {}};
  for (const data::PlanLayer& layer : plan.layers) {
    if (plan.ndisplay != 3) pass.slices.push_back(lay_slice(layer, plan, target.size));
  }
  pass.blocks = blocks_of(plan, pass.slices);
  std::vector<UploadPtr> missing = start_uploads(pass, how.whom);
  if (how.missing != nullptr && uploader.has_thread()) {
    how.missing->swap(missing);
    if (!how.missing->empty()) return {};
  }
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

std::vector<UploadPtr> GlPainter::start_uploads(const Pass& pass, PictureFor whom) {
  textures_.want(pass.blocks, whom);
  std::vector<UploadPtr> missing = textures_.start(pass.blocks);
  if (pass.plan.ndisplay != 3 || whom != PictureFor::viewers) return missing;
  stand_ins_.note(pass.plan, [this](std::uint64_t id) { return textures_.is_resident(id); });
  for (std::size_t i = 0; i < pass.plan.layers.size(); ++i) {
    if (!stand_in(i, pass)) continue;
    const std::uint64_t id = pass.plan.layers[i].volume->block->id;
    std::erase_if(missing, [&](const UploadPtr& upload) { return upload->id() == id; });
  }
  return missing;
}

std::optional<data::VolumeBlock> GlPainter::stand_in(std::size_t layer, const Pass& pass) const {
  const auto& volume = pass.plan.layers[layer].volume;
  if (!pass.stands_in || !volume) return std::nullopt;
  return stand_ins_.find(layer, volume->block->id,
                         [this](std::uint64_t id) { return textures_.is_resident(id); });
}

gstx::Result<void> GlPainter::paint_layers(const Pass& pass) {
  for (std::size_t i = 0; i < pass.plan.layers.size(); ++i) {
    if (!has_content(pass.plan.layers[i], pass.plan.ndisplay)) continue;
    GSTX_TRY(pass.plan.ndisplay == 3 ? paint_volume(i, pass) : paint_slice(i, pass));
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

gstx::Result<void> GlPainter::paint_slice(std::size_t layer, const Pass& pass) {
  const data::PlanLayer& painted = pass.plan.layers[layer];
  const SliceLayout& layout = pass.slices[layer];
  const std::int64_t pixels = std::int64_t{pass.size.width_px} * pass.size.height_px;
  if (pass.only_layer && layout.painted_px < pixels) frame_.clear_codes();
  axes_.set(kAxes, layout.axes.data(), layout.axes.size() * sizeof(AxisSample));
  for (std::size_t i = 0; i < painted.patches.size(); ++i) {
    if (layout.parts[i].empty()) continue;
    GSTX_TRY(paint_patch(painted, painted.patches[i], layout.parts[i], layout.starts[i], pass));
  }
  return {};
}

gstx::Result<void> GlPainter::paint_patch(const data::PlanLayer& layer,
                                          const data::PlanePatch& patch,
                                          const std::vector<PixelRect>& parts,
                                          std::pair<int, int> axis_start, const Pass& pass) {
  const data::VoxelBlock& block = *patch.block;
  GSTX_ASSIGN_OR_RETURN(const GLuint texture, textures_.plane(patch.block, pass.stop));
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

gstx::Result<void> GlPainter::bind_volume(const data::VolumeBlock& volume,
                                          Interpolation interpolation, const Pass& pass) {
  const data::VoxelBlock& block = *volume.block;
  const bool filtered = filters_ && !pass.plan.still && is_filterable(block.dtype) &&
                        interpolation == Interpolation::linear;
  GSTX_ASSIGN_OR_RETURN(const GLuint texture,
                        filtered ? textures_.filtered_volume(volume.block, pass.stop)
                                 : textures_.volume(volume.block, pass.stop));
  GSTX_ASSIGN_OR_RETURN(const GlProgram* const shader,
                        volume_program(block.dtype, interpolation, filtered));
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

gstx::Result<void> GlPainter::paint_volume(std::size_t index, const Pass& pass) {
  const data::PlanLayer& layer = pass.plan.layers[index];
  data::VolumeBlock volume = *layer.volume;
  // In this order: somebody is told of an upload only where its end makes a better picture.
  if (auto other = stand_in(index, pass); other && textures_.is_coming(*volume.block, true))
    volume = *std::move(other);
  const data::VoxelBlock& block = *volume.block;
  const RayLayout rays = lay_rays(pass.plan.volume, volume, pass.plan.canvas, pass.size);
  GSTX_TRY(bind_volume(volume, layer.interpolation, pass));
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
