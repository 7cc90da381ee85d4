#pragma once

#include "semantic/semantic_study.hpp"

namespace clipk::study {

/// Prints what the semantic study found, and adds rows, results and pictures to the run.
class SemanticReport {
 public:
  SemanticReport(Run& run, const SemanticData& data, const SemanticSettings& settings,
                 const SemanticFindings& found)
      : run_(run), data_(data), settings_(settings), found_(found) {}

  void write();

 private:
  void add_table();
  void add_pairs();
  void add_spaces();
  void add_clusters();
  void add_classes();
  void add_left_out();
  void add_similarity_picture();
  void add_correlation_picture();

  Run& run_;
  const SemanticData& data_;
  const SemanticSettings& settings_;
  const SemanticFindings& found_;
};

}  // namespace clipk::study
