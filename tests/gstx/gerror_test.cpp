#include "gstx/gerror.hpp"

#include <gio/gio.h>
#include <gtest/gtest.h>

namespace gstx {
namespace {

TEST(GErrorMapping, OursComesBackUnchanged) {
  for (const auto code :
       {ErrorCode::invalid_argument, ErrorCode::not_found, ErrorCode::unavailable,
        ErrorCode::unsupported, ErrorCode::failed_precondition, ErrorCode::internal}) {
    GError* error = nullptr;
    propagate(&error, {code, "level 7 not in 0..4"});
    EXPECT_EQ(take_gerror(error).value(), (Error{code, "level 7 not in 0..4"}));
  }
}

TEST(GErrorMapping, KeepsTheMessageOfOthersAndTheNearestCode) {
  EXPECT_EQ(take_gerror(g_error_new_literal(G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "gone")).value(),
            (Error{ErrorCode::not_found, "gone"}));
  EXPECT_EQ(
      take_gerror(g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_ACCES, "closed")).value().code,
      ErrorCode::failed_precondition);
  EXPECT_EQ(
      take_gerror(g_error_new_literal(g_quark_from_static_string("other"), 1, "x")).value().code,
      ErrorCode::internal);
}

TEST(GErrorMapping, ANullDestinationIsAllowed) {
  propagate(nullptr, {ErrorCode::internal, "nobody asks"});
}

}  // namespace
}  // namespace gstx
