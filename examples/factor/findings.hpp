#pragma once

#include <cmath>
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

namespace clipk::study {

/// What the factor study has fitted and measured.
struct FactorModels {
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

/// What was found of one factor. Shares are NaN where no row tells.
struct FactorFinding {
  std::string name;
  std::int64_t classes = 0;          ///< 0: of values
  std::int64_t first = 0;            ///< column of its block
  std::int64_t block_size = 0;       ///< columns
  double rho = 0;                    ///< of its block
  std::int64_t tested = 0;           ///< held-out rows on which it is known
  double own_block = 0, chance = 0;  ///< read from its own block: accuracy or R^2
  double leak = 0;                   ///< read from elsewhere, above chance: the largest
  std::string leaks_into;            ///< from which block
  double judge = NAN;                ///< read from decoded rows as they are
  std::int64_t edits = 0;
  double success = NAN, flagged = 0;  ///< of edits: judged as meant; outside the training's range
  double least_kept = NAN;            ///< of edits: the other factor that is kept least
};

/// What the factor study has found.
struct FactorFindings {
  std::int64_t rows = 0, held_out = 0, latent = 0;
  std::vector<FactorFinding> factors = {};
  double residual = NAN;           ///< the first factor read from the residual
  std::int64_t residual_size = 0;  ///< columns, the last ones
  Matrix<float> interpreted = {};  ///< [n, latent] on the host: every row's blocks
};

/// What the fitted models say of each factor.
FactorFindings factor_findings(Context& context, const FactorModels& models);

}  // namespace clipk::study
