#pragma once

#include <vector>

#include "report/data.hpp"
#include "report/page.hpp"
#include "study/run.hpp"

namespace clipk::study {

struct ReportSettings {
  double margin = 0.02;  ///< loss of top-1 that would not matter
};

// Each runs one study in a part of the run, and makes its section of the page. Settings are chosen
// for some hundred to some thousand pairs in a minute or two.

PageSection dimension_section(Run& run, const ReportData& data, const ReportSettings& settings);
PageSection cluster_section(Run& run, const ReportData& data);
PageSection factor_section(Run& run, const ReportData& data);
PageSection semantic_section(Run& run, const ReportData& data);

/// Inputs, options and version: what it takes to make the page again.
std::vector<PageTable> made_tables(const Run& run);

}  // namespace clipk::study
