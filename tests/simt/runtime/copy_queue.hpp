// The cp.async groups of one thread.
#pragma once

#include <deque>
#include <vector>

namespace clipk::simt {

class CopyQueue {
 public:
  void start(void* shared, const void* global, int bytes, int valid_bytes);
  void commit();
  void wait(int pending);
  void clear();

 private:
  struct Copy {
    void* shared;
    const void* global;
    int bytes, valid_bytes;
  };
  std::vector<Copy> open_;
  std::deque<std::vector<Copy>> groups_;
};

}  // namespace clipk::simt
