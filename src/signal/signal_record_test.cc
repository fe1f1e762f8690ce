// Tests of the signal payload's bytes.
#include "signal/signal_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace tidal::signal {
namespace {

std::string encoded(const SignalPayload& payload) {
  std::string out;
  encode_payload(payload, out);
  return out;
}

std::string with_f64(std::string bytes, double v) {
  char raw[sizeof v];
  std::memcpy(raw, &v, sizeof v);
  bytes.append(raw, sizeof raw);
  return bytes;
}

TEST(SignalPayload, ComesBackAsWritten) {
  const SignalPayload cases[] = {{"view", 1.0, {}},         {"like", 0.0, {}},
                                 {"completion", 1.0, 0.75}, {"purchase", 2.5, -12.0},
                                 {"view", 1e300, 0.0},      {std::string_view("x", 1), 5e-324, -0.0}};
  for (const SignalPayload& payload : cases) {
    const std::string bytes = encoded(payload);
    const auto back = decode_payload(bytes);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->name, payload.name);
    EXPECT_EQ(back->weight, payload.weight);
    EXPECT_EQ(back->value, payload.value);
  }
}

TEST(SignalPayload, AppendsToWhatIsThere) {
  std::string out = "abc";
  encode_payload({"view", 1.0, {}}, out);
  EXPECT_EQ(out.substr(0, 3), "abc");
  EXPECT_TRUE(decode_payload(std::string_view(out).substr(3)).ok());
}

TEST(SignalPayload, WeightOfOneTakesNoRoom) { EXPECT_EQ(encoded({"view", 1.0, {}}), std::string("\x04view\0", 6)); }

TEST(SignalPayload, RefusesWhatItCannotHaveWritten) {
  const std::string good = encoded({"completion", 2.0, 0.5});
  std::vector<std::string> bad = {"", std::string("\x04vie", 4), std::string("\x04view", 5)};
  for (std::size_t n = 0; n < good.size(); ++n) bad.push_back(good.substr(0, n));
  bad.push_back(good + '\0');
  bad.push_back(std::string("\x04view\x04", 6));                          // unknown flag
  bad.push_back(std::string("\x84\x00view\x00", 7));                      // overlong length
  bad.push_back(with_f64(std::string("\x04view\x01", 6), 1.0));           // explicit weight of 1
  bad.push_back(with_f64(std::string("\x04view\x01", 6), -1.0));          // negative weight
  bad.push_back(with_f64(std::string("\x04view\x01", 6), std::nan("")));  // weight not a number
  bad.push_back(with_f64(std::string("\x04view\x02", 6), std::numeric_limits<double>::infinity()));
  for (const std::string& bytes : bad) {
    const auto result = decode_payload(bytes);
    ASSERT_FALSE(result.ok()) << testing::PrintToString(bytes);
    EXPECT_EQ(result.error().code, Code::Corruption);
  }
}

}  // namespace
}  // namespace tidal::signal
