// A test double of libnvrtc for the stand-in driver, which runs the kernel's CPU build whatever image it is given: a build
// without nvcc compiles its kernel at run time, and so takes that road too. Compiles nothing. Threads: any; programs are the caller's.
#include <cstddef>
#include <cstring>
#include <iterator>
#include <string_view>

namespace {

constexpr int kInvalidInput = 3;
constexpr int kArchitectures[] = {75, 80, 86, 89, 90};
constexpr std::string_view kImage{"stand-in image of a kernel", 27};  // with its end

struct Program {
  bool compiled{false};
};

int copy_image(void* program, char* to) {
  if (program == nullptr || to == nullptr || !static_cast<Program*>(program)->compiled)
    return kInvalidInput;
  std::memcpy(to, kImage.data(), kImage.size());
  return 0;
}

int tell_size(void* program, std::size_t* bytes, std::size_t size) {
  if (program == nullptr || bytes == nullptr) return kInvalidInput;
  *bytes = size;
  return 0;
}

}  // namespace

extern "C" {

int nvrtcVersion(int* major, int* minor) {
  *major = 12;
  *minor = 4;
  return 0;
}
const char* nvrtcGetErrorString(int status) {
  return status == 0 ? "NVRTC_SUCCESS" : "NVRTC_ERROR_INVALID_INPUT";
}
int nvrtcGetNumSupportedArchs(int* count) {
  *count = static_cast<int>(std::size(kArchitectures));
  return 0;
}
int nvrtcGetSupportedArchs(int* architectures) {
  std::memcpy(architectures, kArchitectures, sizeof(kArchitectures));
  return 0;
}
int nvrtcCreateProgram(void** program, const char* source, const char*, int, const char* const*,
                       const char* const*) {
  if (program == nullptr || source == nullptr) return kInvalidInput;
  *program = new Program();
  return 0;
}
int nvrtcCompileProgram(void* program, int, const char* const*) {
  if (program == nullptr) return kInvalidInput;
  static_cast<Program*>(program)->compiled = true;
  return 0;
}
int nvrtcDestroyProgram(void** program) {
  if (program == nullptr) return kInvalidInput;
  delete static_cast<Program*>(*program);
  *program = nullptr;
  return 0;
}
int nvrtcGetProgramLogSize(void* program, std::size_t* bytes) {
  return tell_size(program, bytes, 1);
}
int nvrtcGetProgramLog(void*, char* text) {
  *text = '\0';
  return 0;
}
int nvrtcGetCUBINSize(void* program, std::size_t* bytes) {
  return tell_size(program, bytes, kImage.size());
}
int nvrtcGetCUBIN(void* program, char* image) { return copy_image(program, image); }
int nvrtcGetPTXSize(void* program, std::size_t* bytes) {
  return tell_size(program, bytes, kImage.size());
}
int nvrtcGetPTX(void* program, char* image) { return copy_image(program, image); }
}
