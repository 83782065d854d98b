#include "gstx/result.hpp"

namespace gstx {

const char* to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid argument";
    case ErrorCode::not_found:
      return "not found";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::failed_precondition:
      return "failed precondition";
    case ErrorCode::internal:
      return "internal";
  }
  return "unknown";
}

}  // namespace gstx
