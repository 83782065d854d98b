#include "engine/gpu_report.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <gst/gst.h>

#include "engine/cuda/cuda_converter.hpp"
#include "engine/cuda_memory.hpp"

namespace napari::engine {
namespace {

std::string cuda_version(int version) {
  return version > 0 ? fmt::format("{}.{}", version / 1000, version % 1000 / 10) : "unknown";
}

std::string file_text(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string driver_version() {
  for (const char* path : {"/sys/module/nvidia/version", "/proc/driver/nvidia/version"})
    if (std::string version = parse_driver_version(file_text(path)); !version.empty())
      return version;
  return {};
}

// Loads the kernel as naparicudaconvert would.
gstx::Result<std::string> kernel_of(int ordinal) {
  GSTX_TRY(load_cuda());
  const auto owner = gstx::Ref<GstElement>::sink(gst_bin_new(nullptr));
  CudaContextSlot slot(owner.get());
  GSTX_ASSIGN_OR_RETURN(const CudaContextPtr context, slot.ensure(ordinal));
  GSTX_ASSIGN_OR_RETURN(const auto converter, CudaConverter::make(context.get()));
  return converter->kernel_origin();
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string list_decoders(const NvdecFacts& facts) {
  std::vector<std::string> names;
  for (const NvdecCodec& codec : facts.codecs)
    names.push_back(
        fmt::format("{} to {} x {}", codec.name, codec.width_px_max, codec.height_px_max));
  return names.empty() ? "nothing: " + facts.reason : joined(names);
}

}  // namespace

std::string parse_driver_version(std::string_view text) {
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    const auto dots = std::count(word.begin(), word.end(), '.');
    const bool numeric = std::all_of(
        word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c) != 0 || c == '.'; });
    if (numeric && dots >= 1 && dots <= 2 && word.front() != '.' && word.back() != '.') return word;
  }
  return {};
}

bool is_of_gpu(const GlDeviceNote& note, const GpuDevice& gpu) {
  if (!note.uuid.empty() && gpu.uuid.rfind("GPU-", 0) == 0) return note.uuid == gpu.uuid;
  return note.cuda_ordinal == gpu.cuda_ordinal;
}

std::vector<std::string> describe_gpu(const GpuFacts& facts) {
  const GpuDevice& gpu = facts.device;
  const std::string who = fmt::format("gpu {}: ", gpu.cuda_ordinal);
  std::vector<std::string> lines{fmt::format(
      "{}{}, {}, {:.1f} GiB, PCI {}, driver {}, CUDA {}, compute capability {}.{}", who, gpu.name,
      gpu.uuid, static_cast<double>(gpu.memory_bytes) / (1024.0 * 1024 * 1024), gpu.pci_bus,
      facts.driver.empty() ? "unknown" : facts.driver, cuda_version(facts.driver_cuda_version),
      gpu.compute_major, gpu.compute_minor)};
  if (facts.graphics.empty()) {
    lines.push_back(
        who + (gpu.uuid.rfind("MIG-", 0) == 0
                   ? "graphics: none, as on every MIG slice: EGL does not offer it"
                   : "graphics: none: EGL does not offer it (the driver's EGL library is missing, "
                     "or a container without the graphics capability)"));
  }
  for (const std::string& text : facts.graphics)
    lines.push_back(fmt::format("{}graphics: {}", who, text));
  lines.push_back(
      fmt::format("{}CUDA converter: {}", who,
                  facts.kernel ? *facts.kernel : "none: " + facts.kernel.error().message));
  lines.push_back(fmt::format(
      "{}NVENC encodes {}", who,
      facts.nvenc.codecs.empty() ? "nothing: " + facts.nvenc.reason : joined(facts.nvenc.codecs)));
  lines.push_back(fmt::format("{}NVDEC decodes {}", who, list_decoders(facts.nvdec)));
  return lines;
}

GpuReport gather_gpus() {
  GpuReport report{.gpus = std::vector<GpuFacts>(), .cuda = load_cuda()};
  std::vector<GlDeviceNote> notes = describe_gl_devices();
  const auto listed = list_gpus();
  if (!listed) {
    report.gpus = tl::make_unexpected(listed.error());
  } else {
    for (const GpuDevice& device : listed->devices) {
      GpuFacts facts{.device = device,
                     .driver = driver_version(),
                     .driver_cuda_version = listed->driver_cuda_version,
                     .graphics = {},
                     .kernel = kernel_of(device.cuda_ordinal),
                     .nvenc = probe_nvenc(device.cuda_ordinal),
                     .nvdec = probe_nvdec(device.cuda_ordinal)};
      const auto others = std::stable_partition(
          notes.begin(), notes.end(), [&](const auto& note) { return !is_of_gpu(note, device); });
      std::transform(others, notes.end(), std::back_inserter(facts.graphics),
                     [](const GlDeviceNote& note) { return note.text; });
      notes.erase(others, notes.end());
      report.gpus->push_back(std::move(facts));
    }
  }
  for (const GlDeviceNote& note : notes) report.other_graphics.push_back(note.text);
  return report;
}

std::vector<std::string> describe_gpus(const GpuReport& report) {
  std::vector<std::string> lines;
  if (!report.gpus) {
    lines.push_back("gpu: none: " + report.gpus.error().message);
  } else {
    if (report.gpus->size() > 1)
      lines.push_back(
          fmt::format("gpu: {} are visible; --device chooses one", report.gpus->size()));
    for (const GpuFacts& facts : *report.gpus) {
      const auto of_gpu = describe_gpu(facts);
      lines.insert(lines.end(), of_gpu.begin(), of_gpu.end());
    }
  }
  const bool said =
      report.cuda || (!report.gpus && report.gpus.error().message == report.cuda.error().message);
  if (!said) lines.push_back("cuda: " + report.cuda.error().message);
  for (const std::string& text : report.other_graphics) lines.push_back("gl: " + text);
  return lines;
}

std::string describe_road(const RoadFacts& facts) {
  if (facts.encoder.empty()) return "road: none: no encoder opens";
  const std::string encodes =
      fmt::format("{} encodes on the {}", facts.encoder, facts.encodes_on_gpu ? "GPU" : "CPU");
  const std::string draws =
      facts.draws_on_gpu ? fmt::format("GL draws on {}", facts.gpu) : "the CPU draws";
  if (facts.takes_cuda && facts.kernel)
    return fmt::format(
        "road: {}; the CUDA kernel converts ({}); {} from CUDA memory: nothing "
        "leaves the GPU but the stream{}",
        draws, *facts.kernel, encodes,
        facts.draws_on_gpu ? "" : ", after the upload of each picture");
  std::string converts = facts.draws_on_gpu ? "GL converts straight into memory that the CPU reads"
                                            : "the CPU converts";
  std::string why = facts.encodes_on_gpu      ? ""
                    : facts.encoder_asked_for ? ", as asked for"
                                              : ": no NVENC opens (see above)";
  if (facts.takes_cuda)
    why = fmt::format(": the CUDA converter is not there ({})", facts.kernel.error().message);
  return fmt::format("road: {}; {}; {}{}", draws, converts, encodes, why);
}

}  // namespace napari::engine
