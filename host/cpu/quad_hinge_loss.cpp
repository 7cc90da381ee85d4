#include "cpu/quad_hinge_loss.hpp"

#include "clipk/core/memory.hpp"
#include "cpu/detail/quad_hinge_forms.hpp"

namespace clipk::cpu {
namespace {

// What each form costs, in nanoseconds on one core of a server of 2025 (n = 500 to 5000, q = 16 to
// 256); only their ratio counts. The dense form pays for every e_ij (three products of q columns),
// the gather form for every quadruple (its rows of q columns); rows of D columns are added where
// the target is made of them.
constexpr double kMostDenseBytes = 0x1p30;

template <class T>
bool prefer_dense(const QuadHinge<T>& call) {
  const bool from_rows = call.target.distances.empty();
  const double pairs = static_cast<double>(call.x.rows) * static_cast<double>(call.y.rows);
  if (pairs * static_cast<double>((from_rows ? 3 : 2) * sizeof(T)) > kMostDenseBytes) return false;
  const double quads = static_cast<double>(call.options.count);
  const double q = static_cast<double>(call.x.cols);
  const double rows = from_rows ? static_cast<double>(call.target.rows_x.cols) : 0;
  const bool by_query = call.options.draw == QuadDraw::query;
  double dense = pairs * (4.5 + 0.032 * q) + quads * (by_query ? 3 : 16);
  double gather = quads * (by_query ? 5.5 + 0.12 * q : 8 + 0.5 * q);
  if (from_rows) {
    dense += pairs * (1 + 0.015 * rows);
    gather += quads * (by_query ? 0.1 : 0.2) * rows;
  }
  return dense < gather;
}

template <class T>
void run(Context& context, const QuadHinge<T>& call) {
  Scratch scratch(context);
  const QuadForm form = call.options.form;
  if (form == QuadForm::dense || (form == QuadForm::automatic && prefer_dense(call))) {
    quad_dense(context.threads(), scratch, call);
  } else {
    quad_gather(context.threads(), scratch, call);
  }
}

}  // namespace

void quad_hinge_loss(Context& context, const QuadHinge<float>& call) {
  run(context, call);
}
void quad_hinge_loss(Context& context, const QuadHinge<double>& call) {
  run(context, call);
}

}  // namespace clipk::cpu
