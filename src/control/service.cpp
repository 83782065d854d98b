#include "control/service.hpp"

#include <utility>

#include "control/commands.hpp"
#include "control/pixel_channel.hpp"
#include "control/scene_host.hpp"
#include "control/server.hpp"
#include "control/state_channel.hpp"
#include "control/timer.hpp"

namespace napari::control {
namespace {

constexpr double kDrainSeconds = 0.9;

}  // namespace

class Service::Impl {
 public:
  explicit Impl(data::ServeConfig given)
      : config(std::move(given)),
        host(config),
        pixels(counters),
        commands(host, config, [this](runtime::Tier tier) { pixels.request_keyframe(tier); }),
        states(host, commands, config, counters),
        server(config,
               {.has_room =
                    [this](Server::Channel channel) {
                      const std::size_t now =
                          channel == Server::Channel::state ? states.clients() : pixels.clients();
                      return !draining && now < static_cast<std::size_t>(data::kSessionsMax);
                    },
                .on_socket = [this](SoupServerMessage* message, Server::Channel channel,
                                    runtime::Tier tier) { on_socket(message, channel, tier); }},
               counters) {
    states.on_keyframe_wanted = [this] { pixels.request_keyframes(); };
  }

  void on_socket(SoupServerMessage* message, Server::Channel channel, runtime::Tier tier) {
    auto socket = std::make_unique<WebSocket>(message, data::kMessageBytesMax);
    if (channel == Server::Channel::state) {
      states.accept(std::move(socket), tier);
    } else {
      pixels.accept(std::move(socket), tier);
    }
  }

  void drain(std::function<void()> done);
  void finish_drain();

  data::ServeConfig config;
  ServiceReport counters;
  SceneHost host;
  PixelChannel pixels;
  Commands commands;
  StateChannel states;
  Server server;
  bool draining{false};
  Timer drain_timer;
  std::function<void()> drained;
  std::shared_ptr<Impl*> self{
      std::make_shared<Impl*>(this)};  // the runtime's callbacks hold it weakly
};

void Service::Impl::drain(std::function<void()> done) {
  if (draining) return;
  draining = true;
  drained = std::move(done);
  drain_timer.start_once(kDrainSeconds, [this] { finish_drain(); });
  const auto when_empty = [this] {
    if (states.clients() == 0 && pixels.clients() == 0) finish_drain();
  };
  pixels.drain(when_empty);
  host.detach();
  states.drain(when_empty);
}

void Service::Impl::finish_drain() {
  drain_timer.stop();
  server.stop();
  if (auto done = std::exchange(drained, nullptr)) done();
}

Service::Service(data::ServeConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}
Service::~Service() = default;

runtime::RuntimeEvents Service::events() {
  const std::weak_ptr<Impl*> weak = impl_->self;
  return {
      .on_pose =
          [weak](const scene::CameraPose& pose, std::uint64_t) {
            if (const auto self = weak.lock()) (*self)->host.mirror_pose(pose);
          },
      .on_level = [](int) {},
      .on_config =
          [weak](runtime::Tier tier, const data::StreamConfig& config) {
            if (const auto self = weak.lock()) (*self)->host.mirror_config(tier, config);
          },
      .on_thumbnail =
          [weak](std::vector<std::uint8_t> pixels) {
            if (const auto self = weak.lock()) (*self)->host.mirror_thumbnail(std::move(pixels));
          },
      .on_error =
          [weak](const gstx::Error& error) {
            if (const auto self = weak.lock()) {
              ++(*self)->counters.runtime_errors;
              g_warning("%s", error.message.c_str());
            }
          },
  };
}

void Service::attach(runtime::Runtime& runtime) {
  impl_->host.attach(runtime);
  impl_->pixels.attach(runtime);
}

void Service::add_page(std::string path, Page page, PageAccess access) {
  impl_->server.add_page(std::move(path), std::move(page), access);
}

void Service::open_initial(std::string path, std::function<void(gstx::Result<void>)> done) {
  impl_->host.open(std::move(path), std::move(done));
}

gstx::Result<void> Service::listen() { return impl_->server.listen(); }
int Service::port() const { return impl_->server.port(); }
int Service::state_port() const { return impl_->server.state_port(); }
int Service::pixel_port() const { return impl_->server.pixel_port(); }
std::string Service::napari_host() const { return impl_->server.napari_host(); }
std::string Service::url() const { return impl_->server.url(); }
const std::string& Service::token() const { return impl_->server.token(); }

void Service::drain(std::function<void()> done) { impl_->drain(std::move(done)); }

ServiceReport Service::report() const {
  ServiceReport report = impl_->counters;
  report.state_clients_now = static_cast<int>(impl_->states.clients());
  report.pixel_clients_now = static_cast<int>(impl_->pixels.clients());
  report.scene_version = impl_->host.state().scene_version();
  const auto latency = impl_->states.ack_latency();
  report.ack_ms_p50 = static_cast<double>(latency.p50_ns) / 1e6;
  report.ack_ms_p99 = static_cast<double>(latency.p99_ns) / 1e6;
  return report;
}

}  // namespace napari::control
