package dev.krait.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class AdmissionTest {
  private final Admission door = new Admission(4);

  private static Admission.Client client(String address) {
    return new Admission.Client(address, Optional.empty());
  }

  private static void assertRefused(Admission door, int sequences, ErrorCode code) {
    assertRefused(door, "", sequences, code);
  }

  private static void assertRefused(Admission door, String client, int sequences, ErrorCode code) {
    assertThatThrownBy(() -> door.admit(client(client), sequences))
        .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.code()).isEqualTo(code));
  }

  @Test
  void admitsUpToItsLimitAndAgainAfterwards() {
    Admission.Ticket three = door.admit(Admission.Client.nobody(), 3);
    assertRefused(door, 2, ErrorCode.RESOURCE_EXHAUSTED);
    Admission.Ticket one = door.admit(Admission.Client.nobody(), 1);
    assertThat(door.requests()).isEqualTo(2);
    three.close();
    three.close();
    assertThat(door.requests()).isEqualTo(1);
    assertRefused(door, 4, ErrorCode.RESOURCE_EXHAUSTED);
    door.admit(Admission.Client.nobody(), 3).close();
    one.close();
    assertThat(door.requests()).isZero();
  }

  @Test
  void aPlaceIsFreeWhenTheEngineIsDoneAndTheRequestWhenItIsClosed() {
    Admission.Ticket four = door.admit(Admission.Client.nobody(), 4);
    four.sequenceEnded();
    four.sequenceEnded();
    assertRefused(door, 3, ErrorCode.RESOURCE_EXHAUSTED);
    Admission.Ticket two = door.admit(Admission.Client.nobody(), 2);
    assertThat(door.requests()).isEqualTo(2);
    four.close();
    four.sequenceEnded();
    assertThat(door.requests()).isEqualTo(1);
    assertRefused(door, 3, ErrorCode.RESOURCE_EXHAUSTED);
    door.admit(Admission.Client.nobody(), 2).close();
    two.close();
    two.sequenceEnded();
    door.admit(Admission.Client.nobody(), 4).close();
    assertRefused(door, 5, ErrorCode.INVALID_ARGUMENT);
  }

  @Test
  void refusesForGoodWhatCanNeverFit() {
    assertRefused(door, 5, ErrorCode.INVALID_ARGUMENT);
    door.admit(Admission.Client.nobody(), 4).close();
  }

  @Test
  void keepsPlacesForOtherClients() {
    Admission shared =
        new Admission(4, 2, false, new BodyMemory(1), new KeyLimits(KeyLimits.Most.none()));
    Admission.Ticket two = shared.admit(client("a"), 2);
    assertThatThrownBy(() -> shared.admit(client("a"), 1))
        .isInstanceOfSatisfying(
            EngineException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.RESOURCE_EXHAUSTED);
              assertThat(e).hasMessageContaining("2 of this client are here");
            });
    assertThatThrownBy(() -> shared.admit(client("b"), 3))
        .isInstanceOfSatisfying(
            EngineException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT));
    shared.admit(client("b"), 2).close();
    two.close();
    shared.admit(client("a"), 2).close();
    shared.admit(Admission.Client.nobody(), 4).close();
    assertThat(shared.requests()).isZero();
  }

  @Test
  void aClientsShareIsFreeWhenTheEngineIsDone() {
    Admission shared =
        new Admission(4, 2, false, new BodyMemory(1), new KeyLimits(KeyLimits.Most.none()));
    Admission.Ticket two = shared.admit(client("a"), 2);
    two.sequenceEnded();
    Admission.Ticket one = shared.admit(client("a"), 1);
    assertRefused(shared, "a", 1, ErrorCode.RESOURCE_EXHAUSTED);
    two.sequenceEnded();
    two.sequenceEnded();
    Admission.Ticket another = shared.admit(client("a"), 1);
    two.close();
    assertRefused(shared, "a", 1, ErrorCode.RESOURCE_EXHAUSTED);
    one.close();
    another.close();
    shared.admit(client("a"), 2).close();
    assertThat(shared.requests()).isZero();
  }

  @Test
  void admitsNobodyWhileItDrains() {
    Admission.Ticket ticket = door.admit(Admission.Client.nobody(), 1);
    door.drain();
    assertThat(door.isDraining()).isTrue();
    assertRefused(door, 1, ErrorCode.UNAVAILABLE);
    ticket.close();
    assertThat(door.requests()).isZero();
  }

  @Test
  void waitsForEveryRequestWhateverItAsksFor() {
    door.begin();
    door.begin();
    assertThat(door.unanswered()).isEqualTo(2);
    door.end();
    assertThat(door.awaitAnswered(1)).isFalse();
    door.end();
    assertThat(door.awaitAnswered(1)).isTrue();
    assertThat(door.unanswered()).isZero();
  }

  @Test
  void aClientIsAnAddressWithoutItsPort() throws UnknownHostException {
    InetAddress address = InetAddress.getByAddress(new byte[] {10, 0, 0, 7});
    assertThat(Admission.client(new InetSocketAddress(address, 4711))).isEqualTo("10.0.0.7");
    assertThat(Admission.client(InetSocketAddress.createUnresolved("far", 1))).isEmpty();
    assertThat(Admission.client(null)).isEmpty();
  }
}
