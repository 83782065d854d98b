// Two threads write one variable without a lock. Built under TSan only, where it must fail: it shows that the build still sees races
// in our code with the suppressions in force.
#include <thread>

int shared_counter = 0;  // NOLINT: the point of the program

int main() {
  const auto count = [] {
    for (int i = 0; i < 100000; ++i) ++shared_counter;
  };
  std::thread one(count);
  std::thread two(count);
  one.join();
  two.join();
  return 0;
}
