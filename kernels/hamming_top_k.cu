// The k of m binary codes nearest to each of n queries, by bits that differ.
//
// Plan    code_scan.cuh with __popc(code ^ query) for a word: 32 queries a block, 128 codes at a
//         time, 16 queries a thread.
// Floor   n m b / 4 counts of 32-bit words for codes of b bytes, of which a multiprocessor makes 16
//         a cycle: 64 queries x 1,000,000 codes x 64 bytes in .28 ms on an H100 (132 at 1.75 GHz);
//         the codes are read once a tile of queries, here twice: 128 MB in .04 ms.
// Ladder  one variant so far. Next: the tensor cores' xor and count (mma.m8n8k128.b1), which the
//         SIMT harness does not model and which are emulated from Hopper on.

#include "kernels/hamming_top_k.hpp"

#include "kernels/detail/code_scan.cuh"

namespace clipk::gpu {
namespace {

struct HammingMath {
  __device__ static __forceinline__ int add(unsigned code, unsigned query, int sum) {
    return sum + __popc(code ^ query);
  }
  __device__ static __forceinline__ unsigned key(int sum, float /*scale*/) {
    return static_cast<unsigned>(sum);
  }
  __device__ static __forceinline__ std::int32_t value(unsigned key) {
    return static_cast<std::int32_t>(key);
  }
};

}  // namespace

void hamming_top_k(const ScanPlan& plan, MatrixView<const std::uint8_t> queries,
                   MatrixView<const std::uint8_t> database, std::uint64_t* lists,
                   MatrixView<std::int32_t> indices, MatrixView<std::int32_t> distances,
                   cudaStream_t stream) {
  scan_codes<HammingMath>(plan, code_rows(queries), code_rows(database),
                          static_cast<int>(queries.cols), nullptr, lists, indices, distances,
                          stream);
}

}  // namespace clipk::gpu
