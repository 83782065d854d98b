#include "engine/gl/egl_devices.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <epoxy/egl.h>
#include <fmt/format.h>

#include "engine/cuda/gpu_device.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;

constexpr int kDevicesMax = 64;
constexpr EGLint kDeviceUuid =
    0x335C;  // EGL_DEVICE_UUID_EXT: Debian 12's headers have no name for it

// Extension lists are words between spaces: a plain find would take a prefix of a longer name for the name.
bool has_word(std::string_view words, std::string_view word) {
  for (std::size_t at = words.find(word); at != std::string_view::npos;
       at = words.find(word, at + 1)) {
    const bool starts = at == 0 || words[at - 1] == ' ';
    const std::size_t end = at + word.size();
    if (starts && (end == words.size() || words[end] == ' ')) return true;
  }
  return false;
}

std::optional<int> cuda_ordinal_of(EGLDeviceEXT device, std::string_view extensions) {
  if (!has_word(extensions, "EGL_NV_device_cuda")) return std::nullopt;
  EGLAttrib value = -1;
  if (eglQueryDeviceAttribEXT(device, EGL_CUDA_DEVICE_NV, &value) == EGL_FALSE) return std::nullopt;
  return static_cast<int>(value);
}

std::string uuid_of(EGLDeviceEXT device, std::string_view extensions) {
  if (!has_word(extensions, "EGL_EXT_device_persistent_id")) return {};
  using QueryBinary = EGLBoolean (*)(EGLDeviceEXT, EGLint, EGLint, void*, EGLint*);
  static const auto query =
      reinterpret_cast<QueryBinary>(eglGetProcAddress("eglQueryDeviceBinaryEXT"));
  std::array<std::uint8_t, 16> bytes{};
  EGLint size = 0;
  if (query == nullptr ||
      query(device, kDeviceUuid, static_cast<EGLint>(bytes.size()), bytes.data(), &size) ==
          EGL_FALSE ||
      size != static_cast<EGLint>(bytes.size()))
    return {};
  return format_gpu_uuid(bytes);
}

std::vector<EglDevice> enumerate() {
  std::array<EGLDeviceEXT, kDevicesMax> handles{};
  EGLint count = 0;
  if (eglQueryDevicesEXT(kDevicesMax, handles.data(), &count) == EGL_FALSE) return {};
  std::vector<EglDevice> devices;
  for (int i = 0; i < std::min<int>(count, kDevicesMax); ++i) {
    EGLDeviceEXT handle = handles[static_cast<std::size_t>(i)];
    const char* extensions = eglQueryDeviceStringEXT(handle, EGL_EXTENSIONS);
    EglDevice device{.handle = handle, .index = i, .extensions = extensions ? extensions : ""};
    device.cuda_ordinal = cuda_ordinal_of(handle, device.extensions);
    device.uuid = uuid_of(handle, device.extensions);
    devices.push_back(std::move(device));
  }
  return devices;
}

std::string name_of(const WantedGpu& wanted) {
  return wanted.name.empty() ? fmt::format("GPU {}", wanted.ordinal)
                             : fmt::format("GPU {} ({})", wanted.ordinal, wanted.name);
}

gstx::Error not_offered(const WantedGpu& wanted) {
  if (wanted.uuid.rfind("MIG-", 0) == 0)
    return {ErrorCode::unsupported, name_of(wanted) + " is a MIG slice, and EGL does not offer it"};
  return {ErrorCode::unsupported,
          name_of(wanted) +
              " is not offered by EGL: the driver's EGL library is missing, or the container was "
              "started without the graphics capability (NVIDIA_DRIVER_CAPABILITIES)"};
}

}  // namespace

gstx::Result<std::vector<EglDevice>> list_egl_devices() {
  const EglGuest guest;
  if (!epoxy_has_egl()) {
    return gstx::fail(ErrorCode::unsupported, "libEGL.so.1 is not installed (apt: libegl1)");
  }
  if (!epoxy_has_egl_extension(EGL_NO_DISPLAY, "EGL_EXT_platform_base")) {
    return gstx::fail(
        ErrorCode::unsupported,
        "libEGL.so.1 is there, but no driver's EGL answers it (EGL_EXT_platform_base is missing)");
  }
  std::vector<EglDevice> devices;
  const bool listed = (epoxy_has_egl_extension(EGL_NO_DISPLAY, "EGL_EXT_device_enumeration") &&
                       epoxy_has_egl_extension(EGL_NO_DISPLAY, "EGL_EXT_device_query")) ||
                      epoxy_has_egl_extension(EGL_NO_DISPLAY, "EGL_EXT_device_base");
  if (listed && epoxy_has_egl_extension(EGL_NO_DISPLAY, "EGL_EXT_platform_device")) {
    devices = enumerate();
  }
  if (devices.empty() && epoxy_has_egl_extension(EGL_NO_DISPLAY, "EGL_MESA_platform_surfaceless")) {
    devices.push_back(EglDevice{});
  }
  if (devices.empty()) {
    return gstx::fail(ErrorCode::unsupported,
                      listed ? "EGL lists no device and has no EGL_MESA_platform_surfaceless"
                             : "EGL has neither EGL_EXT_device_enumeration nor "
                               "EGL_MESA_platform_surfaceless");
  }
  return devices;
}

gstx::Result<EglDevice> choose_egl_device(const std::vector<EglDevice>& devices,
                                          const WantedGpu& wanted) {
  const auto first = [&](auto matches) {
    return std::find_if(devices.begin(), devices.end(), matches);
  };
  if (!wanted.uuid.empty()) {
    const auto same = first([&](const EglDevice& d) { return d.uuid == wanted.uuid; });
    if (same != devices.end()) return *same;
  }
  const auto same = first([&](const EglDevice& d) { return d.cuda_ordinal == wanted.ordinal; });
  if (same != devices.end()) return *same;
  if (wanted.known_to_cuda) return tl::make_unexpected(not_offered(wanted));
  const auto stating = std::count_if(devices.begin(), devices.end(),
                                     [](const EglDevice& d) { return d.cuda_ordinal.has_value(); });
  if (stating > 0) {
    return gstx::fail(ErrorCode::not_found,
                      fmt::format("no EGL device has CUDA ordinal {}: {} of {} state one",
                                  wanted.ordinal, stating, devices.size()));
  }
  if (wanted.ordinal < 0 || std::cmp_greater_equal(wanted.ordinal, devices.size())) {
    return gstx::fail(ErrorCode::not_found,
                      fmt::format("EGL device {} not in 0..{}", wanted.ordinal,
                                  static_cast<int>(devices.size()) - 1));
  }
  return devices[static_cast<std::size_t>(wanted.ordinal)];
}

gstx::Result<EglDevice> find_egl_device(int device) {
  GSTX_ASSIGN_OR_RETURN(const auto devices, list_egl_devices());
  WantedGpu wanted{.ordinal = device};
  if (const auto gpus = list_gpus()) {
    for (const GpuDevice& gpu : gpus->devices) {
      if (gpu.cuda_ordinal != device) continue;
      wanted.known_to_cuda = true;
      wanted.uuid = gpu.uuid;
      wanted.name = gpu.name;
    }
  }
  return choose_egl_device(devices, wanted);
}

std::string format_gpu_uuid(const std::array<std::uint8_t, 16>& bytes) {
  std::string text = "GPU";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", bytes[i]);
  }
  return text;
}

EglGuest::~EglGuest() {
  if (epoxy_has_egl() && eglGetCurrentContext() == EGL_NO_CONTEXT) eglReleaseThread();
}

gstx::Result<void*> open_egl_display(const EglDevice& device) {
  const EglGuest guest;
  const bool surfaceless = device.handle == nullptr;
  EGLDisplay display = eglGetPlatformDisplayEXT(
      surfaceless ? EGL_PLATFORM_SURFACELESS_MESA : EGL_PLATFORM_DEVICE_EXT,
      surfaceless ? reinterpret_cast<void*>(EGL_DEFAULT_DISPLAY) : device.handle, nullptr);
  const std::string which =
      surfaceless ? "the surfaceless platform" : fmt::format("EGL device {}", device.index);
  if (display == EGL_NO_DISPLAY) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("{} gives no display: {}", which, egl_error_text()));
  }
  EGLint major = 0;
  EGLint minor = 0;
  if (eglInitialize(display, &major, &minor) == EGL_FALSE) {
    return gstx::fail(
        ErrorCode::unsupported,
        fmt::format("{} cannot be initialised: {}; is the driver installed and may this "
                    "user open the device node?",
                    which, egl_error_text()));
  }
  return display;
}

std::string egl_error_text() {
  const EGLint code = eglGetError();
  const char* name = "unknown error";
  switch (code) {
    case EGL_SUCCESS:
      name = "no EGL error";
      break;
    case EGL_NOT_INITIALIZED:
      name = "EGL_NOT_INITIALIZED";
      break;
    case EGL_BAD_ACCESS:
      name = "EGL_BAD_ACCESS";
      break;
    case EGL_BAD_ALLOC:
      name = "EGL_BAD_ALLOC";
      break;
    case EGL_BAD_ATTRIBUTE:
      name = "EGL_BAD_ATTRIBUTE";
      break;
    case EGL_BAD_CONFIG:
      name = "EGL_BAD_CONFIG";
      break;
    case EGL_BAD_CONTEXT:
      name = "EGL_BAD_CONTEXT";
      break;
    case EGL_BAD_DISPLAY:
      name = "EGL_BAD_DISPLAY";
      break;
    case EGL_BAD_MATCH:
      name = "EGL_BAD_MATCH";
      break;
    case EGL_BAD_PARAMETER:
      name = "EGL_BAD_PARAMETER";
      break;
    default:
      break;
  }
  return fmt::format("{} ({:#x})", name, code);
}

}  // namespace napari::engine
