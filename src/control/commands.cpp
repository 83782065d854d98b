#include "control/commands.hpp"

#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "data/discovery.hpp"
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

std::string listing_json(const data::Listing& listing) {
  scene::JsonText json;
  json.begin_object().member("path", listing.path).key("entries").begin_array();
  for (const data::ListingEntry& entry : listing.entries) {
    json.begin_object().member("name", entry.name).member("path", entry.path);
    json.member("is_dir", entry.is_dir).member("size", entry.bytes);
    json.member("mtime", entry.modified_s).key("zarr_metadata");
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

std::optional<data::ListingFilter> read_filter(const JsonView& kwargs) {
  data::ListingFilter filter;
  filter.show_hidden = kwargs.member("show_hidden").boolean().value_or(false);
  const JsonView only = kwargs.member("only");
  if (only.is_null()) return filter;
  if (!only.is_array()) return std::nullopt;
  filter.suffixes.clear();
  for (std::size_t i = 0; i < only.size(); ++i) {
    auto suffix = only.at(i).string();
    if (!suffix) return std::nullopt;
    filter.suffixes.push_back(std::move(*suffix));
  }
  return filter;
}

std::string root_of(const data::ServeConfig& config) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path working = fs::current_path(ignored);
  if (!config.data_root.empty()) return (working / config.data_root).string();
  if (config.data.empty()) return working.string();
  return fs::weakly_canonical(working / config.data, ignored).parent_path().string();
}

struct Found {
  gstx::Result<std::string> folder;
  std::vector<std::string> datasets;  // relative to it
};

Found find(const std::string& root, const std::string& path) {
  Found found{.folder = data::confine(root, path), .datasets = {}};
  if (!found.folder) return found;
  std::error_code ignored;
  // A file is no folder to search: opening it says what it is and how to convert it.
  found.datasets = std::filesystem::is_directory(*found.folder, ignored)
                       ? data::find_datasets(root, *found.folder)
                       : std::vector<std::string>{"."};
  return found;
}

// A reply where not exactly one data set is meant.
std::optional<CommandReply> explain(const Found& found, const std::string& asked) {
  if (!found.folder) {
    return failure(fs_code(found.folder.error().code), found.folder.error().message,
                   path_details(asked));
  }
  if (found.datasets.empty()) {
    return failure("zarr.invalid", fmt::format("'{}' holds no OME-Zarr data set", asked),
                   path_details(asked));
  }
  if (found.datasets.size() == 1) return std::nullopt;
  scene::JsonText json;
  json.begin_object().member("path", asked).member("options", found.datasets).end_object();
  return failure("zarr.disambiguate",
                 fmt::format("'{}' holds {} data sets: name one", asked, found.datasets.size()),
                 json.take());
}

}  // namespace

Commands::Commands(SceneHost& host, const data::ServeConfig& config,
                   std::function<void(runtime::Tier)> request_keyframe)
    : host_(host), request_keyframe_(std::move(request_keyframe)), root_(root_of(config)) {}

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
  const auto filter = read_filter(kwargs);
  if (!filter) {
    reply(failure("command.invalid", "only must be a list of suffixes"));
    return;
  }
  const JsonView asked = kwargs.member("path");
  if (!asked.is_null() && !asked.string()) {
    reply(failure("command.invalid", "path must be a string"));
    return;
  }
  const std::string path = asked.string().value_or("");
  using Listed = gstx::Result<data::Listing>;
  on_disk<Listed>(
      [this, path, filter = *filter] { return data::list_directory(root_, path, filter); },
      [reply = std::move(reply), path](Listed listed) {
        if (listed) {
          CommandReply answer;
          answer.result_json = listing_json(*listed);
          reply(answer);
        } else {
          reply(failure(fs_code(listed.error().code), listed.error().message, path_details(path)));
        }
      });
}

void Commands::load(const JsonView& kwargs, Reply reply) {
  const auto path = kwargs.member("path").string();
  if (!path || path->empty()) {
    reply(failure("command.invalid", "path must be a string that is not empty"));
    return;
  }
  on_disk<Found>([this, path = *path] { return find(root_, path); },
                 [this, reply = std::move(reply), path = *path](const Found& found) {
                   if (const auto problem = explain(found, path)) {
                     reply(*problem);
                   } else {
                     const std::filesystem::path folder(*found.folder);
                     const std::string& name = found.datasets.front();
                     // Without the slash that "folder/." would end in: it may be a file.
                     open(name == "." ? folder.string() : (folder / name).string(), reply);
                   }
                 });
}

void Commands::open(const std::string& path, Reply reply) {
  host_.open(path, [reply = std::move(reply), path](const gstx::Result<void>& opened) {
    if (opened) {
      CommandReply answer;
      answer.result_json = R"({"ok":true})";
      reply(answer);
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
