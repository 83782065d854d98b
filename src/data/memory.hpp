// How much memory this process may use, and sizes as people write them. Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gstx/result.hpp"

namespace napari::data {

// Physical memory, or the limit of the control group where that is lower. `file_root` is prefixed
// to /proc and /sys.
[[nodiscard]] std::int64_t usable_ram_bytes(const std::string& file_root = {});

// A quarter of it.
[[nodiscard]] std::int64_t default_budget_bytes(const std::string& file_root = {});

// "1500000", "512M", "2G", "2GiB", "1.5G" (powers of 1024) or "25%" of `whole_bytes`. The result is
// at least 1.
[[nodiscard]] gstx::Result<std::int64_t> parse_byte_size(std::string_view text,
                                                         std::int64_t whole_bytes);

// "1.5 GiB", for people.
[[nodiscard]] std::string format_bytes(std::int64_t bytes);

}  // namespace napari::data
