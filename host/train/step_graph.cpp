#include "train/step_graph.hpp"

#include "clipk/core/error.hpp"
#include "clipk/core/memory.hpp"

#if CLIPK_HAS_CUDA
#include "core/cuda_check.hpp"
#endif

namespace clipk::train {

#if CLIPK_HAS_CUDA

struct StepGraph::Executable {
  cudaGraphExec_t graph = nullptr;
  ~Executable() {
    if (graph != nullptr) cudaGraphExecDestroy(graph);
  }
};

bool StepGraph::capture(Context& context, const std::function<void()>& step) {
  executable_.reset();
  if (cudaStreamBeginCapture(context.stream(), cudaStreamCaptureModeThreadLocal) != cudaSuccess) {
    cudaGetLastError();
    return false;
  }
  bool whole = true;
  try {
    step();
  } catch (const Error&) {
    whole = false;  // a call that capture forbids; a real error recurs when the step is run
  }
  cudaGraph_t graph = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(context.stream(), &graph);
  auto executable = std::make_unique<Executable>();
  whole = whole && ended == cudaSuccess &&
          cudaGraphInstantiate(&executable->graph, graph, 0) == cudaSuccess;
  if (graph != nullptr) cudaGraphDestroy(graph);
  cudaGetLastError();
  if (whole) executable_ = std::move(executable);
  return whole;
}

void StepGraph::run(Context& context, const std::function<void()>& step) {
  const std::int64_t arena_state = context.scratch().allocations();
  // The first step plans scratch memory and compiles products; scratch memory that has moved since
  // is planned again.
  if (!enabled_ || context.device() == Device::cpu || arena_state != arena_state_) {
    executable_.reset();
    step();
    arena_state_ = context.scratch().allocations();
    return;
  }
  if (executable_ == nullptr && !capture(context, step)) {
    enabled_ = false;
    return step();
  }
  check_cuda(cudaGraphLaunch(executable_->graph, context.stream()), "graph of a training step");
  ++replays_;
}

#else

struct StepGraph::Executable {};

void StepGraph::run(Context&, const std::function<void()>& step) {
  step();
}

#endif

StepGraph::StepGraph(bool enabled) : enabled_(enabled) {}
StepGraph::~StepGraph() = default;

}  // namespace clipk::train
