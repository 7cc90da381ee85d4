// The cp.async groups of one thread.
#pragma once

#include <deque>
#include <vector>

namespace clipk::simt {

class CopyQueue {
 public:
  /// `place`: the call in the kernel.
  void start(void* shared, const void* global, int bytes, int valid_bytes, const void* place);
  void commit();
  void wait(int pending);

 private:
  struct Copy {
    void* shared;
    const void* global;
    int bytes, valid_bytes;
    const void* place;
  };
  std::vector<Copy> open_;
  std::deque<std::vector<Copy>> groups_;
};

}  // namespace clipk::simt
