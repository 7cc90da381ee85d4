#include "clipk/core/metric.hpp"

namespace clipk {

const char* to_string(Metric metric) {
  switch (metric) {
    case Metric::squared_euclidean:
      return "squared_euclidean";
    case Metric::euclidean:
      return "euclidean";
    case Metric::cosine:
      return "cosine";
  }
  return "?";
}

}  // namespace clipk
