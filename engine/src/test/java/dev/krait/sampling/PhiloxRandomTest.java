package dev.krait.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.sampling.PhiloxRandom.Purpose;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Philox-4x32-10 against the known answers of Random123 (`kat_vectors`), by way of a second
/// version that takes any counter.
class PhiloxRandomTest {
  private static final BigInteger WORD = BigInteger.ONE.shiftLeft(32);

  /// By their number in the counter.
  private static final List<Purpose> PURPOSES =
      List.of(Purpose.TOKEN, Purpose.ACCEPTANCE, Purpose.RECOVERY, Purpose.DRAFT);

  /// The rounds as the paper writes them, in numbers of any size.
  private static long[] philox(long[] counter, long[] key) {
    long[] c = counter.clone();
    long[] k = key.clone();
    for (int round = 0; round < 10; round++) {
      BigInteger first = BigInteger.valueOf(0xD2511F53L).multiply(BigInteger.valueOf(c[0]));
      BigInteger second = BigInteger.valueOf(0xCD9E8D57L).multiply(BigInteger.valueOf(c[2]));
      long high0 = first.divide(WORD).longValueExact();
      long high1 = second.divide(WORD).longValueExact();
      c =
          new long[] {
            high1 ^ c[1] ^ k[0],
            second.mod(WORD).longValueExact(),
            high0 ^ c[3] ^ k[1],
            first.mod(WORD).longValueExact()
          };
      k[0] = (k[0] + 0x9E3779B9L) % (1L << 32);
      k[1] = (k[1] + 0xBB67AE85L) % (1L << 32);
    }
    return c;
  }

  private static long[] words(String hex) {
    return Arrays.stream(hex.split(" ", -1)).mapToLong(HexFormat::fromHexDigitsToLong).toArray();
  }

  @ParameterizedTest
  @CsvSource({
    "00000000 00000000 00000000 00000000, 00000000 00000000, 6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    "ffffffff ffffffff ffffffff ffffffff, ffffffff ffffffff, 408f276d 41c83b0e a20bc7c6 6d5451fd",
    "243f6a88 85a308d3 13198a2e 03707344, a4093822 299f31d0, d16cfe09 94fdcceb 5001e420 24126ea1"
  })
  void theSecondVersionHasTheKnownAnswers(String counter, String key, String expected) {
    String actual =
        Arrays.stream(philox(words(counter), words(key)))
            .mapToObj(word -> "%08x".formatted(word))
            .collect(Collectors.joining(" "));
    assertThat(actual).isEqualTo(expected);
  }

  @Test
  void theFirstKnownAnswerIsTheFirstNumberOfSeedZero() {
    long bits = 0x6627e8d5e169c58dL;
    assertThat(PhiloxRandom.uniform(0, 0, Purpose.TOKEN)).isEqualTo((bits >>> 11) * 0x1p-53);
  }

  /// The counter is position and purpose, the key the seed, low word first; a number is the upper
  /// 53 bits of the first two words.
  @Test
  void everyNumberIsThatOfTheSecondVersion() {
    Random random = new Random(1);
    for (int i = 0; i < 2000; i++) {
      long seed = i % 5 == 0 ? -1 - i : random.nextLong();
      int position = i % 7 == 0 ? Integer.MAX_VALUE - i : random.nextInt(1 << 20);
      for (int number = 0; number < PURPOSES.size(); number++) {
        Purpose purpose = PURPOSES.get(number);
        long[] counter = {position, number, 0, 0};
        long[] words = philox(counter, new long[] {seed & 0xffffffffL, seed >>> 32});
        assertThat(PhiloxRandom.uniform(seed, position, purpose))
            .as("seed %d, position %d, %s", seed, position, purpose)
            .isEqualTo(((words[0] << 32 | words[1]) >>> 11) * 0x1p-53)
            .isBetween(0.0, Math.nextDown(1.0));
      }
    }
  }
}
