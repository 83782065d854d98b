#include "control/notifier.hpp"

#include <utility>

#include "scene/scene_json.hpp"

namespace napari::control {

Notifier::Notifier(SceneHost& host, const data::ServeConfig& config, ForEachSession for_each,
                   ServiceReport& counters)
    : host_(host), config_(config), for_each_(std::move(for_each)), counters_(counters) {
  for (Topic* topic : {&scene_, &layers_, &stream_}) topic->delta_token = random_hex(16);
  host_.ledger().observe([this](const Commit& commit) { on_commit(commit); });
}

void Notifier::on_commit(const Commit& commit) {
  for (const Key& key : commit.changed) {
    if (key == keys::kDataset.key) baseline_due_ = true;
    if (key == keys::kPose.key) pose_due_ = true;
    if (key == keys::kNdisplay.key) pose_due_ = true;
    if (key.scope == Scope::view || key.scope == Scope::dims || key.scope == Scope::multiscale) {
      dims_due_ = true;
    }
    if (key.scope == Scope::layer && key.name == "thumbnail") thumbnails_due_.insert(key.target);
    if (key.scope == Scope::stream) {
      streams_due_.insert(key.target == "web" ? runtime::Tier::web : runtime::Tier::napari);
    }
  }
  schedule();
}

void Notifier::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  queue_.post([this] { flush(); });
}

void Notifier::flush() {
  scheduled_ = false;
  if (std::exchange(baseline_due_, false)) {
    // It tells everything else as well; streams go by their own road, since a reload does not change them.
    dims_due_ = pose_due_ = false;
    thumbnails_due_.clear();
    for_each_([this](Session& session) { send_baseline(session); });
  }
  const scene::SceneDescription scene = describe_scene(host_.state(), config_);
  if (std::exchange(dims_due_, false)) {
    const std::string payload = scene::dims_payload(scene);
    for_each_([&](Session& session) { send_dims(session, payload); });
  }
  for (const auto& id : std::exchange(thumbnails_due_, {})) {
    if (!has_layer(host_.state(), id)) continue;
    broadcast(layers_, scene::layer_thumbnail_payload(read_layer(host_.state(), id)), {});
  }
  for (const auto tier : std::exchange(streams_due_, {})) send_stream(tier);
  if (std::exchange(pose_due_, false) && scene.image != nullptr) {
    const std::string frame_id = random_hex(4);
    broadcast({.type = "notify.camera", .frame_id = frame_id},
              scene::pose_payload(scene.pose, scene.dims.ndisplay, config_.canvas));
  }
}

void Notifier::send_baseline(Session& session) {
  const scene::SceneDescription scene = describe_scene(host_.state(), config_);
  scene_.delta_token = random_hex(16);
  send(session, scene_, scene::scene_payload(scene));
  send_dims(session, scene::dims_payload(scene));
  for (const auto& layer : scene.layers) {
    advance(layers_);
    send(session, layers_, scene::layer_baseline_payload(layer));
  }
  if (const auto* config = host_.state().find(SceneHost::stream_key(session.tier()))) {
    advance(stream_);
    send(session, stream_, scene::stream_payload(*config));
  }
}

void Notifier::fill_resume(WelcomeParams& params) const {
  params.scene = {0, scene_.delta_token};
  params.layers = {layers_.seq, layers_.delta_token};
  params.stream = {stream_.seq, stream_.delta_token};
}

void Notifier::tell_layer(const std::string& layer_id, const std::vector<std::string>& controls,
                          std::string_view intent_id) {
  broadcast(layers_, scene::layer_controls_payload(read_layer(host_.state(), layer_id), controls),
            intent_id);
}

void Notifier::tell_camera(std::string_view mode, std::string_view delta_json,
                           std::string_view intent_id) {
  const std::string frame_id = random_hex(4);
  broadcast({.type = "notify.camera", .frame_id = frame_id, .intent_id = intent_id},
            scene::camera_echo_payload(mode, delta_json));
}

void Notifier::advance(Topic& topic) {
  ++topic.seq;
  topic.delta_token = random_hex(16);
}

void Notifier::broadcast(const OutboundEnvelope& envelope, std::string_view payload) {
  for_each_([&](Session& session) {
    if (!session.welcomed()) return;
    ++counters_.notifies_out;
    session.send(envelope, payload);
  });
}

void Notifier::broadcast(Topic& topic, std::string_view payload, std::string_view intent_id) {
  advance(topic);
  const std::string frame_id = make_id(topic.type);
  broadcast({.type = topic.type,
             .frame_id = frame_id,
             .intent_id = intent_id,
             .seq = topic.seq,
             .delta_token = topic.delta_token},
            payload);
}

void Notifier::send(Session& session, Topic& topic, std::string_view payload) {
  if (!session.welcomed()) return;
  ++counters_.notifies_out;
  const std::string frame_id = make_id(topic.type);
  session.send({.type = topic.type,
                .frame_id = frame_id,
                .seq = topic.seq,
                .delta_token = topic.delta_token},
               payload);
}

void Notifier::send_dims(Session& session, std::string_view payload) {
  if (!session.welcomed()) return;
  ++counters_.notifies_out;
  const std::string frame_id = random_hex(4);
  session.send({.type = "notify.dims", .frame_id = frame_id}, payload);
}

void Notifier::send_stream(runtime::Tier tier) {
  const auto* config = host_.state().find(SceneHost::stream_key(tier));
  if (config == nullptr) return;
  const std::string payload = scene::stream_payload(*config);
  advance(stream_);
  for_each_([&](Session& session) {
    if (session.tier() == tier) send(session, stream_, payload);
  });
}

}  // namespace napari::control
