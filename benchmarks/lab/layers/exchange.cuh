// Values that the blocks of a running kernel hand to one another through memory. A word holds a
// value and the number of the exchange, written and read at once, so that who finds the number has
// the value and no barrier is needed. A word may be written again once all have read it.
#pragma once

namespace krait {

using Word = unsigned long long;

// Copies of every word, so that not all blocks read from the same place.
constexpr int kReplicas = 4;

// Writes a word and its copies, `words` apart.
__device__ inline void publish(Word* to, int words, unsigned int value, unsigned int number) {
  const Word word = static_cast<Word>(number) << 32 | value;
#pragma unroll
  for (int i = 0; i < kReplicas; i++) {
    asm volatile("st.relaxed.gpu.global.b64 [%0], %1;" ::"l"(to + i * words), "l"(word) : "memory");
  }
}

__device__ inline Word look_at(const Word* from) {
  Word word;
  asm volatile("ld.relaxed.gpu.global.b64 %0, [%1];" : "=l"(word) : "l"(from) : "memory");
  return word;
}

// Calls take(j, value) for the words first, first + kStride, ... below `count`, up to kWords of
// them, when all of them have arrived; j counts from 0.
template <int kWords, int kStride, typename Take>
__device__ inline void receive_some(const Word* from, int first, int count, unsigned int number,
                                    Take take) {
  // One word is looked at until it is there, then the others.
  if (first < count) {
    while (static_cast<unsigned int>(look_at(from + first) >> 32) != number) {
    }
  }
  Word words[kWords];
  bool all;
  do {
    all = true;
#pragma unroll
    for (int j = 0; j < kWords; j++) {
      const int i = first + j * kStride;
      words[j] = i < count ? look_at(from + i) : static_cast<Word>(number) << 32;
    }
#pragma unroll
    for (int j = 0; j < kWords; j++) {
      all = all && static_cast<unsigned int>(words[j] >> 32) == number;
    }
  } while (!all);
#pragma unroll
  for (int j = 0; j < kWords; j++) {
    if (first + j * kStride < count) {
      take(j, static_cast<unsigned int>(words[j]));
    }
  }
}

// Calls take(i, value) for all words of [0, count), dealt out to kThreads threads.
template <int kThreads, typename Take>
__device__ inline void receive(int tid, const Word* from, int count, unsigned int number,
                               Take take) {
  constexpr int kWords = 8;
  for (int first = tid; first < count; first += kWords * kThreads) {
    receive_some<kWords, kThreads>(from, first, count, number, [&](int j, unsigned int value) {
      take(first + j * kThreads, value);
    });
  }
}

}  // namespace krait
