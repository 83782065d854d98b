// Counted references to GLib objects. The call site names the transfer: `adopt` (transfer full),
// `retain` (transfer none), `sink` (floating), `release()` (give away). A type without a
// `RefTraits` specialisation does not compile: there is no default, since unreffing a mini-object
// as a GObject would crash. Threads: as the wrapped type.
#pragma once

#include <utility>

#include <glib-object.h>

namespace gstx {

template <typename T>
struct RefTraits;  // static void ref(T*), static void unref(T*)

struct GObjectRefTraits {
  static void ref(gpointer object) { g_object_ref(object); }
  static void unref(gpointer object) { g_object_unref(object); }
};

template <typename T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}  // NOLINT(google-explicit-constructor): an empty reference is unambiguous
  Ref(const Ref& other) : pointer_(other.pointer_) {
    if (pointer_ != nullptr) RefTraits<T>::ref(pointer_);
  }
  Ref(Ref&& other) noexcept : pointer_(std::exchange(other.pointer_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(pointer_, other.pointer_);
    return *this;
  }
  ~Ref() { reset(); }

  [[nodiscard]] static Ref adopt(T* pointer) {
    Ref result;
    result.pointer_ = pointer;
    return result;
  }
  [[nodiscard]] static Ref retain(T* pointer) {
    if (pointer != nullptr) RefTraits<T>::ref(pointer);
    return adopt(pointer);
  }
  [[nodiscard]] static Ref sink(T* pointer) {
    return adopt(static_cast<T*>(pointer != nullptr ? g_object_ref_sink(pointer) : nullptr));
  }

  [[nodiscard]] T* get() const { return pointer_; }
  [[nodiscard]] T* operator->() const { return pointer_; }
  [[nodiscard]] explicit operator bool() const { return pointer_ != nullptr; }
  [[nodiscard]] T* release() { return std::exchange(pointer_, nullptr); }
  void reset() {
    if (pointer_ != nullptr) RefTraits<T>::unref(std::exchange(pointer_, nullptr));
  }

 private:
  T* pointer_{nullptr};
};

template <>
struct RefTraits<GObject> : GObjectRefTraits {};
template <>
struct RefTraits<GMainLoop> {
  static void ref(GMainLoop* loop) { g_main_loop_ref(loop); }
  static void unref(GMainLoop* loop) { g_main_loop_unref(loop); }
};
template <>
struct RefTraits<GMainContext> {
  static void ref(GMainContext* context) { g_main_context_ref(context); }
  static void unref(GMainContext* context) { g_main_context_unref(context); }
};
template <>
struct RefTraits<GBytes> {
  static void ref(GBytes* bytes) { g_bytes_ref(bytes); }
  static void unref(GBytes* bytes) { g_bytes_unref(bytes); }
};

}  // namespace gstx
