// Errors as values. `Result<T>` is what every operation that can fail returns; the six codes say what the
// caller can do about it. Mapped to GError, GstFlowReturn or a protocol reply once, at the border.
// Threads: any.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace gstx {

enum class ErrorCode {
  invalid_argument,     // the caller passed something wrong: change it
  not_found,            // the thing named does not exist
  unavailable,          // a retry may help
  unsupported,          // this build or machine cannot: degrade
  failed_precondition,  // not in this state
  internal,             // a defect or a failure of the machine
};

[[nodiscard]] const char* to_string(ErrorCode code) noexcept;

// `message` is one sentence, lower-case start, with the values in it ("level 7 not in 0..4").
struct Error {
  ErrorCode code{ErrorCode::internal};
  std::string message;

  bool operator==(const Error&) const = default;
};

template <typename T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::make_unexpected(Error{code, std::move(message)});
}
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::make_unexpected(std::move(error));
}

}  // namespace gstx

#define GSTX_CONCAT_INNER(a, b) a##b
#define GSTX_CONCAT(a, b) GSTX_CONCAT_INNER(a, b)

// Returns the error of `expression` (a Result) from the enclosing function, if it holds one.
#define GSTX_TRY(expression)                                      \
  do {                                                            \
    if (auto gstx_result = (expression); !gstx_result)            \
      return tl::make_unexpected(std::move(gstx_result).error()); \
  } while (false)

// `GSTX_ASSIGN_OR_RETURN(auto x, make_x());` declares x or returns the error.
#define GSTX_ASSIGN_OR_RETURN(declaration, expression) \
  GSTX_ASSIGN_OR_RETURN_INNER(GSTX_CONCAT(gstx_result_, __LINE__), declaration, expression)
#define GSTX_ASSIGN_OR_RETURN_INNER(name, declaration, expression) \
  auto name = (expression);                                        \
  if (!name) return tl::make_unexpected(std::move(name).error());  \
  declaration = std::move(*name)
