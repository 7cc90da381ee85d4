// Streams as queues of closures; capturing a graph records the closures instead.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include <cuda_runtime_api.h>

namespace clipk::simt {

using Operation = std::function<void()>;

struct EventState {
  std::uint64_t recorded = 0, done = 0;
  double milliseconds = 0;
  cudaStream_t stream = nullptr;
  CUgraph_st* captured_in = nullptr;
};

/// Runs, queues or records the operation, as the stream and the options ask for.
cudaError_t enqueue(cudaStream_t stream, Operation operation);
/// Runs everything that waits in the stream, or in all streams.
void drain(cudaStream_t stream);
void drain_all();
/// Fails, and spoils the capture, when a call that may not happen during one happens during one.
cudaError_t not_while_capturing();
bool is_capturing(cudaStream_t stream);
/// Keeps the error for cudaGetLastError, and returns it.
cudaError_t remember(cudaError_t error);
cudaError_t last_error(bool reset);

}  // namespace clipk::simt

struct CUstream_st {
  std::deque<clipk::simt::Operation> queue;
  bool blocking = true;  // waits for the null stream, and the null stream for it
  CUgraph_st* capture = nullptr;
  bool capture_origin = false;
};
struct CUevent_st {
  std::shared_ptr<clipk::simt::EventState> state = std::make_shared<clipk::simt::EventState>();
};
struct CUgraph_st {
  std::vector<clipk::simt::Operation> operations;
  bool spoiled = false;
};
struct CUgraphExec_st {
  std::vector<clipk::simt::Operation> operations;
};
