// How many times longer a test may take in a sanitizer's build (`./run sanitize`): a factor on deadlines and on bounds of time,
// never a reason to leave an assertion out. Threads: any.
#pragma once

#include <cstdlib>

namespace napari::fakes {

[[nodiscard]] inline int patience() {
  static const int factor = std::getenv("NAPARI_CUDA_SANITIZED") != nullptr ? 4 : 1;
  return factor;
}

}  // namespace napari::fakes
