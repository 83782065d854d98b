// Reading through a store, cancelling, contrast, discovery. What python-zarr writes is tested in zarr_roundtrip_test.py.
#include <atomic>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/contrast.hpp"
#include "data/discovery.hpp"
#include "data/nifti/convert.hpp"
#include "data/parallel.hpp"
#include "data/roi.hpp"
#include "data/temporary_folder.hpp"
#include "data/zarr/array_writer.hpp"
#include "data/zarr/describe.hpp"
#include "data/zarr/zarr_source.hpp"

namespace napari::data {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

// Keys in memory; counts reads and may wait in them until it is cancelled.
class MemoryStore final : public zarr::Store {
 public:
  gstx::Result<std::optional<zarr::Bytes>> get(std::string_view key, std::size_t,
                                               std::stop_token stop) const override {
    ++reads;
    if (blocks && key.find(".z") == std::string_view::npos) {
      while (!stop.stop_requested()) std::this_thread::yield();
      return zarr::cancelled();
    }
    const auto found = keys.find(std::string(key));
    if (found == keys.end()) return std::nullopt;
    const auto bytes = std::as_bytes(std::span(found->second));
    return zarr::Bytes(bytes.begin(), bytes.end());
  }
  gstx::Result<bool> exists(std::string_view key) const override {
    return keys.contains(std::string(key));
  }
  std::string locate(std::string_view key) const override { return "memory:" + std::string(key); }

  std::map<std::string, std::string> keys;
  std::atomic<bool> blocks{false};
  mutable std::atomic<int> reads{0};
};

std::string array_json(const std::string& shape, const std::string& chunks,
                       const std::string& dtype) {
  return R"({"zarr_format":2,"shape":)" + shape + R"(,"chunks":)" + chunks + R"(,"dtype":")" +
         dtype + R"(","compressor":null,"fill_value":9,"order":"C","filters":null})";
}

TEST(ZarrSource, ReadsOnlyTheChunksItNeeds) {
  auto store = std::make_shared<MemoryStore>();
  store->keys[".zarray"] = array_json("[4,4]", "[2,2]", "|u1");
  store->keys["1.1"] = std::string("\1\2\3\4");
  const auto source = open_zarr_store(store, "m");
  ASSERT_TRUE(source) << source.error().message;
  store->reads = 0;
  std::array<std::byte, 4> out;
  ASSERT_TRUE((*source)->read(0, {{1, 2}, {2, 2}}, out, {}));
  EXPECT_EQ(store->reads, 2);
  EXPECT_THAT(out, ElementsAre(std::byte{9}, std::byte{9}, std::byte{1}, std::byte{2}));
}

TEST(ZarrSource, RefusesRegionsOutsideAndWrongSizes) {
  auto store = std::make_shared<MemoryStore>();
  store->keys[".zarray"] = array_json("[4,4]", "[2,2]", "|u1");
  const auto source = open_zarr_store(store, "m");
  ASSERT_TRUE(source);
  std::array<std::byte, 4> out;
  EXPECT_FALSE((*source)->read(0, {{3, 3}, {2, 2}}, out, {}));
  EXPECT_FALSE((*source)->read(0, {{-1, 0}, {2, 2}}, out, {}));
  EXPECT_FALSE((*source)->read(0, {{0}, {4}}, out, {}));
  EXPECT_FALSE((*source)->read(0, {{0, 0}, {1, 2}}, out, {}));
  EXPECT_FALSE((*source)->read(0, {{0, 0}, {0, 4}}, std::span<std::byte>(), {}));
  EXPECT_FALSE((*source)->read(1, {{0, 0}, {2, 2}}, out, {}));
  EXPECT_FALSE((*source)->read(-1, {{0, 0}, {2, 2}}, out, {}));
}

TEST(ZarrSource, AStopEndsABlockedRead) {
  auto store = std::make_shared<MemoryStore>();
  store->keys[".zarray"] = array_json("[4,4]", "[2,2]", "|u1");
  const auto source = open_zarr_store(store, "m");
  ASSERT_TRUE(source);
  store->blocks = true;
  store->reads = 0;
  std::atomic<bool> cancelled{false};
  {
    std::jthread reader([&](std::stop_token stop) {
      std::array<std::byte, 16> out;
      const auto read = (*source)->read(0, {{0, 0}, {4, 4}}, out, stop);
      cancelled = !read && read.error().code == gstx::ErrorCode::unavailable &&
                  read.error().message == "cancelled";
    });
    while (store->reads == 0) std::this_thread::yield();
  }  // the thread's end requests the stop
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(store->reads, 1);
}

TEST(ZarrSource, ManyThreadsReadTheSame) {
  const TemporaryFolder folder;
  const auto writer = zarr::ArrayWriter::create(folder.path() / "a.zarr", DType::u16, {40, 40, 40},
                                                {16, 16, 16}, {});
  ASSERT_TRUE(writer) << writer.error().message;
  for (std::int64_t i = 0; i < 27; ++i) {
    std::vector<std::uint16_t> chunk(16 * 16 * 16);
    for (std::size_t at = 0; at < chunk.size(); ++at) {
      chunk[at] = static_cast<std::uint16_t>(at * 31 + static_cast<std::size_t>(i));
    }
    ASSERT_TRUE(writer->write_chunk({i / 9, i / 3 % 3, i % 3}, std::as_bytes(std::span(chunk))));
  }
  const auto source = open_zarr(folder.path() / "a.zarr");
  ASSERT_TRUE(source) << source.error().message;
  const Region region{{3, 5, 7}, {30, 30, 30}};
  std::vector<std::byte> expected(30 * 30 * 30 * 2);
  ASSERT_TRUE((*source)->read(0, region, expected, {}));
  EXPECT_EQ((*source)->info().levels[0].codec, "blosc(lz4, shuffle)");
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::vector<std::byte> out(expected.size());
      for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE((*source)->read(0, region, out, {}));
        EXPECT_EQ(out, expected);
      }
    });
  }
}

// An image in memory whose voxels a function makes.
class MadeImage final : public ImageSource {
 public:
  MadeImage(std::vector<std::int64_t> shape, DType dtype) {
    const std::vector<Axis> names{{"c", AxisType::channel, {}},
                                  {"z", AxisType::space, {}},
                                  {"y", AxisType::space, {}},
                                  {"x", AxisType::space, {}}};
    info_.axes = {names.end() - static_cast<std::ptrdiff_t>(shape.size()), names.end()};
    info_.levels.push_back(
        {.shape = shape, .chunk = std::vector<std::int64_t>(shape.size(), 32), .dtype = dtype});
  }
  const ImageInfo& info() const override { return info_; }
  gstx::Result<void> read(int, const Region& region, std::span<std::byte> out,
                          std::stop_token) const override {
    bytes_read += static_cast<std::int64_t>(out.size());
    EXPECT_TRUE(contains(whole(info_.levels[0].shape), region));
    auto* values = reinterpret_cast<float*>(out.data());
    const std::int64_t offset = info_.axes.size() == 4 ? region.start[0] * 1000 : 0;
    for (std::size_t i = 0; i < out.size() / sizeof(float); ++i) {
      values[i] = static_cast<float>(i % 1009) + static_cast<float>(offset);
      if (i % 7 == 0) values[i] = NAN;
      if (i % 11 == 0) values[i] = INFINITY;
    }
    return {};
  }
  ImageInfo info_;
  mutable std::atomic<std::int64_t> bytes_read{0};
};

TEST(Contrast, PercentilesOfFiniteVoxelsOfTheChannel) {
  const MadeImage image({3, 50, 60, 70}, DType::f32);
  EXPECT_EQ(channel_count(image.info()), 3);
  const auto contrast = measure_contrast(image, 2, {});
  ASSERT_TRUE(contrast);
  EXPECT_NEAR(contrast->limits[0], 2005, 1);
  EXPECT_NEAR(contrast->limits[1], 3003, 1);
  EXPECT_EQ(contrast->range, (std::array<double, 2>{2000, 3008}));
  EXPECT_FALSE(measure_contrast(image, 3, {}));
}

TEST(Contrast, ReadsABoundedSampleOfALargeImage) {
  const MadeImage image({4000, 4000, 4000}, DType::f32);
  const auto contrast = measure_contrast(image, 0, {});
  ASSERT_TRUE(contrast);
  EXPECT_LE(image.bytes_read, kSampleBytes);
  EXPECT_GE(image.bytes_read, kSampleBytes / 64);
  EXPECT_NEAR(contrast->limits[0], 5, 2);
  EXPECT_NEAR(contrast->limits[1], 1003, 2);
}

TEST(Contrast, TheAuthorsWindowWins) {
  MadeImage image({50, 60, 70}, DType::f32);
  image.info_.channels = {{.name = "a", .window = {{100, 2000}}, .range = {}}};
  const auto contrast = measure_contrast(image, 0, {});
  ASSERT_TRUE(contrast);
  EXPECT_EQ(contrast->limits, (std::array<double, 2>{100, 2000}));
  EXPECT_EQ(contrast->range, (std::array<double, 2>{0, 2000}));
  image.bytes_read = 0;
  image.info_.channels[0].range = {{-5, 5000}};
  EXPECT_EQ(measure_contrast(image, 0, {})->range, (std::array<double, 2>{-5, 5000}));
  EXPECT_EQ(image.bytes_read, 0);
}

TEST(Contrast, LimitsAreNumpysPercentiles) {
  std::vector<double> ramp(201);
  for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<double>((i * 77) % 201);
  EXPECT_EQ(limits_of(ramp), (std::array<double, 2>{1, 199}));
  std::vector<double> spike(1000, 0.0);
  spike[500] = 8;
  EXPECT_EQ(limits_of(spike), (std::array<double, 2>{0, 8}));
  std::vector<double> flat(10, 5.0);
  EXPECT_EQ(limits_of(flat), (std::array<double, 2>{0, 1}));
  std::vector<double> none;
  EXPECT_EQ(limits_of(none), (std::array<double, 2>{0, 1}));
}

class Discovery : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const auto file = root_.path() / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void make_image(const std::string& path) { write(path + "/.zattrs", R"({"multiscales":[{}]})"); }
  std::string root() const { return fs::canonical(root_.path()); }
  TemporaryFolder root_;
};

TEST_F(Discovery, FindsDatasetsTwoFoldersDeep) {
  make_image("a.zarr");
  make_image("a.zarr/inner");
  make_image("b/c.zarr");
  make_image("b/d/e/too-deep.zarr");
  make_image(".hidden.zarr");
  write("b/f.zarr/.zarray", "{}");
  write("g/.zattrs", R"({"multiscales":[]})");
  write("h/.zattrs", "junk");
  EXPECT_THAT(find_datasets(root(), root()), ElementsAre("a.zarr", "b/c.zarr", "b/f.zarr"));
  EXPECT_THAT(find_datasets(root(), root() + "/a.zarr"), ElementsAre("."));
  EXPECT_THAT(find_datasets(root(), root() + "/h"), ElementsAre());
  EXPECT_THAT(dataset_children(root() + "/b"), ElementsAre("c.zarr", "f.zarr"));
  EXPECT_TRUE(is_dataset(root() + "/b/f.zarr"));
  EXPECT_FALSE(has_multiscales(root() + "/b/f.zarr"));
  EXPECT_FALSE(is_dataset(root() + "/g"));
  for (int i = 0; i < 40; ++i) make_image("many/" + std::to_string(i));
  EXPECT_EQ(find_datasets(root(), root() + "/many").size(), kDatasetsMax);
  EXPECT_EQ(dataset_children(root() + "/many").size(), kDatasetChildrenMax);
}

TEST_F(Discovery, ConfinesToTheRoot) {
  make_image("data/a.zarr");
  make_image("secret/b.zarr");
  fs::create_directory_symlink(root_.path() / "secret", root_.path() / "data/way-out");
  fs::create_directory_symlink(root_.path() / "data", root_.path() / "alias");
  const std::string data = root() + "/data";
  EXPECT_EQ(confine(data, "a.zarr"), data + "/a.zarr");
  EXPECT_EQ(confine(data, ""), data);
  EXPECT_EQ(confine(data, data + "/./a.zarr"), data + "/a.zarr");
  EXPECT_EQ(confine(root() + "/alias", root() + "/alias/a.zarr"), data + "/a.zarr");
  EXPECT_EQ(confine(data, "none").error().code, gstx::ErrorCode::not_found);
  for (const std::string escape :
       {"..", "../secret", "/etc", "way-out", "way-out/b.zarr", "../absent", "/absent"}) {
    const auto confined = confine(data, escape);
    ASSERT_FALSE(confined) << escape;
    EXPECT_EQ(confined.error().code, gstx::ErrorCode::failed_precondition) << escape;
  }
  EXPECT_EQ(confine(data, root() + "/database").error().code, gstx::ErrorCode::failed_precondition);
  EXPECT_THAT(find_datasets(data, data), ElementsAre("a.zarr"));
}

TEST_F(Discovery, ListsAsTheDesktopClientExpects) {
  make_image("B.zarr");
  make_image("folder/inside.zarr");
  write("a.ZARR", "file");
  write("c.txt", "text");
  write(".dot.zarr", "hidden");
  fs::create_symlink("/nowhere", root_.path() / "broken.zarr");
  fs::create_directory_symlink("/", root_.path() / "outside");
  const auto listing = list_directory(root(), "", {});
  ASSERT_TRUE(listing) << listing.error().message;
  EXPECT_EQ(listing->path, root());
  EXPECT_FALSE(listing->has_more);
  std::vector<std::string> names;
  for (const ListingEntry& entry : listing->entries) names.push_back(entry.name);
  EXPECT_THAT(names, ElementsAre("a.ZARR", "B.zarr", "folder"));
  EXPECT_EQ(listing->entries[0].bytes, 4);
  EXPECT_FALSE(listing->entries[0].is_dir);
  EXPECT_TRUE(listing->entries[1].is_dataset && listing->entries[1].has_multiscales);
  EXPECT_EQ(listing->entries[1].path, root() + "/B.zarr");
  EXPECT_GT(listing->entries[1].modified_s, 1e9);
  EXPECT_THAT(listing->entries[2].dataset_children, ElementsAre("inside.zarr"));
  EXPECT_EQ(list_directory(root(), "", {.suffixes = {}, .show_hidden = true})->entries.size(), 5U);
  EXPECT_EQ(list_directory(root(), "..", {})->path, root());
  EXPECT_EQ(list_directory(root(), "none", {}).error().code, gstx::ErrorCode::not_found);
  EXPECT_EQ(list_directory(root(), "c.txt", {}).error().code, gstx::ErrorCode::not_found);
}

TEST_F(Discovery, CutsLongListings) {
  for (int i = 0; i < 1005; ++i) write("many/" + std::to_string(i) + ".zarr", "");
  const auto listing = list_directory(root(), "many", {});
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->entries.size(), kListingMax);
  EXPECT_TRUE(listing->has_more);
}

TEST(ParallelFor, RunsEachOnceAndReturnsTheFirstError) {
  std::vector<std::atomic<int>> runs(100);
  ASSERT_TRUE(parallel_for(100, 4, [&](std::int64_t i) -> gstx::Result<void> {
    ++runs[static_cast<std::size_t>(i)];
    return {};
  }));
  for (const auto& count : runs) EXPECT_EQ(count, 1);
  std::atomic<int> after{0};
  const auto failed = parallel_for(100, 1, [&](std::int64_t i) -> gstx::Result<void> {
    if (i == 3) return gstx::fail(gstx::ErrorCode::internal, "three");
    after += i > 3 ? 1 : 0;
    return {};
  });
  EXPECT_EQ(failed.error().message, "three");
  EXPECT_EQ(after, 0);
}

TEST(Convert, OverwritesOnlyAZarrAndOnlyWhenAsked) {
  const TemporaryFolder folder;
  const std::string in = folder.path() / "in.nii";
  std::string file(352 + 8, '\0');
  const auto put = [&file](std::size_t at, auto value) {
    std::memcpy(file.data() + at, &value, sizeof value);
  };
  put(0, std::int32_t{348});
  for (std::size_t i = 0; i < 8; ++i)
    put(40 + 2 * i, static_cast<std::int16_t>(i == 0 ? 3 : (i < 4 ? 2 : 1)));
  put(70, std::int16_t{2});
  put(108, 352.0F);
  std::memcpy(file.data() + 344, "n+1", 4);
  file.replace(352, 8, "abcdefgh");
  std::ofstream(in) << file;
  const std::string out = folder.path() / "out.zarr";
  const auto convert = [&](Overwrite overwrite) {
    return convert_nifti(in, out, {.overwrite = overwrite}, {});
  };
  ASSERT_TRUE(convert(Overwrite::no));
  EXPECT_FALSE(convert(Overwrite::no));
  ASSERT_TRUE(convert(Overwrite::yes));
  const auto image = open_zarr(out);
  ASSERT_TRUE(image);
  std::array<std::byte, 8> voxels;
  ASSERT_TRUE((*image)->read(0, whole((*image)->info().levels[0].shape), voxels, {}));
  EXPECT_EQ(std::memcmp(voxels.data(), "abcdefgh", 8), 0);
  EXPECT_THAT(describe((*image)->info()), HasSubstr("2 x 2 x 2 uint8"));
  fs::remove_all(out);
  fs::create_directory(out);
  std::ofstream(out + "/precious.txt") << "mine";
  EXPECT_FALSE(convert(Overwrite::yes));
  EXPECT_TRUE(fs::exists(out + "/precious.txt"));
  std::stop_source stop;
  stop.request_stop();
  const std::string other = folder.path() / "other.zarr";
  EXPECT_FALSE(convert_nifti(in, other, {.stop = stop.get_token()}, {}));
  EXPECT_FALSE(fs::exists(other));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2);
}

}  // namespace
}  // namespace napari::data
