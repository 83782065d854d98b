#include "engine/cuda/video_codecs.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include <dlfcn.h>
#include <fmt/format.h>

#include "engine/cuda/cuda_driver.hpp"

namespace napari::engine {
namespace {

// ---- the part of NVENC's binary interface that opening a session and listing codecs takes

constexpr const char* kNvencLibrary = "libnvidia-encode.so.1";
constexpr const char* kNvdecLibrary = "libnvcuvid.so.1";

struct NvencGuid {
  std::uint32_t a;
  std::uint16_t b, c;
  std::array<std::uint8_t, 8> d;
  bool operator==(const NvencGuid&) const = default;
};
static_assert(sizeof(NvencGuid) == 16);

struct NvencSessionRequest {
  std::uint32_t version;
  std::uint32_t device_type;  // 1: CUDA
  void* device;
  void* reserved;
  std::uint32_t api_version;
  std::array<std::uint32_t, 253> reserved_words;
  std::array<void*, 64> reserved_pointers;
};
static_assert(sizeof(NvencSessionRequest) == 1552);

// The table the library fills: slots are numbered as it lays them out.
struct NvencFunctions {
  std::uint32_t version;
  std::uint32_t reserved;
  std::array<void*, 318> slots;
};
static_assert(sizeof(NvencFunctions) == 8 + 318 * sizeof(void*));
enum NvencSlot : std::size_t {
  kGuidCount = 1,
  kGuids = 4,
  kDestroyEncoder = 27,
  kOpenSession = 29
};

using OpenSession = int (*)(NvencSessionRequest*, void**);
using GuidCount = int (*)(void*, std::uint32_t*);
using Guids = int (*)(void*, NvencGuid*, std::uint32_t, std::uint32_t*);
using DestroyEncoder = int (*)(void*);

constexpr std::uint32_t kSessionRequestVersion = 1;
constexpr std::uint32_t kFunctionsVersion = 2;
constexpr std::uint32_t kGuidsMax = 32;

// The newest interface asked for: AV1 is listed from 12.0 on. An older driver is asked for what it has.
constexpr std::uint32_t kApiMajor = 12;

struct NvencCodec {
  const char* name;
  NvencGuid guid;
};
constexpr std::array kNvencCodecs{
    NvencCodec{"H.264",
               {0x6bc82762, 0x4e63, 0x4ca4, {0xaa, 0x85, 0x1e, 0x50, 0xf3, 0x21, 0xf6, 0xbf}}},
    NvencCodec{"HEVC",
               {0x790cdc88, 0x4522, 0x4d7b, {0x94, 0x25, 0xbd, 0xa9, 0x97, 0x5f, 0x76, 0x03}}},
    NvencCodec{"AV1",
               {0x0a352289, 0x0aa7, 0x4759, {0x86, 0x2d, 0x5d, 0x15, 0xcd, 0x16, 0xd2, 0x54}}}};

struct NvencVersion {
  std::uint32_t major, minor;

  [[nodiscard]] std::uint32_t api() const { return major | minor << 24; }
  [[nodiscard]] std::uint32_t of_struct(std::uint32_t version) const {
    return api() | version << 16 | 7U << 28;
  }
};

template <typename Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

// The device's primary context, current on this thread as long as this lives.
class CurrentContext {
 public:
  static gstx::Result<std::unique_ptr<CurrentContext>> make(int ordinal) {
    GSTX_ASSIGN_OR_RETURN(const CudaDriver* driver, cuda_driver());
    std::unique_ptr<CurrentContext> made(new CurrentContext(*driver));
    CudaResult status = driver->device_get(&made->device_, ordinal);
    if (status == 0) status = driver->primary_ctx_retain(&made->context_, made->device_);
    if (status == 0) status = driver->ctx_push_current(made->context_);
    if (status == 0) {
      made->pushed_ = true;
      return made;
    }
    return gstx::fail(gstx::ErrorCode::unsupported,
                      fmt::format("CUDA device {} has no context: {}", ordinal,
                                  cuda_error_text(*driver, status)));
  }
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;
  ~CurrentContext() {
    void* popped = nullptr;
    if (pushed_) driver_.ctx_pop_current(&popped);
    if (context_ != nullptr) driver_.primary_ctx_release(device_);
  }
  [[nodiscard]] void* get() const { return context_; }

 private:
  explicit CurrentContext(const CudaDriver& driver) : driver_(driver) {}

  const CudaDriver& driver_;
  int device_{0};
  void* context_{nullptr};
  bool pushed_{false};
};

NvencFacts no_nvenc(int status, std::string reason) {
  return {.codecs = {}, .status = status, .reason = std::move(reason)};
}

NvencFacts list_codecs(const NvencFunctions& functions, void* session) {
  std::uint32_t count = 0;
  std::array<NvencGuid, kGuidsMax> guids{};
  int status = reinterpret_cast<GuidCount>(functions.slots[kGuidCount])(session, &count);
  if (status == 0) {
    status =
        reinterpret_cast<Guids>(functions.slots[kGuids])(session, guids.data(), kGuidsMax, &count);
  }
  reinterpret_cast<DestroyEncoder>(functions.slots[kDestroyEncoder])(session);
  if (status != 0) return no_nvenc(status, "NVENC opens but does not list its codecs");
  const auto listed = std::span(guids).first(std::min(count, kGuidsMax));
  NvencFacts facts;
  for (const NvencCodec& codec : kNvencCodecs) {
    if (std::find(listed.begin(), listed.end(), codec.guid) != listed.end())
      facts.codecs.emplace_back(codec.name);
  }
  if (facts.codecs.empty()) facts.reason = "NVENC opens but lists none of H.264, HEVC and AV1";
  return facts;
}

// ---- NVDEC: cuvidGetDecoderCaps

struct NvdecCaps {
  std::int32_t codec;
  std::int32_t chroma_format;  // 1: 4:2:0
  std::uint32_t bit_depth_minus_8;
  std::array<std::uint32_t, 3> reserved_in;
  std::uint8_t supported;
  std::uint8_t engines;
  std::uint16_t output_formats;
  std::uint32_t width_px_max, height_px_max, macroblocks_max;
  std::uint16_t width_px_min, height_px_min;
  std::array<std::uint32_t, 11> reserved_out;
};
static_assert(sizeof(NvdecCaps) == 88);
using GetDecoderCaps = int (*)(NvdecCaps*);

struct NvdecCandidate {
  const char* name;
  std::int32_t codec;
};
constexpr std::array kNvdecCodecs{NvdecCandidate{"H.264", 4}, NvdecCandidate{"HEVC", 8},
                                  NvdecCandidate{"VP9", 10}, NvdecCandidate{"AV1", 11}};

}  // namespace

std::string nvenc_status_text(int status) {
  switch (status) {
    case 1:  // NO_ENCODE_DEVICE
    case 2:  // UNSUPPORTED_DEVICE
      return fmt::format(
          "this GPU has no NVENC, as those of the A100, H100 and H200 class (error {})", status);
    case 10:  // OUT_OF_MEMORY
      return "out of GPU memory, or all sessions that this GPU allows are open (error 10)";
    case 15:  // INVALID_VERSION
      return "the driver is too old for this NVENC interface (error 15)";
    case 21:  // INCOMPATIBLE_CLIENT_KEY
      return "all NVENC sessions that this GPU allows are open: close other encoders (error 21)";
    default:
      return fmt::format("NVENC opens no session (error {})", status);
  }
}

NvencFacts probe_nvenc(int ordinal) {
  const auto context = CurrentContext::make(ordinal);
  if (!context) return no_nvenc(0, context.error().message);
  void* const library = dlopen(kNvencLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return no_nvenc(0, fmt::format("{} cannot be loaded: the driver comes without its video part "
                                   "(Debian: libnvidia-encode1; containers: NVIDIA_DRIVER_"
                                   "CAPABILITIES must hold \"video\")",
                                   kNvencLibrary));
  }
  using MaxVersion = int (*)(std::uint32_t*);
  using CreateInstance = int (*)(NvencFunctions*);
  const auto max_version = symbol<MaxVersion>(library, "NvEncodeAPIGetMaxSupportedVersion");
  const auto create = symbol<CreateInstance>(library, "NvEncodeAPICreateInstance");
  std::uint32_t newest = 0;  // major << 4 | minor
  if (max_version == nullptr || create == nullptr || max_version(&newest) != 0) {
    return no_nvenc(15, fmt::format("{} is not one that this server knows", kNvencLibrary));
  }
  const NvencVersion version = newest >> 4 >= kApiMajor ? NvencVersion{kApiMajor, 0}
                                                        : NvencVersion{newest >> 4, newest & 15};
  NvencFunctions functions{};
  functions.version = version.of_struct(kFunctionsVersion);
  if (const int status = create(&functions); status != 0)
    return no_nvenc(status, nvenc_status_text(status));
  for (const std::size_t slot : {kGuidCount, kGuids, kDestroyEncoder, kOpenSession}) {
    if (functions.slots[slot] == nullptr)
      return no_nvenc(15, fmt::format("{} lacks function {}", kNvencLibrary, slot));
  }
  NvencSessionRequest request{};
  request.version = version.of_struct(kSessionRequestVersion);
  request.device_type = 1;
  request.device = (*context)->get();
  request.api_version = version.api();
  void* session = nullptr;
  const int status =
      reinterpret_cast<OpenSession>(functions.slots[kOpenSession])(&request, &session);
  if (status == 0) return list_codecs(functions, session);
  return no_nvenc(status, nvenc_status_text(status));
}

NvdecFacts probe_nvdec(int ordinal) {
  const auto context = CurrentContext::make(ordinal);
  if (!context) return {.codecs = {}, .reason = context.error().message};
  void* const library = dlopen(kNvdecLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return {.codecs = {},
            .reason = fmt::format("{} cannot be loaded (Debian: libnvcuvid1)", kNvdecLibrary)};
  }
  const auto get_caps = symbol<GetDecoderCaps>(library, "cuvidGetDecoderCaps");
  if (get_caps == nullptr)
    return {.codecs = {}, .reason = fmt::format("{} is too old", kNvdecLibrary)};
  NvdecFacts facts;
  for (const NvdecCandidate& candidate : kNvdecCodecs) {
    NvdecCaps caps{};
    caps.codec = candidate.codec;
    caps.chroma_format = 1;
    if (get_caps(&caps) != 0 || caps.supported == 0) continue;
    facts.codecs.push_back({candidate.name, static_cast<int>(caps.width_px_max),
                            static_cast<int>(caps.height_px_max)});
  }
  if (facts.codecs.empty())
    facts.reason = "this GPU decodes none of H.264, HEVC, VP9 and AV1 in hardware";
  return facts;
}

}  // namespace napari::engine
