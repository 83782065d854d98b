#include "engine/cuda/gpu_device.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <iterator>
#include <tuple>

#include <fmt/format.h>

#include "engine/cuda/cuda_driver.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;

constexpr int kOrdinalMax = 255;
constexpr std::size_t kUuidDigits = 36;  // with four dashes

std::string uuid_text(const char* prefix, const CudaUuid& uuid) {
  std::string text = prefix;
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", uuid.bytes[i]);
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// The number, or below 0.
int ordinal_of(std::string_view device) {
  int ordinal = -1;
  const char* const end = device.data() + device.size();
  const auto [stopped, error] = std::from_chars(device.data(), end, ordinal);
  return error == std::errc{} && stopped == end && ordinal <= kOrdinalMax ? ordinal : -1;
}

std::string inventory(std::span<const GpuDevice> devices) {
  if (devices.empty()) return "there is none";
  std::string text;
  for (const GpuDevice& device : devices) {
    text += fmt::format("{}{} is {} ({})", text.empty() ? "" : ", ", device.cuda_ordinal,
                        device.name, device.uuid);
  }
  return text;
}

gstx::Result<GpuDevice> describe(const CudaDriver& driver, int ordinal) {
  GpuDevice described{.cuda_ordinal = ordinal};
  int device = 0;
  std::array<char, 256> name{};
  std::array<char, 32> bus{};
  CudaUuid uuid{};
  CudaResult status = driver.device_get(&device, ordinal);
  const auto then = [&](auto&& call) {
    if (status == 0) status = call();
  };
  then([&] { return driver.device_get_name(name.data(), int{name.size()} - 1, device); });
  then([&] { return driver.device_get_pci_bus_id(bus.data(), int{bus.size()} - 1, device); });
  then([&] { return driver.device_total_mem(&described.memory_bytes, device); });
  then([&] { return driver.device_get_uuid(&uuid, device); });
  then([&] {
    return driver.device_get_attribute(&described.compute_major, kComputeCapabilityMajor, device);
  });
  then([&] {
    return driver.device_get_attribute(&described.compute_minor, kComputeCapabilityMinor, device);
  });
  if (status != 0) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("the NVIDIA driver does not describe device {}: {}", ordinal,
                                  cuda_error_text(driver, status)));
  }
  // Only of a MIG slice the two forms of the question are answered differently.
  CudaUuid parent = uuid;
  if (driver.device_get_parent_uuid != nullptr)
    std::ignore = driver.device_get_parent_uuid(&parent, device);
  described.name = name.data();
  described.pci_bus = lower(bus.data());
  described.uuid = uuid_text(parent.bytes == uuid.bytes ? "GPU-" : "MIG-", uuid);
  return described;
}

}  // namespace

gstx::Result<GpuList> list_gpus_of(const CudaDriver& driver) {
  GpuList list;
  int count = 0;
  CudaResult status = driver.driver_get_version(&list.driver_cuda_version);
  if (status == 0) status = driver.device_get_count(&count);
  if (status != 0) {
    return gstx::fail(ErrorCode::unsupported, fmt::format("the NVIDIA driver lists no devices: {}",
                                                          cuda_error_text(driver, status)));
  }
  for (int ordinal = 0; ordinal < std::min(count, kOrdinalMax + 1); ++ordinal) {
    GSTX_ASSIGN_OR_RETURN(GpuDevice device, describe(driver, ordinal));
    list.devices.push_back(std::move(device));
  }
  return list;
}

gstx::Result<GpuList> list_gpus() {
  GSTX_ASSIGN_OR_RETURN(const CudaDriver* driver, cuda_driver());
  return list_gpus_of(*driver);
}

gstx::Result<void> check_device_syntax(std::string_view device) {
  if (ordinal_of(device) >= 0) return {};
  const std::string_view digits = device.substr(std::min<std::size_t>(device.size(), 4));
  const std::string prefix = lower(device.substr(0, 4));
  const bool uuid = (prefix == "gpu-" || prefix == "mig-") && !digits.empty() &&
                    digits.size() <= kUuidDigits &&
                    std::all_of(digits.begin(), digits.end(),
                                [](unsigned char c) { return c == '-' || std::isxdigit(c) != 0; });
  if (uuid) return {};
  return gstx::fail(
      ErrorCode::invalid_argument,
      fmt::format("device \"{}\" is neither an ordinal in 0..{} nor a UUID "
                  "(GPU-... or MIG-..., as nvidia-smi -L prints it, or its beginning)",
                  device.substr(0, 64), kOrdinalMax));
}

gstx::Result<int> find_gpu(std::string_view device, std::span<const GpuDevice> devices) {
  GSTX_TRY(check_device_syntax(device));
  const int ordinal = ordinal_of(device);
  const std::string wanted = lower(device);
  std::vector<GpuDevice> found;
  std::copy_if(devices.begin(), devices.end(), std::back_inserter(found),
               [&](const GpuDevice& candidate) {
                 return ordinal >= 0 ? candidate.cuda_ordinal == ordinal
                                     : lower(candidate.uuid).starts_with(wanted);
               });
  if (found.size() == 1) return found.front().cuda_ordinal;
  if (found.empty()) {
    return gstx::fail(ErrorCode::not_found,
                      fmt::format("no GPU is \"{}\": {}", device, inventory(devices)));
  }
  return gstx::fail(
      ErrorCode::invalid_argument,
      fmt::format("\"{}\" is the beginning of more than one UUID: {}", device, inventory(found)));
}

}  // namespace napari::engine
