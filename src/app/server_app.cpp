#include "app/server_app.hpp"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <glib-unix.h>
#include <glib.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/log.hpp"
#include "app/pages.hpp"
#include "app/tunnel.hpp"
#include "control/http_guard.hpp"
#include "control/service.hpp"
#include "data/zarr/zarr_source.hpp"
#include "gstx/thread.hpp"
#include "runtime/interface.hpp"

namespace napari::app {
namespace {

constexpr auto kDrainMax = std::chrono::milliseconds(1800);

class ServerApp {
 public:
  explicit ServerApp(data::ServeConfig config)
      : config_(std::move(config)),
        loop_(g_main_loop_new(nullptr, FALSE)),
        main_queue_(nullptr),
        service_(config_) {}
  ~ServerApp() {
    main_queue_.close();
    g_main_loop_unref(loop_);
  }
  ServerApp(const ServerApp&) = delete;
  ServerApp& operator=(const ServerApp&) = delete;

  int run();

 private:
  gstx::Result<void> start_runtime();
  void start_listening();
  void print_addresses() const;
  void stop(int status);
  void on_signal();
  void fail_start(const gstx::Error& error);

  data::ServeConfig config_;
  GMainLoop* loop_;
  gstx::TaskQueue main_queue_;
  control::Service service_;
  std::unique_ptr<runtime::Runtime> runtime_;
  int status_{0};
  bool draining_{false};
};

gstx::Result<void> ServerApp::start_runtime() {
  runtime::RuntimeConfig runtime_config{
      .serve = config_,
      .open_image = [](const std::string& path) { return data::open_zarr(path); },
      .post = [this](std::function<void()> task) { main_queue_.post(std::move(task)); },
  };
  GSTX_ASSIGN_OR_RETURN(runtime_,
                        runtime::make_runtime(std::move(runtime_config), service_.events()));
  service_.attach(*runtime_);
  add_pages(service_, *runtime_);
  return {};
}

void ServerApp::fail_start(const gstx::Error& error) {
  fmt::print(stderr, "napari-cuda-server: {}\n", error.message);
  status_ = 2;
  g_main_loop_quit(loop_);
}

void ServerApp::start_listening() {
  if (auto listening = service_.listen(); !listening) {
    fail_start(listening.error());
    return;
  }
  print_addresses();
}

void ServerApp::print_addresses() const {
  const runtime::RuntimeReport report = runtime_->report();
  fmt::print("open      {}\n", service_.url());
  fmt::print("from afar {}\n", tunnel_line(read_host_facts(), service_.port()));
  if (service_.state_port() != 0 || service_.pixel_port() != 0)
    fmt::print("napari    state port {}, pixel port {} on {} (no token: use a tunnel)\n",
               service_.state_port(), service_.pixel_port(), service_.napari_host());
  fmt::print("data      {}, clients may browse {}\n",
             config_.data.empty() ? "none yet" : config_.data, config_.data_root);
  fmt::print("draws     {}: {}\n", report.draws_with, report.draw_reason);
  fmt::print("encodes   {}\n",
             config_.encoder == "auto"
                 ? "with the first encoder that opens (`doctor` says which, and why)"
                 : config_.encoder);
  std::fflush(stdout);
}

void ServerApp::stop(int status) {
  if (draining_) return;
  draining_ = true;
  status_ = status;
  // What cannot be ended in time (a read that hangs in the kernel) must not keep the process.
  std::thread([status] {
    std::this_thread::sleep_for(kDrainMax);
    std::fputs("warning napari-cuda-server: did not drain in time, exiting\n", stderr);
    _exit(status);
  }).detach();
  service_.drain([this] { g_main_loop_quit(loop_); });
}

void ServerApp::on_signal() {
  if (draining_) _exit(0);
  stop(0);
}

int ServerApp::run() {
  const auto on_signal = [](gpointer self) noexcept -> gboolean {
    static_cast<ServerApp*>(self)->on_signal();
    return G_SOURCE_CONTINUE;
  };
  const guint term = g_unix_signal_add(SIGTERM, on_signal, this);
  const guint interrupt = g_unix_signal_add(SIGINT, on_signal, this);
  if (auto started = start_runtime(); !started) {
    fmt::print(stderr, "napari-cuda-server: {}\n", started.error().message);
    return started.error().code == gstx::ErrorCode::internal ? 1 : 2;
  }
  if (config_.data.empty()) {
    start_listening();
  } else {
    service_.open_initial(config_.data, [this](gstx::Result<void> opened) {
      if (opened)
        start_listening();
      else
        fail_start(opened.error());
    });
  }
  if (status_ == 0) g_main_loop_run(loop_);
  g_source_remove(term);
  g_source_remove(interrupt);
  main_queue_.close();
  return status_;
}

// Clients and chunk files share the descriptors; the usual soft limit of 1024 is for programs that use select().
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// glibc raises its threshold for mmap to the largest block that was ever freed (32 MB at most), so that chunks and pictures land
// in the threads' arenas, and what is free between two that live is not given back. Measured at 1080p, 4 viewers coming and going,
// volumes and reopened data for 2 minutes, resident bytes less the voxel cache: 209 MB, so 104 MB; no more CPU time.
void tune_allocator() {
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

}  // namespace

int serve(data::ServeConfig config) {
  tune_allocator();
  install_log_writer(config);
  raise_descriptor_limit();
  if (!control::is_loopback(config.host) && config.tls_cert.empty() && !config.insecure) {
    fmt::print(stderr,
               "napari-cuda-server: --host {} is reachable from other machines: add --tls-cert and "
               "--tls-key, or --insecure to serve plain HTTP there\n",
               config.host);
    return 2;
  }
  if (config.data_root.empty()) {
    const std::filesystem::path data = config.data;
    config.data_root = config.data.empty()
                           ? "."
                           : std::filesystem::absolute(data / "..").lexically_normal().string();
  }
  std::error_code error;
  const auto root = std::filesystem::canonical(config.data_root, error);
  if (error || !std::filesystem::is_directory(root)) {
    fmt::print(stderr, "napari-cuda-server: --data-root: \"{}\" is no folder that can be read\n",
               config.data_root);
    return 2;
  }
  config.data_root = root.string();
  const int status = ServerApp(std::move(config)).run();  // and gone, with all its threads
  runtime::shut_down();
  return status;
}

}  // namespace napari::app
