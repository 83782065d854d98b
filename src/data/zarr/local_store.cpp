#include "data/zarr/local_store.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace napari::data::zarr {

namespace {

// Between two pieces a stop is noticed.
constexpr std::size_t kPieceBytes = 8 << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

gstx::ErrorCode code_of(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EINTR:
    case ETIMEDOUT:
    case ESTALE:
      return gstx::ErrorCode::unavailable;
    case EACCES:
    case EPERM:
      return gstx::ErrorCode::failed_precondition;
    default:
      return gstx::ErrorCode::internal;
  }
}

tl::unexpected<gstx::Error> failed(const std::string& path, const char* what, int error) {
  return gstx::fail(code_of(error),
                    fmt::format("cannot {} {}: {}", what, path, std::strerror(error)));
}

gstx::Result<std::optional<Bytes>> read_all(int fd, const std::string& path, std::size_t size,
                                            const std::stop_token& stop) {
  Bytes bytes(size);
  std::size_t done = 0;
  while (done < size) {
    if (stop.stop_requested()) return cancelled();
    const ssize_t count = read(fd, bytes.data() + done, std::min(size - done, kPieceBytes));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path, "read", errno);
    if (count == 0) {
      return gstx::fail(gstx::ErrorCode::unavailable,
                        fmt::format("{} became shorter while it was read", path));
    }
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

class LocalStore final : public Store {
 public:
  explicit LocalStore(std::string folder) : folder_(std::move(folder)) {}

  gstx::Result<std::optional<Bytes>> get(std::string_view key, std::size_t bytes_max,
                                         std::stop_token stop) const override {
    GSTX_TRY(check_key(key));
    if (stop.stop_requested()) return cancelled();
    const std::string path = locate(key);
    // O_NONBLOCK: opening a FIFO somebody put there must not hang; it means nothing to a regular file.
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) {
      if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
      return failed(path, "open", errno);
    }
    struct stat status {};
    if (fstat(file.get(), &status) != 0) return failed(path, "open", errno);
    // A folder in a chunk's place is what '/' and '.' keys mixed up look like: no such key.
    if (S_ISDIR(status.st_mode)) return std::nullopt;
    if (!S_ISREG(status.st_mode)) {
      return gstx::fail(gstx::ErrorCode::invalid_argument, fmt::format("{} is no file", path));
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size > bytes_max) {
      return gstx::fail(
          gstx::ErrorCode::invalid_argument,
          fmt::format("{} is too large: {} bytes, at most {} make sense", path, size, bytes_max));
    }
    return read_all(file.get(), path, size, stop);
  }

  gstx::Result<bool> exists(std::string_view key) const override {
    GSTX_TRY(check_key(key));
    const std::string path = locate(key);
    struct stat status {};
    if (stat(path.c_str(), &status) == 0) return S_ISREG(status.st_mode);
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return failed(path, "open", errno);
  }

  std::string locate(std::string_view key) const override {
    return fmt::format("{}/{}", folder_, key);
  }

 private:
  std::string folder_;
};

}  // namespace

StorePtr make_local_store(std::string folder) {
  return std::make_shared<LocalStore>(std::move(folder));
}

}  // namespace napari::data::zarr
