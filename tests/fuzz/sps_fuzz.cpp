// libFuzzer target: the SPS parser and rewriter, and the access unit around them, on untrusted
// bytes.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "engine/bitstream.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace napari::engine;  // NOLINT(google-build-using-namespace): one function
  const std::span<const std::uint8_t> bytes(data, size);
  if (const auto rewritten = rewrite_sps(bytes, kColourBt709)) {
    // What was rewritten parses, carries the colour, and is a fixed point.
    const auto info = parse_sps(*rewritten);
    if (!info || info->colour != kColourBt709) std::abort();
    if (rewrite_sps(*rewritten, kColourBt709) != rewritten) std::abort();
  }
  const auto nals = split_annexb(bytes);
  const auto avcc = join_avcc(nals);
  const auto again = split_avcc(avcc);
  if (!again || again->size() != nals.size()) std::abort();
  static_cast<void>(split_avcc(bytes));
  static_cast<void>(rewrite_annexb(bytes, kColourBt601));
  return 0;
}
