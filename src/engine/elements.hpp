// The engine's face for gst-elements alone: what the three elements are shells over.
// Threads: as the headers it gathers.
#pragma once

#include "data/core_budget.hpp"
#include "data/latency_stats.hpp"
#include "engine/bitstream.hpp"
#include "engine/color_convert.hpp"
#include "engine/cuda/cuda_converter.hpp"
#include "engine/cuda/gpu_device.hpp"
#include "engine/cuda_memory.hpp"
#include "engine/device_choice.hpp"
#include "engine/encoder_choice.hpp"
#include "engine/encoder_memory.hpp"
#include "engine/encoder_probe.hpp"
#include "engine/frame_meta.hpp"
#include "engine/gpu_memory.hpp"
#include "engine/memory_kind.hpp"
#include "engine/napari_events.hpp"
#include "engine/render_delegate.hpp"
#include "engine/renderer.hpp"
#include "engine/retired_elements.hpp"
#include "engine/test_pattern.hpp"
