#include "control/counting_stream.hpp"

#include <algorithm>

struct NapariCountingOutput {
  GFilterOutputStream parent;
  std::uint64_t written;
};
struct NapariCountingOutputClass {
  GFilterOutputStreamClass parent;
};
struct NapariCountingInput {
  GFilterInputStream parent;
  std::size_t portion;
  std::size_t left;     // of the portion
  std::size_t allowed;  // 0: not bounded
  std::size_t used;     // of it
  gint64 allowed_us;    // when
};
struct NapariCountingInputClass {
  GFilterInputStreamClass parent;
};
struct NapariCountingStream {
  GIOStream parent;
  GIOStream* base;
  GInputStream* input;
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

GPollableInputStream* base_of(GPollableInputStream* stream) {
  return G_POLLABLE_INPUT_STREAM(
      g_filter_input_stream_get_base_stream(G_FILTER_INPUT_STREAM(stream)));
}

// Pings and pongs of a client that has nothing to say for weeks.
constexpr double kTricklePerSecond = 64;

bool exhausted(const NapariCountingInput& input) {
  if (input.allowed == 0 || input.used <= input.allowed) return false;
  const double seconds = static_cast<double>(g_get_monotonic_time() - input.allowed_us) / 1e6;
  return static_cast<double>(input.used - input.allowed) > seconds * kTricklePerSecond;
}

gssize read_portion(GPollableInputStream* self, void* buffer, gsize count, GError** error) {
  auto* input = reinterpret_cast<NapariCountingInput*>(self);
  if (input->portion != 0 && input->left == 0) {
    input->left = input->portion;
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "others first");
    return -1;
  }
  if (input->portion != 0) count = std::min<gsize>(count, input->left);
  const gssize size =
      g_pollable_input_stream_read_nonblocking(base_of(self), buffer, count, nullptr, error);
  if (size > 0) {
    input->used += static_cast<std::size_t>(size);
    if (exhausted(*input)) {
      g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "no message ends");
      return -1;
    }
    if (input->portion != 0) input->left -= static_cast<std::size_t>(size);
  } else {
    input->left = input->portion;
  }
  return size;
}

void init_pollable_input(GPollableInputStreamInterface* face) {
  face->can_poll = [](GPollableInputStream* self) noexcept -> gboolean {
    return g_pollable_input_stream_can_poll(base_of(self));
  };
  face->is_readable = [](GPollableInputStream* self) noexcept -> gboolean {
    return g_pollable_input_stream_is_readable(base_of(self));
  };
  face->create_source = [](GPollableInputStream* self,
                           GCancellable* cancellable) noexcept -> GSource* {
    GSource* child = g_pollable_input_stream_create_source(base_of(self), nullptr);
    GSource* source = g_pollable_source_new_full(self, child, cancellable);
    g_source_unref(child);
    return source;
  };
  face->read_nonblocking = [](GPollableInputStream* self, void* buffer, gsize count,
                              GError** error) noexcept -> gssize {
    return read_portion(self, buffer, count, error);
  };
}

}  // namespace

G_DEFINE_TYPE_WITH_CODE(NapariCountingInput, napari_counting_input, G_TYPE_FILTER_INPUT_STREAM,
                        G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_INPUT_STREAM, init_pollable_input))
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
static void napari_counting_input_class_init(NapariCountingInputClass*) {}
static void napari_counting_input_init(NapariCountingInput*) {}

static void napari_counting_stream_class_init(NapariCountingStreamClass* klass) {
  GIOStreamClass* stream = G_IO_STREAM_CLASS(klass);
  stream->get_input_stream = [](GIOStream* self) noexcept -> GInputStream* {
    return reinterpret_cast<NapariCountingStream*>(self)->input;
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
    g_clear_object(&stream_self->input);
    g_clear_object(&stream_self->output);
    g_clear_object(&stream_self->base);
    G_OBJECT_CLASS(napari_counting_stream_parent_class)->finalize(self);
  };
}

static void napari_counting_stream_init(NapariCountingStream*) {}

namespace napari::control {

gstx::Ref<GIOStream> make_counting_stream(GIOStream* base, std::size_t portion) {
  auto* stream =
      static_cast<NapariCountingStream*>(g_object_new(napari_counting_stream_get_type(), nullptr));
  stream->base = G_IO_STREAM(g_object_ref(base));
  stream->input = static_cast<GInputStream*>(
      g_object_new(napari_counting_input_get_type(), "base-stream",
                   g_io_stream_get_input_stream(base), "close-base-stream", FALSE, nullptr));
  auto* input = reinterpret_cast<NapariCountingInput*>(stream->input);
  input->portion = input->left = portion;
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

void allow_reading(GIOStream* stream, std::size_t bytes) {
  auto* input = reinterpret_cast<NapariCountingInput*>(
      reinterpret_cast<NapariCountingStream*>(stream)->input);
  input->allowed = bytes;
  input->used = 0;
  input->allowed_us = g_get_monotonic_time();
}

}  // namespace napari::control
