#include "gstx/result.hpp"

#include <memory>

#include <gtest/gtest.h>

namespace gstx {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(ErrorCode::invalid_argument, "the number is odd");
  return number / 2;
}

Result<int> quarter(int number) {
  GSTX_ASSIGN_OR_RETURN(const int once, half(number));
  GSTX_ASSIGN_OR_RETURN(const int twice, half(once));
  return twice;
}

Result<void> check(int number) {
  GSTX_TRY(half(number));
  return {};
}

Result<std::unique_ptr<int>> boxed(int number) {
  GSTX_ASSIGN_OR_RETURN(auto box, Result<std::unique_ptr<int>>(std::make_unique<int>(number)));
  return box;
}

TEST(Result, TheMacrosPassValuesAndErrorsOn) {
  EXPECT_EQ(quarter(12), 3);
  EXPECT_EQ(quarter(6).error(), (Error{ErrorCode::invalid_argument, "the number is odd"}));
  EXPECT_TRUE(check(2));
  EXPECT_FALSE(check(3));
  EXPECT_EQ(**boxed(5), 5);
}

TEST(Result, EveryCodeHasAName) {
  for (const auto code :
       {ErrorCode::invalid_argument, ErrorCode::not_found, ErrorCode::unavailable,
        ErrorCode::unsupported, ErrorCode::failed_precondition, ErrorCode::internal})
    EXPECT_STRNE(to_string(code), "unknown");
}

}  // namespace
}  // namespace gstx
