#include "gstx/ref.hpp"

#include <utility>

#include <gtest/gtest.h>

namespace gstx {
namespace {

unsigned count_of(GObject* object) { return object->ref_count; }

TEST(Ref, EveryTransferCountsOnce) {
  auto* object = static_cast<GObject*>(g_object_new(G_TYPE_OBJECT, nullptr));
  {
    Ref<GObject> owner = Ref<GObject>::adopt(object);
    EXPECT_EQ(count_of(object), 1U);
    Ref<GObject> other = Ref<GObject>::retain(object);
    EXPECT_EQ(count_of(object), 2U);
    Ref<GObject> copy = other;
    EXPECT_EQ(count_of(object), 3U);
    Ref<GObject> moved = std::move(copy);
    EXPECT_EQ(count_of(object), 3U);
    moved.reset();
    EXPECT_FALSE(moved);
    EXPECT_EQ(count_of(object), 2U);
    EXPECT_EQ(other.release(), object);
    EXPECT_EQ(count_of(object), 2U);
    owner = Ref<GObject>::adopt(object);  // takes the one that was released, gives its own back
    EXPECT_EQ(count_of(object), 1U);
  }
}

TEST(Ref, SinkTakesTheFloatingReference) {
  auto* object = static_cast<GInitiallyUnowned*>(g_object_new(G_TYPE_INITIALLY_UNOWNED, nullptr));
  const auto owner = Ref<GObject>::sink(G_OBJECT(object));
  EXPECT_FALSE(g_object_is_floating(object));
  EXPECT_EQ(G_OBJECT(object)->ref_count, 1U);
}

}  // namespace
}  // namespace gstx
