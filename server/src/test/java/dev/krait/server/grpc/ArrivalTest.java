package dev.krait.server.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.service.BodyMemory;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class ArrivalTest {
  private final BodyMemory memory = new BodyMemory(100);
  private final List<Status> refused = new ArrayList<>();
  private final CompletableFuture<Void> late = new CompletableFuture<>();
  private final Arrival arrival = new Arrival(memory);

  ArrivalTest() {
    arrival.begin(refused::add, late);
  }

  @Test
  void bytesAreTakenAsTheyComeAndGivenBackWhenTheCallIsClosed() {
    arrival.inboundWireSize(20);
    arrival.inboundWireSize(20);
    assertThat(memory.used()).isEqualTo(40);
    arrival.inboundWireSize(30);
    assertThat(refused)
        .singleElement()
        .satisfies(
            status -> assertThat(status.getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED));
    arrival.inboundWireSize(30);
    assertThat(memory.used()).as("nothing more for a call that is refused").isEqualTo(40);
    arrival.streamClosed(Status.CANCELLED);
    assertThat(memory.used()).isZero();
  }

  @Test
  void whatIsRefusedIsNotAnsweredAlsoWhenItIsClosedBefore() {
    arrival.refuse(Status.INVALID_ARGUMENT);
    arrival.refuse(Status.DEADLINE_EXCEEDED);
    assertThat(refused).containsExactly(Status.INVALID_ARGUMENT);
    assertThat(late).isCancelled();
    assertThat(arrival.mayAnswer()).isFalse();
    arrival.streamClosed(Status.OK);
    assertThat(arrival.mayAnswer()).isFalse();
  }

  @Test
  void whatIsAnsweredIsNotRefused() {
    assertThat(arrival.mayAnswer()).isTrue();
    arrival.refuse(Status.DEADLINE_EXCEEDED);
    assertThat(refused).isEmpty();
    assertThat(late).isCancelled();
    assertThat(arrival.mayAnswer()).isTrue();
  }

  @Test
  void aCallThatItsClientEndsIsRefusedNoMore() {
    arrival.streamClosed(Status.CANCELLED);
    arrival.refuse(Status.DEADLINE_EXCEEDED);
    assertThat(refused).isEmpty();
    assertThat(late).isCancelled();
  }
}
