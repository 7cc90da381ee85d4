#include <exception>

#include "io/files.hpp"
#include "models/autoencoder/autoencoder_data.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

class AutoencoderFiles : public FileTest {};

TEST_F(AutoencoderFiles, SavesAndLoads) {
  Context context = cpu();
  const Surface data = surface(100, 12);
  AutoencoderOptions options = small_autoencoder();
  options.scaling = RowScaling::equal_length;
  options.layer_epochs = 1;
  options.epochs = 2;
  const Autoencoder model = Autoencoder::fit(context, data.rows, options);
  model.save(context, path("model"));
  const Autoencoder back = Autoencoder::load(context, path("model"));
  EXPECT_EQ(back.scaling(), model.scaling());
  expect_same(context, data.rows, model, back);
}

struct Interrupted : std::exception {};

TEST_F(AutoencoderFiles, ResumesToTheSameBytesAfterRestarts) {
  Context context = cpu();
  const Surface data = surface(120, 3);
  AutoencoderOptions options = too_fast();
  options.layer_epochs = 2;
  options.epochs = 6;
  const Autoencoder whole = Autoencoder::fit(context, data.rows, options);
  options.checkpoint = path("checkpoint");
  for (int stops = 0;; ++stops) {
    ASSERT_LT(stops, 40);
    int epochs = 0;
    options.progress = [&](const Progress& p) {
      if (p.epoch_end && ++epochs > 1) throw Interrupted();
    };
    try {
      const Autoencoder resumed = Autoencoder::fit(context, data.rows, options);
      expect_same(context, data.rows, whole, resumed);
      EXPECT_GT(stops, 2);
      return;
    } catch (const Interrupted&) {
    }
  }
}

// Stops after every so many steps, in whatever stage that falls, until the training comes through.
TEST_F(AutoencoderFiles, ResumesToTheSameBytesFromAnyStage) {
  Context context = cpu();
  const Surface data = surface(120, 12);
  AutoencoderOptions options = small_autoencoder();
  options.dropout = 0.1F;
  options.layer_epochs = 3;
  options.epochs = 4;
  const Autoencoder whole = Autoencoder::fit(context, data.rows, options);
  options.checkpoint = path("checkpoint");
  int stops = 0;
  for (;;) {
    int steps = 0;
    options.progress = [&](const Progress& p) {
      if (!p.epoch_end && ++steps > 5) throw Interrupted();
    };
    try {
      const Autoencoder resumed = Autoencoder::fit(context, data.rows, options);
      expect_same(context, data.rows, whole, resumed);
      break;
    } catch (const Interrupted&) {
      ASSERT_LT(++stops, 30);
    }
  }
  EXPECT_GT(stops, 3);
  EXPECT_EQ(file_count(), 1U);  // those of the layers are gone
  options.progress = {};
  options.noise = 0.5F;
  EXPECT_HAS(error_of([&] { Autoencoder::fit(context, data.rows, options); }),
             "expected a checkpoint of");
}

}  // namespace
}  // namespace clipk::test
