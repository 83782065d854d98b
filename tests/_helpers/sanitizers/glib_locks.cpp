// Shows ThreadSanitizer the locks, queues, reference counts and thread pools of GLib and GStreamer, which are futexes and atomics
// in libraries built without instrumentation: what one thread does before it unlocks happens before what another does after it
// locks. Linked into the test programs of a TSan build only, where these definitions come before the libraries' own. So no race
// that a lock of theirs guards is reported, and no suppression by library is needed, which would hide our races too: their frames
// are in every callback's stack. Threads: any. Owns the workers of thread pools, for as long as the process lives.
#include <dlfcn.h>
#include <glib-object.h>
#include <gst/gst.h>
#include <sanitizer/tsan_interface.h>

namespace {

// The definition that this one hides. Looked up once; threads that do so at a time find the same.
template <typename Function>
Function* hidden(void*& slot, const char* name) {
  void* found = __atomic_load_n(&slot, __ATOMIC_RELAXED);
  if (found == nullptr) {
    found = dlsym(RTLD_NEXT, name);
    __atomic_store_n(&slot, found, __ATOMIC_RELAXED);
  }
  return reinterpret_cast<Function*>(found);
}

struct Worker {
  GFunc function;
  gpointer data;
};

}  // namespace

#define NAPARI_HIDDEN(name)                     \
  [] {                                          \
    static constinit void* slot{};              \
    return hidden<decltype(name)>(slot, #name); \
  }()

extern "C" {

#define NAPARI_LOCK(name, Type) \
  void name(Type* lock) {       \
    NAPARI_HIDDEN(name)(lock);  \
    __tsan_acquire(lock);       \
  }
#define NAPARI_TRYLOCK(name, Type)                     \
  gboolean name(Type* lock) {                          \
    const gboolean locked = NAPARI_HIDDEN(name)(lock); \
    if (locked != FALSE) __tsan_acquire(lock);         \
    return locked;                                     \
  }
#define NAPARI_UNLOCK(name, Type) \
  void name(Type* lock) {         \
    __tsan_release(lock);         \
    NAPARI_HIDDEN(name)(lock);    \
  }

NAPARI_LOCK(g_mutex_lock, GMutex)
NAPARI_TRYLOCK(g_mutex_trylock, GMutex)
NAPARI_UNLOCK(g_mutex_unlock, GMutex)
NAPARI_LOCK(g_rw_lock_writer_lock, GRWLock)
NAPARI_TRYLOCK(g_rw_lock_writer_trylock, GRWLock)
NAPARI_UNLOCK(g_rw_lock_writer_unlock, GRWLock)
NAPARI_LOCK(g_rw_lock_reader_lock, GRWLock)
NAPARI_TRYLOCK(g_rw_lock_reader_trylock, GRWLock)
NAPARI_UNLOCK(g_rw_lock_reader_unlock, GRWLock)

// The wait gives the mutex up and takes it back within GLib, where the definitions above are not seen.
void g_cond_wait(GCond* cond, GMutex* mutex) {
  __tsan_release(mutex);
  NAPARI_HIDDEN(g_cond_wait)(cond, mutex);
  __tsan_acquire(mutex);
}

gboolean g_cond_wait_until(GCond* cond, GMutex* mutex, gint64 end_time) {
  __tsan_release(mutex);
  const gboolean signalled = NAPARI_HIDDEN(g_cond_wait_until)(cond, mutex, end_time);
  __tsan_acquire(mutex);
  return signalled;
}

// The last reference given up may run a finalizer of ours: after all that other holders did.
#undef g_object_unref
void g_object_unref(gpointer object) {
  __tsan_release(object);
  __tsan_acquire(object);
  NAPARI_HIDDEN(g_object_unref)(object);
}

void gst_mini_object_unref(GstMiniObject* object) {
  __tsan_release(object);
  __tsan_acquire(object);
  NAPARI_HIDDEN(gst_mini_object_unref)(object);
}

// GstHarness hands buffers over in queues whose lock is taken within GLib.
void g_async_queue_push(GAsyncQueue* queue, gpointer item) {
  __tsan_release(queue);
  NAPARI_HIDDEN(g_async_queue_push)(queue, item);
}

gpointer g_async_queue_pop(GAsyncQueue* queue) {
  gpointer item = NAPARI_HIDDEN(g_async_queue_pop)(queue);
  __tsan_acquire(queue);
  return item;
}

gpointer g_async_queue_try_pop(GAsyncQueue* queue) {
  gpointer item = NAPARI_HIDDEN(g_async_queue_try_pop)(queue);
  __tsan_acquire(queue);
  return item;
}

gpointer g_async_queue_try_pop_unlocked(GAsyncQueue* queue) {
  gpointer item = NAPARI_HIDDEN(g_async_queue_try_pop_unlocked)(queue);
  __tsan_acquire(queue);
  return item;
}

gpointer g_async_queue_timeout_pop(GAsyncQueue* queue, guint64 timeout_us) {
  gpointer item = NAPARI_HIDDEN(g_async_queue_timeout_pop)(queue, timeout_us);
  __tsan_acquire(queue);
  return item;
}

// A pool's worker takes a task over by locks within GLib.
gboolean g_thread_pool_push(GThreadPool* pool, gpointer task, GError** error) {
  __tsan_release(task);
  return NAPARI_HIDDEN(g_thread_pool_push)(pool, task, error);
}

GThreadPool* g_thread_pool_new(GFunc function, gpointer data, gint threads_max, gboolean exclusive,
                               GError** error) {
  const auto take_over = [](gpointer task, gpointer pool) noexcept {
    __tsan_acquire(task);
    const auto* worker = static_cast<Worker*>(pool);
    worker->function(task, worker->data);
  };
  auto* worker = new Worker{
      function, data};  // as long-lived as the process: nobody says when a pool's last task is done
  return NAPARI_HIDDEN(g_thread_pool_new)(take_over, worker, threads_max, exclusive, error);
}

}  // extern "C"
