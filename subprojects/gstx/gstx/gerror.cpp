#include "gstx/gerror.hpp"

#include <gio/gio.h>

namespace gstx {
namespace {

ErrorCode io_code(int code) {
  switch (code) {
    case G_IO_ERROR_NOT_FOUND:
      return ErrorCode::not_found;
    case G_IO_ERROR_INVALID_ARGUMENT:
    case G_IO_ERROR_INVALID_DATA:
    case G_IO_ERROR_INVALID_FILENAME:
      return ErrorCode::invalid_argument;
    case G_IO_ERROR_NOT_SUPPORTED:
      return ErrorCode::unsupported;
    case G_IO_ERROR_TIMED_OUT:
    case G_IO_ERROR_BUSY:
    case G_IO_ERROR_WOULD_BLOCK:
    case G_IO_ERROR_CANCELLED:
    case G_IO_ERROR_ADDRESS_IN_USE:
    case G_IO_ERROR_CONNECTION_REFUSED:
      return ErrorCode::unavailable;
    case G_IO_ERROR_PERMISSION_DENIED:
      return ErrorCode::failed_precondition;
    default:
      return ErrorCode::internal;
  }
}

ErrorCode file_code(int code) {
  switch (code) {
    case G_FILE_ERROR_NOENT:
    case G_FILE_ERROR_NOTDIR:
      return ErrorCode::not_found;
    case G_FILE_ERROR_ACCES:
    case G_FILE_ERROR_PERM:
      return ErrorCode::failed_precondition;
    case G_FILE_ERROR_INVAL:
      return ErrorCode::invalid_argument;
    default:
      return ErrorCode::internal;
  }
}

}  // namespace

GQuark error_quark() { return g_quark_from_static_string("gstx-error"); }

tl::unexpected<Error> take_gerror(GError* error) {
  g_assert(error != nullptr);
  ErrorCode code = ErrorCode::internal;
  if (error->domain == error_quark()) {
    code = static_cast<ErrorCode>(error->code);
  } else if (error->domain == G_IO_ERROR) {
    code = io_code(error->code);
  } else if (error->domain == G_FILE_ERROR) {
    code = file_code(error->code);
  }
  Error result{code, error->message};
  g_error_free(error);
  return fail(std::move(result));
}

void propagate(GError** destination, const Error& error) {
  g_set_error_literal(destination, error_quark(), static_cast<int>(error.code),
                      error.message.c_str());
}

}  // namespace gstx
