#include "simt/runtime/stream.hpp"

#include <algorithm>
#include <chrono>

#include "simt/runtime/device_memory.hpp"
#include "simt/runtime/scheduler.hpp"
#include "simt/runtime/simt.hpp"

namespace clipk::simt {
namespace {

CUstream_st& null_stream() {
  static auto* stream = new CUstream_st;
  return *stream;
}
std::vector<CUstream_st*>& streams() {
  static auto* list = new std::vector<CUstream_st*>{&null_stream()};
  return *list;
}
CUstream_st* resolve(cudaStream_t stream) {
  const bool null =
      stream == nullptr || stream == cudaStreamLegacy || stream == cudaStreamPerThread;
  return null ? &null_stream() : stream;
}
int g_strict_captures = 0;  // under way, and not relaxed
cudaError_t g_last_error = cudaSuccess;

void run(const Operation& operation) {
  const OpenDeviceMemory open;
  operation();
}

void run_event(EventState& event, std::uint64_t ticket) {
  CUstream_st* stream = resolve(event.stream);
  while (event.done < ticket && !stream->queue.empty()) {
    const Operation operation = std::move(stream->queue.front());
    stream->queue.pop_front();
    run(operation);
  }
}

void spoil_captures() {
  for (CUstream_st* s : streams()) {
    if (s->capture != nullptr) s->capture->spoiled = true;
  }
}

}  // namespace

cudaError_t remember(cudaError_t error) {
  if (error != cudaSuccess) g_last_error = error;
  return error;
}

cudaError_t last_error(bool reset) {
  const cudaError_t error = g_last_error;
  if (reset) g_last_error = cudaSuccess;
  return error;
}

cudaError_t not_while_capturing() {
  if (g_strict_captures == 0) return cudaSuccess;
  spoil_captures();
  return remember(cudaErrorStreamCaptureUnsupported);
}

bool is_capturing(cudaStream_t stream) {
  return resolve(stream)->capture != nullptr;
}

void drain(cudaStream_t stream) {
  CUstream_st* s = resolve(stream);
  while (!s->queue.empty()) {
    const Operation operation = std::move(s->queue.front());
    s->queue.pop_front();
    run(operation);
  }
}

void drain_all() {
  for (CUstream_st* s : streams()) drain(s);
}

cudaError_t enqueue(cudaStream_t stream, Operation operation) {
  CUstream_st* s = resolve(stream);
  if (in_kernel()) {
    report("%s: the harness has no launches from kernels", describe_running());
    return remember(cudaErrorNotSupported);
  }
  if (s->capture != nullptr) {
    s->capture->operations.push_back(std::move(operation));
    return cudaSuccess;
  }
  if (s == &null_stream() && g_strict_captures > 0) {
    spoil_captures();
    return remember(cudaErrorStreamCaptureImplicit);
  }
  if (s == &null_stream()) {
    for (CUstream_st* other : streams()) {
      if (other->blocking && other != s) drain(other);
    }
  } else if (s->blocking) {
    drain(&null_stream());
  }
  if (options().streams == StreamMode::lazy) {
    s->queue.push_back(std::move(operation));
  } else {
    drain(s);
    run(operation);
  }
  return cudaSuccess;
}

}  // namespace clipk::simt

using clipk::simt::drain;
using clipk::simt::enqueue;
using clipk::simt::null_stream;
using clipk::simt::remember;
using clipk::simt::resolve;
using clipk::simt::streams;

extern "C" {

// ---- Streams ------------------------------------------------------------------------------------

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  *stream = new CUstream_st;
  (*stream)->blocking = (flags & cudaStreamNonBlocking) == 0;
  streams().push_back(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (std::find(streams().begin(), streams().end(), stream) == streams().end()) {
    return remember(cudaErrorInvalidResourceHandle);
  }
  drain(stream);
  std::erase(streams(), stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (clipk::simt::is_capturing(stream)) return clipk::simt::not_while_capturing();
  drain(stream);
  return cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return resolve(stream)->queue.empty() ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaDeviceSynchronize() {
  if (const auto error = clipk::simt::not_while_capturing(); error != cudaSuccess) return error;
  clipk::simt::drain_all();
  return cudaSuccess;
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return enqueue(stream, [=] { function(data); });
}

// ---- Events -------------------------------------------------------------------------------------

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return cudaEventCreate(event);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  auto state = event->state;
  state->captured_in = resolve(stream)->capture;
  if (state->captured_in != nullptr) return cudaSuccess;
  const std::uint64_t ticket = ++state->recorded;
  state->stream = stream;
  return enqueue(stream, [state, ticket] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    state->done = ticket;
    state->milliseconds = std::chrono::duration<double, std::milli>(now).count();
  });
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned) {
  return cudaEventRecord(event, stream);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  clipk::simt::run_event(*event->state, event->state->recorded);
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return event->state->done >= event->state->recorded ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  const auto &a = *begin->state, &b = *end->state;
  if (a.recorded == 0 || b.recorded == 0) return remember(cudaErrorInvalidResourceHandle);
  if (a.done < a.recorded || b.done < b.recorded) return remember(cudaErrorNotReady);
  *milliseconds = static_cast<float>(b.milliseconds - a.milliseconds);
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  auto state = event->state;
  if (state->captured_in != nullptr) {  // the stream joins the capture
    resolve(stream)->capture = state->captured_in;
    return cudaSuccess;
  }
  const std::uint64_t ticket = state->recorded;
  return enqueue(stream, [state, ticket] { clipk::simt::run_event(*state, ticket); });
}

// ---- Graphs -------------------------------------------------------------------------------------

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  CUstream_st* s = resolve(stream);
  if (s == &null_stream() || s->capture != nullptr) {
    return remember(cudaErrorStreamCaptureUnsupported);
  }
  drain(s);
  s->capture = new CUgraph_st;
  s->capture_origin = true;
  if (mode != cudaStreamCaptureModeRelaxed) ++clipk::simt::g_strict_captures;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  CUstream_st* s = resolve(stream);
  *graph = nullptr;
  if (s->capture == nullptr || !s->capture_origin) return remember(cudaErrorIllegalState);
  CUgraph_st* captured = s->capture;
  for (CUstream_st* other : streams()) {
    if (other->capture == captured) other->capture = nullptr;
  }
  s->capture_origin = false;
  if (clipk::simt::g_strict_captures > 0) --clipk::simt::g_strict_captures;
  if (captured->spoiled) {
    delete captured;
    return remember(cudaErrorStreamCaptureInvalidated);
  }
  *graph = captured;
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  CUstream_st* s = resolve(stream);
  *status = s->capture == nullptr ? cudaStreamCaptureStatusNone
            : s->capture->spoiled ? cudaStreamCaptureStatusInvalidated
                                  : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  *executable = new CUgraphExec_st{graph->operations};
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph,
                                          unsigned long long flags) {
  return cudaGraphInstantiate(executable, graph, flags);
}
cudaError_t cudaGraphExecUpdate(cudaGraphExec_t executable, cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo* result) {
  const bool same = executable->operations.size() == graph->operations.size();
  if (same) executable->operations = graph->operations;
  if (result != nullptr) {
    *result = {};
    result->result = same ? cudaGraphExecUpdateSuccess : cudaGraphExecUpdateErrorTopologyChanged;
  }
  return same ? cudaSuccess : remember(cudaErrorGraphExecUpdateFailure);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  for (const auto& operation : executable->operations) {
    if (const auto error = enqueue(stream, operation); error != cudaSuccess) return error;
  }
  return cudaSuccess;
}
cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) {
  return cudaSuccess;
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  if (nodes != nullptr) return remember(cudaErrorNotSupported);
  *count = graph->operations.size();
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}

}  // extern "C"
