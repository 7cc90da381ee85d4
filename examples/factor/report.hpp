#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/models/flow_diagnostics.hpp"
#include "clipk/models/iin.hpp"
#include "clipk/models/probe.hpp"
#include "factor/data.hpp"
#include "factor/edits.hpp"
#include "factor/stage.hpp"
#include "study.hpp"

namespace clipk::study {

/// What the factor study has found, for the report.
struct FactorFindings {
  const FactorData* data = nullptr;
  const FirstStage* stage = nullptr;
  const Iin* iin = nullptr;
  std::vector<std::int64_t> train, held_out;  ///< rows
  std::vector<Factor> held_out_factors;
  Matrix<float> codes;           ///< [n, latent] on the host: of all rows
  Matrix<float> held_out_codes;  ///< likewise
  FlowDiagnostics diagnostics;
  Leakage leakage;
  std::vector<double> judge_scores;  ///< of held-out rows as they are
  std::vector<EditScores> edits;     ///< by factor
  double seconds = 0;
};

/// Rows of results.json, the table on the terminal, pictures and arrays.
class FactorReport {
 public:
  FactorReport(Run& run, const FactorFindings& findings) : run_(run), found_(findings) {}
  void write();

 private:
  std::string factor_name(std::size_t factor) const;
  void add_rows();
  void print_table();
  void add_results();
  void add_edit_picture();
  void add_swap_picture();
  void add_leakage_picture();
  void add_training_picture();
  void add_neighbours();

  Run& run_;
  const FactorFindings& found_;
};

}  // namespace clipk::study
