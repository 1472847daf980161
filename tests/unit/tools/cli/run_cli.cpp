#include "run_cli.hpp"

#include "tests/support/temp_dir.hpp"

#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <signal.h>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace perpwire::cli {
namespace {

std::string contents(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

[[noreturn]] void become_cli(const std::vector<std::string>& arguments, const std::string& in,
                             const std::string& out, const std::string& err,
                             const std::string& passphrase) {
  const auto redirect = [](const std::string& file, int flags, int to) {
    const int fd = ::open(file.c_str(), flags, 0600);
    if (fd < 0 || ::dup2(fd, to) < 0) _exit(126);
    if (fd != to) ::close(fd);
  };
  redirect(in, O_RDONLY, STDIN_FILENO);
  redirect(out, O_WRONLY | O_CREAT, STDOUT_FILENO);
  redirect(err, O_WRONLY | O_CREAT, STDERR_FILENO);
  if (!passphrase.empty()) redirect(passphrase, O_RDONLY, 3);
  static std::string program = PERPWIRE_BIN_DIR + "/perpwire";
  std::vector<std::string> words = arguments;
  std::vector<char*> argv{program.data()};
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  _exit(127);
}

}  // namespace

CliRun run_cli(const std::vector<std::string>& arguments, const std::string& input,
               const std::string& passphrase) {
  const TempDir dir;
  std::ofstream(dir.file("in"), std::ios::binary) << input;
  if (!passphrase.empty()) std::ofstream(dir.file("passphrase"), std::ios::binary) << passphrase;
  const pid_t child = ::fork();
  if (child == 0) {
    become_cli(arguments, dir.file("in"), dir.file("out"), dir.file("err"),
               passphrase.empty() ? "" : dir.file("passphrase"));
  }
  CliRun run;
  int status = 0;
  for (int waited_ms = 0; ::waitpid(child, &status, WNOHANG) == 0; waited_ms += 5) {
    if (waited_ms > 20'000) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (WIFEXITED(status)) run.exit = WEXITSTATUS(status);
  run.out = contents(dir.file("out"));
  run.err = contents(dir.file("err"));
  return run;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace perpwire::cli
