#include "data/nifti/convert.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "data/contrast.hpp"
#include "data/core_budget.hpp"
#include "data/memory.hpp"
#include "data/nifti/nifti_reader.hpp"
#include "data/nifti/slab_writer.hpp"
#include "data/parallel.hpp"
#include "data/roi.hpp"
#include "data/zarr/local_store.hpp"
#include "data/zarr/ngff_writer.hpp"
#include "data/zarr/zarr_source.hpp"

namespace napari::data {

namespace {

namespace fs = std::filesystem;
using gstx::ErrorCode;

// Counts voxels of all levels; tells of every half per cent.
class Progress {
 public:
  Progress(std::int64_t voxels, const std::function<void(double)>& tell)
      : voxels_(voxels), tell_(tell) {}

  void add(std::int64_t voxels) {
    if (!tell_) return;
    const std::lock_guard lock(mutex_);
    done_ += voxels;
    const double fraction = static_cast<double>(done_) / static_cast<double>(voxels_);
    if (fraction < told_ + 0.005) return;
    told_ = fraction;
    tell_(std::min(fraction, 0.999));  // 1 is for the finished data set
  }

 private:
  std::mutex mutex_;
  std::int64_t voxels_;
  std::int64_t done_{0};
  double told_{0};
  const std::function<void(double)>& tell_;
};

// The output under construction: a folder beside the final one, removed unless it is put in place.
class PartialFolder {
 public:
  explicit PartialFolder(fs::path final_path)
      : final_(std::move(final_path)),
        partial_(final_.parent_path() /
                 fmt::format(".{}.partial-{}", final_.filename().string(), getpid())) {}
  ~PartialFolder() {
    std::error_code ignored;
    fs::remove_all(partial_, ignored);
  }
  PartialFolder(const PartialFolder&) = delete;
  PartialFolder& operator=(const PartialFolder&) = delete;

  [[nodiscard]] std::string path() const { return partial_.string(); }

  // Renames it; what was there before goes first to the partial folder's side, so that the name is never without a data set for long.
  gstx::Result<void> put_in_place() {
    std::error_code error;
    const fs::path old = partial_.string() + "-old";
    if (fs::exists(final_, error)) fs::rename(final_, old, error);
    if (!error) fs::rename(partial_, final_, error);
    if (error) {
      return gstx::fail(
          ErrorCode::failed_precondition,
          fmt::format("cannot put {} in place: {}", final_.string(), error.message()));
    }
    fs::remove_all(old, error);
    return {};
  }

 private:
  fs::path final_;
  fs::path partial_;
};

gstx::Result<fs::path> check_output(const std::string& out, Overwrite overwrite) {
  fs::path path = fs::absolute(out).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::error_code error;
  if (!fs::exists(fs::symlink_status(path, error))) return path;
  if (overwrite == Overwrite::no) {
    return gstx::fail(ErrorCode::failed_precondition, fmt::format("{} exists already", out));
  }
  const bool zarr = fs::exists(path / ".zgroup", error) || fs::exists(path / ".zarray", error) ||
                    fs::is_empty(path, error);
  if (!zarr || fs::is_symlink(path, error)) {
    return gstx::fail(ErrorCode::failed_precondition,
                      fmt::format("{} exists and is no Zarr; it is left alone", out));
  }
  return path;
}

// Everything that is decided before the first voxel is read.
struct Plan {
  nifti::Header header;
  nifti::Orientation orientation;
  std::vector<Axis> axes;
  std::vector<std::int64_t> chunk;
  std::vector<zarr::PyramidLevel> levels;
  int threads{1};
};

// Planes of the file that fit the memory: the chunk's edge, or a power of two below it.
gstx::Result<std::int64_t> slab_planes(const nifti::Header& header, const ConvertOptions& options) {
  const std::int64_t plane =
      header.shape[0] * header.shape[1] * static_cast<std::int64_t>(byte_size(header.dtype));
  std::int64_t planes = std::clamp<std::int64_t>(options.chunk_edge, 8, 256);
  while (planes > 1 && std::min(planes, header.shape[2]) * plane > options.memory_bytes)
    planes /= 2;
  if (plane > options.memory_bytes) {
    return gstx::fail(ErrorCode::unavailable,
                      fmt::format("one plane needs {}, more than the {} allowed",
                                  format_bytes(plane), format_bytes(options.memory_bytes)));
  }
  return planes;
}

gstx::Result<Plan> make_plan(const nifti::Header& header, const ConvertOptions& options) {
  Plan plan{.header = header, .orientation = nifti::orient(header)};
  plan.threads = options.threads > 0 ? options.threads : core_budget().usable;
  GSTX_ASSIGN_OR_RETURN(const std::int64_t planes, slab_planes(header, options));
  std::vector<std::int64_t> shape;
  std::vector<double> scale;
  std::vector<double> translation;
  if (header.has_frames) {
    plan.axes.push_back({"t", AxisType::time, header.time_unit});
    shape.push_back(header.frames);
    scale.push_back(header.frame_step);
    translation.push_back(0);
    plan.chunk.push_back(1);
  }
  const std::array<const char*, 3> names{"z", "y", "x"};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto source = static_cast<std::size_t>(plan.orientation.source[axis]);
    plan.axes.push_back({names[axis], AxisType::space, header.space_unit});
    shape.push_back(header.shape[source]);
    scale.push_back(plan.orientation.scale[axis]);
    translation.push_back(plan.orientation.translation[axis]);
    const std::int64_t edge =
        source == 2 ? planes : std::clamp<std::int64_t>(options.chunk_edge, 8, 256);
    plan.chunk.push_back(std::min(edge, shape.back()));
  }
  plan.levels =
      zarr::plan_pyramid(plan.axes, std::move(shape), std::move(scale), std::move(translation));
  return plan;
}

gstx::Result<zarr::ArrayWriter> create_level(const Plan& plan, const std::string& folder,
                                             std::size_t level, const ConvertOptions& options) {
  std::vector<std::int64_t> chunk = plan.chunk;
  for (std::size_t axis = 0; axis < chunk.size(); ++axis) {
    chunk[axis] = std::min(chunk[axis], plan.levels[level].shape[axis]);
  }
  return zarr::ArrayWriter::create(fmt::format("{}/{}", folder, level),
                                   nifti::output_dtype(plan.header), plan.levels[level].shape,
                                   std::move(chunk), options.codec);
}

gstx::Result<void> write_level_0(nifti::Reader& reader, const Plan& plan,
                                 const zarr::ArrayWriter& to, const std::stop_token& stop,
                                 Progress& progress) {
  const nifti::SlabWriter writer(plan.header, plan.orientation, to);
  const auto plane_bytes = static_cast<std::size_t>(plan.header.shape[0] * plan.header.shape[1]) *
                           byte_size(plan.header.dtype);
  const std::vector<nifti::Slab> slabs = writer.plan();
  std::int64_t planes_max = 0;
  for (const nifti::Slab& slab : slabs) planes_max = std::max(planes_max, slab.count);
  const auto bytes_max = static_cast<std::size_t>(planes_max) * plane_bytes;
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(bytes_max);
  for (std::int64_t frame = 0; frame < plan.header.frames; ++frame) {
    for (nifti::Slab slab : slabs) {
      if (stop.stop_requested()) return zarr::cancelled();
      slab.frame = frame;
      slab.voxels = {memory.get(), static_cast<std::size_t>(slab.count) * plane_bytes};
      GSTX_TRY(reader.read(slab.voxels));
      const auto parts = split_by_chunks(writer.covered(slab), to.chunk());
      const auto write_part = [&](std::int64_t index) {
        const Region& part = parts[static_cast<std::size_t>(index)];
        auto written = writer.write(slab, part);
        if (written) progress.add(part.voxels());
        return written;
      };
      GSTX_TRY(parallel_for(static_cast<std::int64_t>(parts.size()), plan.threads, write_part));
    }
  }
  return {};
}

gstx::Result<void> write_levels(nifti::Reader& reader, const Plan& plan, const std::string& folder,
                                const ConvertOptions& options, Progress& progress) {
  const zarr::StorePtr store = zarr::make_local_store(folder);
  for (std::size_t level = 0; level < plan.levels.size(); ++level) {
    GSTX_ASSIGN_OR_RETURN(const auto to, create_level(plan, folder, level, options));
    if (level == 0) {
      GSTX_TRY(write_level_0(reader, plan, to, options.stop, progress));
      continue;
    }
    GSTX_ASSIGN_OR_RETURN(const auto from,
                          zarr::ArrayReader::open(store, std::to_string(level - 1), options.stop));
    GSTX_TRY(zarr::write_mean_level({.from = from,
                                     .to = to,
                                     .halved = plan.levels[level].halved,
                                     .threads = plan.threads,
                                     .stop = options.stop,
                                     .on_voxels = [&](std::int64_t n) { progress.add(n); }}));
  }
  return {};
}

std::string stem_of(const std::string& path) {
  std::string name = fs::path(path).filename().string();
  return name.substr(0, name.find(".nii"));
}

// Written twice: the contrast is measured on the finished levels.
gstx::Result<void> write_attributes(const Plan& plan, const std::string& in,
                                    const std::string& folder) {
  zarr::GroupAttributes attributes{
      .name = stem_of(in),
      .axes = plan.axes,
      .levels = plan.levels,
      .window = {},
      .source = fmt::format("{} ({} of NIfTI-1)", fs::path(in).filename().string(),
                            plan.header.affine_source),
      .affine = plan.header.affine,
      .affine_applied = plan.orientation.aligned};
  GSTX_TRY(zarr::write_group(folder, attributes));
  GSTX_ASSIGN_OR_RETURN(const ImageSourcePtr image, open_zarr(folder));
  GSTX_ASSIGN_OR_RETURN(const Contrast contrast, measure_contrast(*image, 0, {}));
  attributes.window = contrast.limits;
  attributes.range = contrast.range;
  return zarr::write_group(folder, attributes);
}

}  // namespace

gstx::Result<void> convert_nifti(const std::string& in, const std::string& out,
                                 const ConvertOptions& options,
                                 const std::function<void(double)>& progress) {
  GSTX_ASSIGN_OR_RETURN(const fs::path final_path, check_output(out, options.overwrite));
  GSTX_ASSIGN_OR_RETURN(auto reader, nifti::Reader::open(in));
  GSTX_ASSIGN_OR_RETURN(const Plan plan, make_plan(reader.header(), options));
  std::int64_t voxels = 0;
  for (const zarr::PyramidLevel& level : plan.levels) voxels += whole(level.shape).voxels();
  Progress counted(voxels, progress);
  if (progress) progress(0);
  PartialFolder folder(final_path);
  GSTX_TRY(write_levels(reader, plan, folder.path(), options, counted));
  GSTX_TRY(write_attributes(plan, in, folder.path()));
  GSTX_TRY(folder.put_in_place());
  if (progress) progress(1);
  return {};
}

}  // namespace napari::data
