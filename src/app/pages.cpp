#include "app/pages.hpp"

#include <string>
#include <string_view>

#include <gio/gio.h>

#include "app/metrics.hpp"

namespace napari::app {
namespace {

using control::PageAccess;
using control::PageRequest;
using control::PageResponse;

constexpr std::string_view kResourcePrefix = "/org/napari_cuda/web";
// The page loads nothing from elsewhere and runs nothing inline; wasm and blobs are not needed.
constexpr const char* kContentPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
    "'self' ws: wss:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

std::string content_type_of(std::string_view path) {
  const auto ends = [&](std::string_view suffix) {
    return path.size() >= suffix.size() && path.substr(path.size() - suffix.size()) == suffix;
  };
  if (ends(".html")) return "text/html; charset=utf-8";
  if (ends(".js") || ends(".mjs")) return "text/javascript; charset=utf-8";
  if (ends(".css")) return "text/css; charset=utf-8";
  if (ends(".svg")) return "image/svg+xml";
  if (ends(".json")) return "application/json";
  return "application/octet-stream";
}

PageResponse static_file(const PageRequest& request) {
  const std::string name = request.path == "/" ? "/index.html" : request.path;
  const std::string resource = std::string(kResourcePrefix) + name;
  GBytes* bytes = g_resources_lookup_data(resource.c_str(), G_RESOURCE_LOOKUP_FLAGS_NONE, nullptr);
  if (bytes == nullptr) return {.status = 404, .body = "there is no page " + request.path + "\n"};
  gsize size = 0;
  const auto* data = static_cast<const char*>(g_bytes_get_data(bytes, &size));
  PageResponse response{.content_type = content_type_of(name), .body = std::string(data, size)};
  g_bytes_unref(bytes);
  response.headers = {{"Content-Security-Policy", kContentPolicy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cache-Control", "no-cache"}};
  return response;
}

}  // namespace

void add_pages(control::Service& service, const runtime::Runtime& runtime) {
  service.add_page("/*", static_file, PageAccess::token);
  service.add_page(
      "/healthz", [](const PageRequest&) { return PageResponse{.body = "ok\n"}; },
      PageAccess::open);
  service.add_page(
      "/readyz",
      [&runtime](const PageRequest&) {
        const bool draws = !runtime.report().draws_with.empty();
        return PageResponse{.status = draws ? 200 : 503,
                            .body = draws ? "ready\n" : "nothing can draw\n"};
      },
      PageAccess::token);
  service.add_page(
      "/metrics",
      [&](const PageRequest&) {
        return PageResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                            .body = prometheus_text(service.report(), runtime.report())};
      },
      PageAccess::token);
  service.add_page(
      "/metrics.json",
      [&](const PageRequest&) {
        const double now_s = static_cast<double>(g_get_real_time()) / 1e6;
        return PageResponse{.content_type = "application/json",
                            .body = metrics_json(service.report(), runtime.report(), now_s)};
      },
      PageAccess::token);
  service.add_page(
      "/pipeline.dot",
      [&runtime](const PageRequest&) {
        return PageResponse{.content_type = "text/vnd.graphviz; charset=utf-8",
                            .body = runtime.pipeline_dot()};
      },
      PageAccess::token);
}

}  // namespace napari::app
