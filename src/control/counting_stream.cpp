#include "control/counting_stream.hpp"

struct NapariCountingOutput {
  GFilterOutputStream parent;
  std::uint64_t written;
};
struct NapariCountingOutputClass {
  GFilterOutputStreamClass parent;
};
struct NapariCountingStream {
  GIOStream parent;
  GIOStream* base;
  GOutputStream* output;
};
struct NapariCountingStreamClass {
  GIOStreamClass parent;
};

namespace {

GPollableOutputStream* base_of(GPollableOutputStream* stream) {
  return G_POLLABLE_OUTPUT_STREAM(
      g_filter_output_stream_get_base_stream(G_FILTER_OUTPUT_STREAM(stream)));
}

void init_pollable(GPollableOutputStreamInterface* face) {
  face->can_poll = [](GPollableOutputStream* self) noexcept -> gboolean {
    return g_pollable_output_stream_can_poll(base_of(self));
  };
  face->is_writable = [](GPollableOutputStream* self) noexcept -> gboolean {
    return g_pollable_output_stream_is_writable(base_of(self));
  };
  face->create_source = [](GPollableOutputStream* self,
                           GCancellable* cancellable) noexcept -> GSource* {
    GSource* child = g_pollable_output_stream_create_source(base_of(self), nullptr);
    GSource* source = g_pollable_source_new_full(self, child, cancellable);
    g_source_unref(child);
    return source;
  };
  face->write_nonblocking = [](GPollableOutputStream* self, const void* buffer, gsize count,
                               GError** error) noexcept -> gssize {
    const gssize written =
        g_pollable_output_stream_write_nonblocking(base_of(self), buffer, count, nullptr, error);
    if (written > 0) {
      reinterpret_cast<NapariCountingOutput*>(self)->written += static_cast<std::uint64_t>(written);
    }
    return written;
  };
}

}  // namespace

G_DEFINE_TYPE_WITH_CODE(NapariCountingOutput, napari_counting_output, G_TYPE_FILTER_OUTPUT_STREAM,
                        G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_OUTPUT_STREAM, init_pollable))
G_DEFINE_TYPE(NapariCountingStream, napari_counting_stream, G_TYPE_IO_STREAM)

static void napari_counting_output_class_init(NapariCountingOutputClass* klass) {
  GOutputStreamClass* output = G_OUTPUT_STREAM_CLASS(klass);
  output->write_fn = [](GOutputStream* self, const void* buffer, gsize count,
                        GCancellable* cancellable, GError** error) noexcept -> gssize {
    GOutputStream* base = g_filter_output_stream_get_base_stream(G_FILTER_OUTPUT_STREAM(self));
    const gssize written = g_output_stream_write(base, buffer, count, cancellable, error);
    if (written > 0) {
      reinterpret_cast<NapariCountingOutput*>(self)->written += static_cast<std::uint64_t>(written);
    }
    return written;
  };
}

static void napari_counting_output_init(NapariCountingOutput*) {}

static void napari_counting_stream_class_init(NapariCountingStreamClass* klass) {
  GIOStreamClass* stream = G_IO_STREAM_CLASS(klass);
  stream->get_input_stream = [](GIOStream* self) noexcept -> GInputStream* {
    return g_io_stream_get_input_stream(reinterpret_cast<NapariCountingStream*>(self)->base);
  };
  stream->get_output_stream = [](GIOStream* self) noexcept -> GOutputStream* {
    return reinterpret_cast<NapariCountingStream*>(self)->output;
  };
  stream->close_fn = [](GIOStream* self, GCancellable* cancellable,
                        GError** error) noexcept -> gboolean {
    return g_io_stream_close(reinterpret_cast<NapariCountingStream*>(self)->base, cancellable,
                             error);
  };
  G_OBJECT_CLASS(klass)->finalize = [](GObject* self) noexcept {
    auto* stream_self = reinterpret_cast<NapariCountingStream*>(self);
    g_clear_object(&stream_self->output);
    g_clear_object(&stream_self->base);
    G_OBJECT_CLASS(napari_counting_stream_parent_class)->finalize(self);
  };
}

static void napari_counting_stream_init(NapariCountingStream*) {}

namespace napari::control {

gstx::Ref<GIOStream> make_counting_stream(GIOStream* base) {
  auto* stream =
      static_cast<NapariCountingStream*>(g_object_new(napari_counting_stream_get_type(), nullptr));
  stream->base = G_IO_STREAM(g_object_ref(base));
  stream->output = static_cast<GOutputStream*>(
      g_object_new(napari_counting_output_get_type(), "base-stream",
                   g_io_stream_get_output_stream(base), "close-base-stream", FALSE, nullptr));
  return gstx::Ref<GIOStream>::adopt(G_IO_STREAM(stream));
}

std::uint64_t bytes_written(GIOStream* stream) {
  return reinterpret_cast<NapariCountingOutput*>(
             reinterpret_cast<NapariCountingStream*>(stream)->output)
      ->written;
}

}  // namespace napari::control
