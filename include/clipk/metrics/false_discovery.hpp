#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace clipk {

/// How the false discovery rate is controlled.
enum class FalseDiscovery : std::uint8_t {
  benjamini_hochberg,   ///< tests that are independent or depend positively
  benjamini_yekutieli,  ///< any dependence; larger by 1 + 1/2 + ... + 1/m
};

/// Adjusted p-values of a family of m tests: if all at or below alpha are called
/// discoveries, the expected share of false ones among them is at most alpha. Equal
/// to scipy.stats.false_discovery_control.
///
/// The i-th smallest p becomes the smallest p_(j) m / j over j >= i, at most 1.
///
/// @param p [m], may be empty
/// @return [m], in the order of p
/// @throws Error if a p-value is not within [0, 1]. Deterministic: yes.
/// Sources: Benjamini and Hochberg, JRSS B 57 (1995); Benjamini and Yekutieli, Annals of Statistics
/// 29 (2001).
std::vector<double> false_discovery_adjusted(
    std::span<const double> p, FalseDiscovery rule = FalseDiscovery::benjamini_hochberg);

}  // namespace clipk
