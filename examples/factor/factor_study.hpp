#pragma once

#include <cstdint>
#include <string>

#include "clipk/models/iin.hpp"
#include "factor/data.hpp"
#include "factor/edits.hpp"
#include "factor/findings.hpp"
#include "factor/stage.hpp"
#include "study/run.hpp"

namespace clipk::study {

/// The options of the factor study; --help says what each is.
struct FactorArguments {
  FactorArguments();
  StageSettings stage;
  IinOptions iin;
  std::string sizing;
  std::string scale = "tanh";
  double holdout = -1;
  std::int64_t iin_epochs = 0;
  EditSettings edits;
};

/// Whether factors can be told apart and changed: docs/factor_study.md. Its results are in the run.
/// @throws UsageError, Error before the work begins where the options do not fit the data
FactorFindings run_factor_study(Run& run, const FactorData& data, FactorArguments arguments);

}  // namespace clipk::study
