#include "gstx/gst_error.hpp"

namespace gstx {
namespace {

void post(GstElement* element, const Error& error, GstMessageType type) {
  GQuark domain = GST_LIBRARY_ERROR;
  int code = GST_LIBRARY_ERROR_FAILED;
  switch (error.code) {
    case ErrorCode::invalid_argument:
      code = GST_LIBRARY_ERROR_SETTINGS;
      break;
    case ErrorCode::not_found:
      domain = GST_RESOURCE_ERROR;
      code = GST_RESOURCE_ERROR_NOT_FOUND;
      break;
    case ErrorCode::unavailable:
      domain = GST_RESOURCE_ERROR;
      code = GST_RESOURCE_ERROR_BUSY;
      break;
    case ErrorCode::unsupported:
      domain = GST_STREAM_ERROR;
      code = GST_STREAM_ERROR_NOT_IMPLEMENTED;
      break;
    case ErrorCode::failed_precondition:
    case ErrorCode::internal:
      break;
  }
  gst_element_message_full(element, type, domain, code, g_strdup(error.message.c_str()), nullptr,
                           __FILE__, static_cast<const char*>(__func__), __LINE__);
}

}  // namespace

void post_error(GstElement* element, const Error& error) {
  post(element, error, GST_MESSAGE_ERROR);
}

void post_warning(GstElement* element, const Error& error) {
  post(element, error, GST_MESSAGE_WARNING);
}

}  // namespace gstx
