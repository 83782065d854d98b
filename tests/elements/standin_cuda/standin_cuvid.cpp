// A stand-in for libnvcuvid.so.1, which decodes nothing: GStreamer's nvcodec plug-in registers cudaupload and cudadownload only
// where it finds the decoder's library.
namespace {
constexpr int kNotSupported = 801;  // CUDA_ERROR_NOT_SUPPORTED
}

extern "C" {
int cuvidCtxLockCreate() { return kNotSupported; }
int cuvidCtxLockDestroy() { return kNotSupported; }
int cuvidCtxLock() { return kNotSupported; }
int cuvidCtxUnlock() { return kNotSupported; }
int cuvidCreateDecoder() { return kNotSupported; }
int cuvidDestroyDecoder() { return kNotSupported; }
int cuvidDecodePicture() { return kNotSupported; }
int cuvidCreateVideoParser() { return kNotSupported; }
int cuvidParseVideoData() { return kNotSupported; }
int cuvidDestroyVideoParser() { return kNotSupported; }
int cuvidMapVideoFrame64() { return kNotSupported; }
int cuvidUnmapVideoFrame64() { return kNotSupported; }
int cuvidGetDecoderCaps() { return kNotSupported; }
}
