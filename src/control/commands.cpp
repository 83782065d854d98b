#include "control/commands.hpp"

#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "scene/json_text.hpp"

namespace napari::control {
namespace {

CommandReply failure(std::string code, std::string message, std::string details_json = {}) {
  return {.code = std::move(code),
          .message = std::move(message),
          .details_json = std::move(details_json),
          .result_json = {}};
}

std::string path_details(const std::string& path) {
  scene::JsonText json;
  return json.begin_object().member("path", path).end_object().take();
}

const char* fs_code(gstx::ErrorCode code) {
  switch (code) {
    case gstx::ErrorCode::not_found:
      return "fs.not_found";
    case gstx::ErrorCode::failed_precondition:
      return "fs.forbidden";
    default:
      return "command.invalid";
  }
}

std::string listing_json(const FsListing& listing) {
  scene::JsonText json;
  json.begin_object().member("path", listing.path).key("entries").begin_array();
  for (const FsEntry& entry : listing.entries) {
    json.begin_object().member("name", entry.name).member("path", entry.path);
    json.member("is_dir", entry.is_dir).member("size", entry.size_bytes);
    json.member("mtime", entry.mtime_s).key("zarr_metadata");
    if (entry.is_dir) {
      json.begin_object().member("is_dataset", entry.is_dataset);
      json.member("has_multiscales", entry.has_multiscales);
      json.member("dataset_children", entry.dataset_children).end_object();
    } else {
      json.raw("null");
    }
    json.end_object();
  }
  json.end_array().member("has_more", listing.has_more).end_object();
  return json.take();
}

std::optional<ListOptions> read_options(const JsonView& kwargs) {
  ListOptions options;
  options.show_hidden = kwargs.member("show_hidden").boolean().value_or(false);
  const JsonView only = kwargs.member("only");
  if (only.is_null()) {
    options.suffixes = {".zarr"};
    return options;
  }
  if (!only.is_array()) return std::nullopt;
  for (std::size_t i = 0; i < only.size(); ++i) {
    auto suffix = only.at(i).string();
    if (!suffix) return std::nullopt;
    options.suffixes.push_back(std::move(*suffix));
  }
  return options;
}

std::string default_root(const data::ServeConfig& config) {
  if (!config.data_root.empty()) return config.data_root;
  if (config.data.empty()) return {};
  std::error_code ignored;
  return std::filesystem::weakly_canonical(config.data, ignored).parent_path().string();
}

struct Found {
  gstx::Result<std::filesystem::path> resolved;
  std::vector<std::filesystem::path> datasets;
};

// Which data set is meant; a reply where there is not exactly one.
std::optional<CommandReply> explain(const Found& found, const std::string& asked) {
  if (!found.resolved) {
    return failure(fs_code(found.resolved.error().code), found.resolved.error().message,
                   path_details(asked));
  }
  if (found.datasets.empty()) {
    return failure("zarr.invalid", fmt::format("'{}' holds no OME-Zarr data set", asked),
                   path_details(asked));
  }
  if (found.datasets.size() == 1) return std::nullopt;
  std::vector<std::string> options;
  for (const auto& path : found.datasets) {
    options.push_back(path.lexically_relative(*found.resolved).string());
  }
  scene::JsonText json;
  json.begin_object().member("path", asked).member("options", options).end_object();
  return failure("zarr.disambiguate",
                 fmt::format("'{}' holds {} data sets: name one", asked, options.size()),
                 json.take());
}

}  // namespace

Commands::Commands(SceneHost& host, const data::ServeConfig& config,
                   std::function<void(runtime::Tier)> request_keyframe)
    : host_(host), request_keyframe_(std::move(request_keyframe)), browser_(default_root(config)) {}

std::vector<std::string> Commands::names() {
  return {"napari.pixel.request_keyframe", "fs.listdir", "napari.load_zarr"};
}

template <typename T>
void Commands::on_disk(std::function<T()> work, std::function<void(T)> finish) {
  ++in_flight_;
  disk_.post([this, work = std::move(work), finish = std::move(finish)] {
    auto result = std::make_shared<T>(work());
    main_queue_.post([this, result, finish] {
      --in_flight_;
      finish(std::move(*result));
    });
  });
}

void Commands::run(runtime::Tier tier, const InboundEnvelope& envelope, Reply reply) {
  const auto command = envelope.payload.member("command").string();
  const JsonView kwargs = envelope.payload.member("kwargs");
  if (!envelope.fault.empty() || !command) {
    reply(failure("command.forbidden",
                  envelope.fault.empty() ? "payload has no command" : envelope.fault));
    return;
  }
  if (!kwargs.is_null() && !kwargs.is_object()) {
    reply(failure("command.invalid", "kwargs must be an object"));
    return;
  }
  if (*command == "napari.pixel.request_keyframe") {
    request_keyframe_(tier);
    reply({});
    return;
  }
  const bool listing = *command == "fs.listdir";
  if (!listing && *command != "napari.load_zarr") {
    reply(failure("command.not_found", fmt::format("unknown command '{}'", *command)));
    return;
  }
  if (in_flight_ >= kCommandsInFlightMax) {
    reply(failure("command.retryable", fmt::format("{} commands are running", in_flight_)));
    return;
  }
  if (listing) {
    list_folder(kwargs, std::move(reply));
  } else {
    load(kwargs, std::move(reply));
  }
}

void Commands::list_folder(const JsonView& kwargs, Reply reply) {
  const auto options = read_options(kwargs);
  if (!options) {
    reply(failure("command.invalid", "only must be a list of suffixes"));
    return;
  }
  if (!kwargs.member("path").is_null() && !kwargs.member("path").string()) {
    reply(failure("command.invalid", "path must be a string"));
    return;
  }
  using Listing = gstx::Result<FsListing>;
  on_disk<Listing>([this, path = kwargs.member("path").string(),
                    options = *options] { return browser_.list(path, options); },
                   [reply = std::move(reply),
                    path = kwargs.member("path").string().value_or("")](Listing listing) {
                     if (listing) {
                       reply({.code = {},
                              .message = {},
                              .details_json = {},
                              .result_json = listing_json(*listing)});
                     } else {
                       reply(failure(fs_code(listing.error().code), listing.error().message,
                                     path_details(path)));
                     }
                   });
}

void Commands::load(const JsonView& kwargs, Reply reply) {
  const auto path = kwargs.member("path").string();
  if (!path || path->empty()) {
    reply(failure("command.invalid", "path must be a string that is not empty"));
    return;
  }
  on_disk<Found>(
      [this, path = *path] {
        Found found{.resolved = browser_.resolve(path), .datasets = {}};
        if (found.resolved) found.datasets = browser_.find_datasets(*found.resolved);
        return found;
      },
      [this, reply = std::move(reply), path = *path](const Found& found) {
        if (const auto problem = explain(found, path)) {
          reply(*problem);
        } else {
          open(found.datasets.front().string(), reply);
        }
      });
}

void Commands::open(const std::string& path, Reply reply) {
  host_.open(path, [reply = std::move(reply), path](const gstx::Result<void>& opened) {
    if (opened) {
      reply({.code = {}, .message = {}, .details_json = {}, .result_json = R"({"ok":true})"});
    } else if (opened.error().code == gstx::ErrorCode::unavailable) {
      reply(failure("command.retryable", opened.error().message, path_details(path)));
    } else if (opened.error().code == gstx::ErrorCode::not_found) {
      reply(failure("fs.not_found", opened.error().message, path_details(path)));
    } else {
      reply(failure("zarr.invalid", opened.error().message, path_details(path)));
    }
  });
}

}  // namespace napari::control
