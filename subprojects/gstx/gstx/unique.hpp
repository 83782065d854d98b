// `Unique<T>`: sole ownership of GLib types that are freed, not counted. Threads: any.
#pragma once

#include <memory>

#include <glib-object.h>

namespace gstx {

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};

using UniqueString = std::unique_ptr<char, FreeWith<g_free>>;
using UniqueStrv = std::unique_ptr<char*, FreeWith<g_strfreev>>;
using UniqueError = std::unique_ptr<GError, FreeWith<g_error_free>>;
using UniqueDir = std::unique_ptr<GDir, FreeWith<g_dir_close>>;

// A GSource that is destroyed (detached) and unreffed with its owner. Use on the thread of its context.
struct SourceDestroy {
  void operator()(GSource* source) const {
    g_source_destroy(source);
    g_source_unref(source);
  }
};
using UniqueSource = std::unique_ptr<GSource, SourceDestroy>;

}  // namespace gstx
