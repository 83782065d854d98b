#include "_helpers/standin_encoder/standin_tables.hpp"

#include <string_view>
#include <vector>

namespace napari::standin {
namespace {

constexpr double kIntMax = 2147483647;
constexpr double kUintMax = 4294967295;
constexpr double kKbitMax = 2000 * 1024;

constexpr const char* kOldPresets[] = {
    "default",        "hp",       "hq",          "low-latency", "low-latency-hq",
    "low-latency-hp", "lossless", "lossless-hp", nullptr};
constexpr const char* kPresets[] = {"default",
                                    "hp",
                                    "hq",
                                    "low-latency",
                                    "low-latency-hq",
                                    "low-latency-hp",
                                    "lossless",
                                    "lossless-hp",
                                    "p1",
                                    "p2",
                                    "p3",
                                    "p4",
                                    "p5",
                                    "p6",
                                    "p7",
                                    nullptr};
constexpr const char* kTunes[] = {"default",           "high-quality", "low-latency",
                                  "ultra-low-latency", "lossless",     nullptr};
constexpr const char* kPasses[] = {"default", "disabled", "two-pass-quarter", "two-pass", nullptr};
constexpr const char* kRateControls[] = {"cqp",    "vbr",    "cbr",  "cbr-ld-hq",
                                         "cbr-hq", "vbr-hq", nullptr};
constexpr const char* kRcModes[] = {"default",   "constqp", "cbr",    "vbr",  "vbr-minqp",
                                    "cbr-ld-hq", "cbr-hq",  "vbr-hq", nullptr};
constexpr const char* kSeiModes[] = {"insert", "insert-and-drop", "disabled", nullptr};

constexpr Property flag(const char* name, bool initial, bool only_ready = false) {
  return {name, PropertyKind::boolean, 0, 1, initial ? 1.0 : 0.0, nullptr, only_ready, false};
}
constexpr Property number(const char* name, double minimum, double maximum, double initial) {
  return {name, PropertyKind::integer, minimum, maximum, initial, nullptr, false, false};
}
constexpr Property amount(const char* name, double maximum, bool only_ready = false) {
  return {name, PropertyKind::unsigned_integer, 0, maximum, 0, nullptr, only_ready, false};
}
constexpr Property choice(const char* name, const char* const* nicks, double initial) {
  return {name, PropertyKind::enumeration, 0, 0, initial, nicks, false, false};
}
constexpr Property quantiser(const char* name) { return number(name, -1, 51, -1); }

constexpr Property kDevice{
    "cuda-device-id", PropertyKind::unsigned_integer, 0, kIntMax, 0, nullptr, false, true};
constexpr Property kQuality{"const-quality", PropertyKind::real, 0, 51, 0, nullptr, false, false};

using Table = std::vector<Property>;

void add(Table& table, std::initializer_list<Property> properties) {
  table.insert(table.end(), properties);
}

Table cuda_table(Release release) {
  Table table{kDevice};
  if (release == Release::v1_22) {
    add(table, {choice("preset", kOldPresets, 0)});
  } else {
    add(table, {choice("preset", kPresets, 0), choice("tune", kTunes, 0),
                choice("multi-pass", kPasses, 0), choice("cc-insert", kSeiModes, 0)});
  }
  add(table, {flag("weighted-pred", false),
              number("gop-size", -1, kIntMax, 30),
              amount("b-frames", 4),
              choice("rate-control", kRateControls, 1),
              quantiser("qp-i"),
              quantiser("qp-p"),
              quantiser("qp-b"),
              amount("bitrate", kKbitMax),
              amount("max-bitrate", kKbitMax),
              amount("vbv-buffer-size", kUintMax),
              amount("rc-lookahead", 32),
              flag("i-adapt", false),
              flag("b-adapt", false),
              flag("spatial-aq", false),
              flag("temporal-aq", false),
              flag("zero-reorder-delay", false),
              flag("nonref-p", false),
              flag("strict-gop", false),
              amount("aq-strength", 15),
              quantiser("min-qp-i"),
              quantiser("min-qp-p"),
              quantiser("min-qp-b"),
              quantiser("max-qp-i"),
              quantiser("max-qp-p"),
              quantiser("max-qp-b"),
              kQuality,
              flag("aud", true),
              flag("cabac", true),
              flag("repeat-sequence-header", false)});
  return table;
}

void add_older_quantisers(Table& table) {
  for (const char* name :
       {"qp-min", "qp-max", "qp-const", "qp-min-i", "qp-min-p", "qp-min-b", "qp-max-i", "qp-max-p",
        "qp-max-b", "qp-const-i", "qp-const-p", "qp-const-b"})
    table.push_back(quantiser(name));
}

// The element that was nvh264enc until 1.24.
Table older_table() {
  Table table{kDevice};
  add(table,
      {choice("preset", kOldPresets, 0), choice("rc-mode", kRcModes, 0),
       number("gop-size", -1, kIntMax, 75), amount("bitrate", kKbitMax),
       amount("max-bitrate", kKbitMax), flag("spatial-aq", false), amount("aq-strength", 15),
       flag("nonref-p", false), flag("zerolatency", false), flag("strict-gop", false), kQuality,
       flag("i-adapt", false, true), flag("aud", true), flag("weighted-pred", false),
       amount("vbv-buffer-size", kUintMax, true), amount("rc-lookahead", 32, true),
       flag("temporal-aq", false), amount("bframes", 4, true), flag("b-adapt", false, true)});
  add_older_quantisers(table);
  return table;
}

// The element that nvh264enc is from 1.26 on.
Table merged_table() {
  Table table{kDevice};
  add(table, {choice("preset", kPresets, 0),
              choice("tune", kTunes, 0),
              choice("multi-pass", kPasses, 0),
              choice("cc-insert", kSeiModes, 0),
              flag("weighted-pred", false),
              number("gop-size", -1, kIntMax, 75),
              amount("bframes", 4),
              choice("rc-mode", kRcModes, 0),
              amount("bitrate", kKbitMax),
              amount("max-bitrate", kKbitMax),
              amount("vbv-buffer-size", kUintMax),
              amount("rc-lookahead", 32),
              flag("i-adapt", false),
              flag("b-adapt", false),
              flag("spatial-aq", false),
              flag("temporal-aq", false),
              flag("zerolatency", false),
              flag("nonref-p", false),
              flag("strict-gop", false),
              amount("aq-strength", 15),
              kQuality,
              flag("aud", true),
              flag("cabac", true),
              flag("repeat-sequence-header", false)});
  add_older_quantisers(table);
  return table;
}

}  // namespace

std::span<const Property> properties_of(const char* factory, Release release) {
  static const Table cuda_22 = cuda_table(Release::v1_22);
  static const Table cuda_24 = cuda_table(Release::v1_24);
  static const Table older = older_table();
  static const Table merged = merged_table();
  const bool is_cuda = std::string_view(factory) == "nvcudah264enc";
  if (!is_cuda && std::string_view(factory) != "nvh264enc") return {};
  if (release == Release::v1_26) return is_cuda ? std::span<const Property>() : merged;
  if (!is_cuda) return older;
  return release == Release::v1_22 ? cuda_22 : cuda_24;
}

const char* raw_fields_of(const char* factory, Release release) {
  if (release == Release::v1_26)
    return "format=(string){ NV12, Y444, VUYA, RGBA, RGBx, BGRA, BGRx }, width=(int)[ 160, 4096 ], "
           "height=(int)[ 64, 4096 ], interlace-mode=(string)progressive";
  if (std::string_view(factory) == "nvcudah264enc")
    return "format=(string){ NV12, Y444 }, width=(int)[ 160, 4096 ], height=(int)[ 64, 4096 ], "
           "interlace-mode=(string)progressive";
  return "format=(string){ NV12, YV12, I420, BGRA, RGBA, Y444, VUYA }, width=(int)[ 145, 4096 ], "
         "height=(int)[ 49, 4096 ], framerate=(fraction)[ 0, max ], "
         "interlace-mode=(string)progressive";
}

const char* name_of(Release release) {
  switch (release) {
    case Release::v1_22:
      return "1.22";
    case Release::v1_24:
      return "1.24";
    case Release::v1_26:
      break;
  }
  return "1.26";
}

}  // namespace napari::standin
