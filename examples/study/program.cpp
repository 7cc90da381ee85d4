#include "study/program.hpp"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <utility>

#include "study/command.hpp"
#include "study/manifest.hpp"
#include "study/option_checks.hpp"

namespace clipk::study {

extern const char* const kCommit;  // build_info.cpp, made at build time

namespace {

// A number where the text is one, so that options read in JSON as they were meant.
Json value_of(const std::string& text) {
  const Json parsed = Json::parse(text, nullptr, false);
  if (parsed.is_number() || parsed.is_boolean()) return parsed;
  double value = 0;  // ".4", which JSON does not know
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end && std::isfinite(value) ? Json(value) : Json(text);
}

Json option_value(const CLI::Option& option) {
  if (option.get_expected_max() == 0) return option.count() > 0;  // a flag
  if (option.count() == 0) {
    std::string text = option.get_default_str();
    if (text.size() < 2 || text.front() != '[') return value_of(text);
    Json list = Json::array();  // CLI11's "[512,256]"
    for (const std::string& part : CLI::detail::split(text.substr(1, text.size() - 2), ',')) {
      list.push_back(value_of(part));
    }
    return list;
  }
  if (option.get_expected_max() == 1) return value_of(option.results().front());
  Json list = Json::array();
  for (const std::string& part : option.results()) list.push_back(value_of(part));
  return list;
}

}  // namespace

Program::Program(std::string name, const std::string& description, Options defaults)
    : name_(std::move(name)),
      app_(std::make_unique<CLI::App>(description, name_)),
      options_(std::move(defaults)) {
  if (options_.out.empty()) options_.out = "out/" + name_;
  app_->option_defaults()->always_capture_default()->group("The run");
  add_device_option(*app_, options_);
  app_->add_option("--precision", options_.precision, "Matrix products on a GPU: fp32, tf32, bf16")
      ->check(one_of({"fp32", "tf32", "bf16"}));
  app_->add_option("--seed", options_.seed, "Seed of all random numbers")
      ->check(whole_number(0, INT64_MAX));
  if (options_.epochs > 0) {
    app_->add_option("--epochs", options_.epochs, "Epochs of training")
        ->check(whole_number(1, 1'000'000));
  }
  add_threads_option(*app_, options_);
  app_->add_option("--out", options_.out, "Folder of the results");
  app_->add_option("--checkpoint", options_.checkpoint,
                   "File to resume from where it exists, and to save progress in");
  app_->add_flag("--quick", options_.quick, "A short run: a trial, not a result");
}
Program::~Program() = default;

Manifest Program::manifest(const Context& context) const {
  Manifest manifest{.program = name_,
                    .version = CLIPK_VERSION,
                    .commit = kCommit,
                    .device = to_string(context.device()),
                    .threads = context.threads(),
                    .seed = options_.seed};
  for (const CLI::Option* option : std::as_const(*app_).get_options()) {
    const std::string name = option->get_single_name();
    if (name != "help" && name != "version") manifest.options[name] = option_value(*option);
  }
  return manifest;
}

int Program::run(int argc, char** argv, const std::function<void(Run&)>& body) {
  const auto kept = [&] {
    return options_.checkpoint.empty()
               ? std::string("nothing is kept without --checkpoint")
               : "the same command goes on from " + options_.checkpoint.string();
  };
  return run_command(*app_, argc, argv, kept, [&] {
    Context context = context_of(options_);
    const Manifest start = manifest(context);
    Run run(options_, std::move(context), start);
    body(run);
    run.finish();
    if (run.output_error() != 0 && run.output_error() != EPIPE) {
      return say_output_failed(*app_, run.output_error(),
                               "the results are in " + options_.out.string());
    }
    return run.failed() ? kIncomplete : kDone;
  });
}

}  // namespace clipk::study
