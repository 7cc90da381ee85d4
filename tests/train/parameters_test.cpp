#include "clipk/train/parameters.hpp"

#include "clipk/train/mlp.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

class ParametersTest : public DeviceTest {};

TEST_P(ParametersTest, PartsLieInOrderEachOnAMultipleOf16) {
  const Parameters parameters(context(), {17, 0, 16, 3});
  ASSERT_EQ(parameters.parts(), 4);
  const float* const base = parameters.all().values.data;
  EXPECT_EQ(parameters.all().values.size, 32 + 16 + 16);
  EXPECT_EQ(parameters.all().gradients.size, 32 + 16 + 16);
  EXPECT_EQ(parameters.part(0).values.data, base);
  EXPECT_EQ(parameters.part(1).values.size, 0);
  EXPECT_EQ(parameters.part(2).values.data, base + 32);
  EXPECT_EQ(parameters.part(2).values.size, 16);
  EXPECT_EQ(parameters.part(3).gradients.data, parameters.all().gradients.data + 48);
  EXPECT_EQ(parameters.part(3).gradients.size, 3);
  EXPECT_EQ(parameters.parts(0, 3).values.size, 48);
  EXPECT_EQ(parameters.parts(2, 2).values.data, base + 32);
  EXPECT_EQ(parameters.parts(2, 2).values.size, 19);
  EXPECT_EQ(parameters.parts(4, 0).values.size, 0);
}

TEST_P(ParametersTest, SlicesSurviveAMove) {
  Parameters parameters(context(), {5, 5});
  const ParameterSlice slice = parameters.part(1);
  const Parameters moved = std::move(parameters);
  EXPECT_EQ(moved.part(1).values.data, slice.values.data);
}

TEST_P(ParametersTest, WrongPartsAreNamed) {
  const Parameters parameters(context(), {5, 5});
  EXPECT_EQ(error_of([&] { parameters.part(2); }),
            "parameters: expected parts within [0, 2), got [2, 3)");
  EXPECT_EQ(error_of([&] {
              Parameters(context(), {3, -1});
            }),
            "parameters: expected parts of at least 0 numbers, got -1");
  EXPECT_EQ(error_of([&] {
              Mlp(context(), {.widths = {3, 2}}, parameters.part(0));
            }),
            "mlp: expected parameters of size 32, got 5");
}

// Two networks on shared parameters compute and differentiate as two of their own.
TEST_P(ParametersTest, SharedNetworksAreTheNetworks) {
  const MlpOptions options[] = {{.widths = {7, 9, 2}},
                                {.widths = {2, 9, 7}, .skip = MlpSkip::trained, .network = 1}};
  const Parameters parameters(
      context(), {Mlp::parameter_size(options[0]), 3, Mlp::parameter_size(options[1])});
  for (int i = 0; i < 2; ++i) {
    Mlp own(context(), options[i]);
    Mlp shared(context(), options[i], parameters.part(2 * i));
    EXPECT_EQ(shared.parameters().data, parameters.part(2 * i).values.data);
    const std::int64_t n = 6;
    Guarded<float> x(context(), n, own.inputs(), normals(n * own.inputs(), 1));
    Guarded<float> g(context(), n, own.outputs(), normals(n * own.outputs(), 2));
    std::vector<std::vector<float>> outputs, gradients;
    for (Mlp* mlp : {&own, &shared}) {
      Mlp::Workspace workspace(context(), *mlp, n);
      Guarded<float> y(context(), n, mlp->outputs());
      mlp->forward(context(), x.view(), workspace, y.view());
      mlp->backward(context(), x.view(), workspace, g.view());
      outputs.push_back(y.values());
      std::vector<float> host(static_cast<std::size_t>(mlp->gradients().size));
      copy<float>(context(), mlp->gradients(),
                  VectorView<float>(host.data(), mlp->gradients().size));
      gradients.push_back(host);
    }
    EXPECT_EQ(outputs[0], outputs[1]);
    EXPECT_EQ(gradients[0], gradients[1]);
  }
}

CLIPK_INSTANTIATE_DEVICE_TEST(ParametersTest);

}  // namespace
}  // namespace clipk::test
