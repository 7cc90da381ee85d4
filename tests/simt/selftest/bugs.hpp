// The bugs that the self-test plants, and the modes that must notice each.
#pragma once

#include <cstddef>
#include <iterator>

namespace clipk::simt::selftest {

enum class Bug {
  none,
  // products.cu: tiles in shared memory, a minimum by shuffles
  no_barrier_after_load,
  no_barrier_before_reload,
  store_without_row_guard,
  load_without_row_guard,
  padding_not_zeroed,
  depth_off_by_one,
  tile_row_off_by_one,
  shuffle_mask_lacks_lanes,
  collective_in_branch,
  shuffle_starts_too_low,
  // products.cu: asynchronous copies and tensor cores
  no_wait_for_copy,
  copy_overtakes_readers,
  copy_misaligned,
  operand_not_rounded,
  // reductions.cu: one warp or one block a row
  no_syncwarp,
  vector_load_past_row,
  scratch_reused_too_early,
  scratch_never_written,
  exit_before_barrier,
  barrier_in_branch,
  shared_array_overrun,
  dynamic_shared_not_given,
  // reductions.cu: whole grids
  sum_without_atomic,
  count_without_atomic,
  same_value_without_order,
  no_release_fence,
  no_acquire_fence,
  no_barrier_before_ticket,
  // host.cu: launches and the runtime
  too_much_shared_memory,
  too_many_threads,
  host_reads_device_memory,
  copy_past_the_end,
  kernel_reads_host_memory,
  uninitialised_read,
  no_wait_for_stream,
  allocation_while_capturing,
  stack_overflow,
  endless_spin,
};

struct Planted {
  Bug bug;
  const char* name;
  /// Every mode or variant named here must notice it: "plain" means one of the plain orders.
  const char* caught_by;
};

inline constexpr Planted kPlanted[] = {
    {Bug::no_barrier_after_load, "no_barrier_after_load", "plain asan race"},
    {Bug::no_barrier_before_reload, "no_barrier_before_reload", "plain race"},
    {Bug::store_without_row_guard, "store_without_row_guard", "plain asan race"},
    {Bug::load_without_row_guard, "load_without_row_guard", "plain asan race"},
    {Bug::padding_not_zeroed, "padding_not_zeroed", "plain asan race"},
    {Bug::depth_off_by_one, "depth_off_by_one", "asan race"},
    {Bug::tile_row_off_by_one, "tile_row_off_by_one", "plain asan race"},
    {Bug::shuffle_mask_lacks_lanes, "shuffle_mask_lacks_lanes", "plain asan race"},
    {Bug::collective_in_branch, "collective_in_branch", "plain asan race"},
    {Bug::shuffle_starts_too_low, "shuffle_starts_too_low", "plain asan race"},
    {Bug::no_wait_for_copy, "no_wait_for_copy", "plain asan race"},
    {Bug::copy_overtakes_readers, "copy_overtakes_readers", "plain race"},
    {Bug::copy_misaligned, "copy_misaligned", "plain asan race"},
    {Bug::operand_not_rounded, "operand_not_rounded", "plain asan race"},
    {Bug::no_syncwarp, "no_syncwarp", "plain race"},
    {Bug::vector_load_past_row, "vector_load_past_row", "asan race"},
    {Bug::scratch_reused_too_early, "scratch_reused_too_early", "reverse race"},
    {Bug::scratch_never_written, "scratch_never_written", "plain asan race"},
    {Bug::exit_before_barrier, "exit_before_barrier", "plain asan race"},
    {Bug::barrier_in_branch, "barrier_in_branch", "plain asan race"},
    {Bug::shared_array_overrun, "shared_array_overrun", "plain asan race"},
    {Bug::dynamic_shared_not_given, "dynamic_shared_not_given", "plain asan race"},
    {Bug::sum_without_atomic, "sum_without_atomic", "race"},
    {Bug::count_without_atomic, "count_without_atomic", "race"},
    {Bug::same_value_without_order, "same_value_without_order", "race"},
    {Bug::no_release_fence, "no_release_fence", "race"},
    {Bug::no_acquire_fence, "no_acquire_fence", "race"},
    {Bug::no_barrier_before_ticket, "no_barrier_before_ticket", "race"},
    {Bug::too_much_shared_memory, "too_much_shared_memory", "plain asan race"},
    {Bug::too_many_threads, "too_many_threads", "plain asan race"},
    {Bug::host_reads_device_memory, "host_reads_device_memory", "plain asan race"},
    {Bug::copy_past_the_end, "copy_past_the_end", "plain asan race"},
    {Bug::kernel_reads_host_memory, "kernel_reads_host_memory", "race"},
    {Bug::uninitialised_read, "uninitialised_read", "plain race"},
    {Bug::no_wait_for_stream, "no_wait_for_stream", "lazy"},
    {Bug::allocation_while_capturing, "allocation_while_capturing", "plain asan race"},
    {Bug::stack_overflow, "stack_overflow", "plain asan race"},
    {Bug::endless_spin, "endless_spin", "plain asan race"},
};

// The last of the enumeration tells their number: none was left out of the table.
static_assert(std::size(kPlanted) == static_cast<std::size_t>(Bug::endless_spin));

// What one child process runs: each returns whether the results are right.
bool run_products(Bug bug);
bool run_reductions(Bug bug);
bool run_host(Bug bug);

}  // namespace clipk::simt::selftest
