// Runs a fuzz target over every file of its corpus folder: under every preset but `fuzz` the corpus
// is a test.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  std::size_t inputs = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
      std::vector<std::uint8_t> input(bytes.begin(), bytes.end());
      LLVMFuzzerTestOneInput(input.data(), input.size());
      // Every prefix and a flipped byte too: truncation is the commonest damage.
      for (std::size_t cut = 0; cut < input.size(); cut += 1 + input.size() / 64) {
        LLVMFuzzerTestOneInput(input.data(), cut);
      }
      ++inputs;
    }
  }
  std::printf("%zu corpus files\n", inputs);
  return inputs == 0 ? 1 : 0;
}
