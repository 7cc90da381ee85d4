// The errors of a flow, and its files.

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "clipk/models/flow.hpp"
#include "io/files.hpp"
#include "models/iin/flow_support.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

class FlowFileTest : public DeviceTest {
 protected:
  // A file of this process alone.
  static std::filesystem::path file() {
    return std::filesystem::temp_directory_path() /
           ("clipk_flow_" + std::to_string(::getpid()) + ".clipk");
  }
  Flow reloaded(const Flow& flow, std::int64_t dim = 0) {
    ArchiveWriter writer("test model", 1);
    flow.save(context(), writer, "flow");
    const auto path = file();
    writer.write(path);
    const ArchiveReader reader(path, "test model", 1);
    std::filesystem::remove(path);
    return Flow::load(context(), reader, "flow", dim);
  }
};

TEST_P(FlowFileTest, FilesKeepEverything) {
  FlowOptions options = kSmall;
  options.slope = 0.9F;
  options.scale = CouplingScale::atan;
  Context other = Context::cpu({.seed = 5});  // other permutations than the reader's context draws
  Context& context = on_cpu() ? other : this->context();
  Flow flow(context, 5, options);
  const Matrix<float> x = rows_of<float>(context, 12, 5, 1);
  flow.initialize(context, x);
  const Flow back = reloaded(flow, 5);
  EXPECT_TRUE(back.initialized());
  EXPECT_EQ(back.options().scale, CouplingScale::atan);
  Matrix<float> z(context, 12, 5), w(context, 12, 5);
  flow.transform(context, x, z.view());
  back.transform(context, x, w.view());
  EXPECT_EQ(host_of<float>(context, z), host_of<float>(context, w));
  const auto bytes_of = [&](const Flow& saved) {
    ArchiveWriter writer("test model", 1);
    saved.save(context, writer, "flow");
    const auto path = file();
    writer.write(path);
    std::ifstream in(path, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    std::filesystem::remove(path);
    return bytes;
  };
  EXPECT_EQ(bytes_of(flow), bytes_of(back));
  Flow again = reloaded(flow);
  EXPECT_EQ(error_of([&] { again.initialize(context, x); }),
            "flow initialize: expected a flow that was not initialized, got one that was");
  const Flow fresh(context, 5, options);
  EXPECT_FALSE(reloaded(fresh).initialized());
}

TEST_P(FlowFileTest, BadInputIsNamed) {
  EXPECT_EQ(error_of([&] { Flow(context(), 1); }),
            "flow: expected a dimension of at least 2, got 1");
  EXPECT_EQ(error_of([&] { Flow(context(), 4, {.depth = 0}); }),
            "flow: expected a depth of at least 1, got 0");
  EXPECT_EQ(error_of([&] { Flow(context(), 4, {.clamp = 0}); }),
            "flow: expected a clamp above 0 and at most 80.000000, got 0.000000");
  Flow flow(context(), 4, kSmall);
  Matrix<float> x = rows_of<float>(context(), 6, 4, 1), z(context(), 6, 4);
  EXPECT_EQ(error_of([&] { flow.transform(context(), x, z.view()); }),
            "flow transform: expected a flow that was initialized from a first batch, got one that "
            "was not");
  Matrix<float> host = x.to_host(context());
  host(3, 1) = NAN;
  const Matrix<float> bad = host.to_device(context());
  EXPECT_EQ(error_of([&] { flow.initialize(context(), bad); }),
            "flow initialize: expected finite values, got nan in row 3, column 1");
  flow.initialize(context(), x);
  Matrix<float> wide(context(), 6, 5), log_det(context(), 1, 6);
  EXPECT_EQ(error_of([&] { flow.inverse(context(), wide, wide.view()); }),
            "flow inverse: expected z of 4 columns, got 5");
  Flow::Workspace workspace(context(), flow, 5);
  EXPECT_EQ(error_of([&] { flow.forward(context(), x, workspace, z.view(), log_det.flat()); }),
            "flow forward: expected x of at most 5 rows, got 6");
}

TEST_P(FlowFileTest, StatesWithoutAnInverseAreNamed) {
  Flow flow(context(), 4, kSmall);
  Matrix<float> x = rows_of<float>(context(), 6, 4, 1);
  flow.initialize(context(), x);
  Matrix<float> back(context(), 6, 4);
  // The first numbers of the parameters are the first block's shifts, then its log-scales.
  const auto with = [&](std::int64_t place, float value) {
    const VectorView<float> at = flow.parameters().values.slice(place, 1);
    float kept = 0;
    copy<float>(context(), at, VectorView<float>(&kept, 1));
    copy<float>(context(), VectorView<const float>(&value, 1), at);
    const std::string said = error_of([&] { flow.inverse(context(), x, back.view()); });
    copy<float>(context(), VectorView<const float>(&kept, 1), at);
    return said;
  };
  EXPECT_EQ(with(16 + 2, -200),
            "flow inverse: expected finite scales above 0, got 0.000000 in block 0, column 2");
  EXPECT_EQ(with(16 + 1, 200),
            "flow inverse: expected finite scales above 0, got inf in block 0, column 1");
  EXPECT_EQ(with(3, INFINITY),
            "flow inverse: expected finite shifts, got inf in block 0, column 3");
  EXPECT_EQ(with(40, NAN).substr(0, 53), "flow inverse: expected finite values, got nan in row ");
  EXPECT_EQ(error_of([&] { flow.inverse(context(), x, back.view()); }), "no error");
}

TEST_P(FlowFileTest, FilesOfAnotherFlowAreRefused) {
  Flow flow(context(), 4, kSmall);
  EXPECT_TRUE(
      error_of([&] { reloaded(flow, 6); }).ends_with("expected a flow of dimension 6, got 4"));
  flow.initialize(context(), rows_of<float>(context(), 6, 4, 1));
  const float bad = NAN;
  copy<float>(context(), VectorView<const float>(&bad, 1), flow.parameters().values.slice(40, 1));
  EXPECT_HAS(error_of([&] { reloaded(flow); }), "' of finite numbers, got nan in ");
}

// A file that was written whole but says what cannot be is named, and costs no memory.
TEST_P(FlowFileTest, FilesThatLieAreNamed) {
  const auto load = [&](std::int64_t dim, std::int64_t blocks, std::int64_t width,
                        std::int64_t depth, const char* scale, float clamp) {
    ArchiveWriter writer("test model", 1);
    writer.add("flow/dim", dim);
    writer.add("flow/blocks", blocks);
    writer.add("flow/width", width);
    writer.add("flow/depth", depth);
    writer.add("flow/scale", scale);
    writer.add("flow/clamp", clamp);
    writer.add("flow/slope", 1.F);
    writer.add("ballast", std::vector<float>(500));
    const auto path = file();
    writer.write(path);
    const ArchiveReader reader(path, "test model", 1);
    std::filesystem::remove(path);
    const std::string text = error_of([&] { Flow::load(context(), reader, "flow"); });
    EXPECT_TRUE(text.starts_with(path.string() + ": ")) << text;
    return text.substr(std::min(text.size(), path.string().size() + 2));
  };
  EXPECT_EQ(load(4, 2, 8, 1, "cosine", 2), error_of([] { coupling_scale_named("cosine"); }));
  EXPECT_EQ(load(4, 2, 0, 1, "tanh", 2), "flow: expected a width of at least 1, got 0");
  EXPECT_EQ(load(4, 2, 8, 1, "tanh", 100),
            "flow: expected a clamp above 0 and at most 80.000000, got 100.000000");
  EXPECT_EQ(load(4, 2, 8, 1, "tanh", NAN),
            "expected entry 'flow/clamp' of finite numbers, got nan");
  const std::int64_t many = std::int64_t{1} << 60;
  const std::int64_t tries[][4] = {
      {many, 2, 8, 1}, {4, many, 8, 1}, {4, 2, many, 1}, {4, 2, 8, many}};
  for (const auto& [dim, blocks, width, depth] : tries) {
    const std::string text = load(dim, blocks, width, depth, "tanh", 2);
    EXPECT_TRUE(text.starts_with("expected a flow that fits into ")) << text;
    EXPECT_TRUE(text.ends_with(" and depth " + std::to_string(depth))) << text;
  }
}

CLIPK_INSTANTIATE_DEVICE_TEST(FlowFileTest);

}  // namespace
}  // namespace clipk::test
